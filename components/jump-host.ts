import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import { jumpHost, waitForSshCommand, type JumpHostInputs } from "../cloud-init/roles/jump-host.ts";
import type { MachineSettings } from "../settings/index.ts";
import type { Node } from "../cluster/address-plan.ts";
import { configureMachine, remoteCommand } from "./commands.ts";
import { Machine, type MachineDefaults } from "./machine.ts";
import type { SshTarget } from "./ssh.ts";

export interface JumpHostArgs {
    readonly defaults: MachineDefaults;
    readonly node: Node;
    readonly settings: MachineSettings;
    readonly inputs: pulumi.Input<JumpHostInputs>;
}

/** The only machine with a public address: everybody's way to the others. */
export class JumpHost extends pulumi.ComponentResource {
    readonly machine: Machine;
    readonly publicAddress: pulumi.Output<string>;
    /** How Commands pass through. */
    readonly ssh: SshTarget;
    readonly configured: command.remote.Command;

    constructor(name: string, args: JumpHostArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:JumpHost", name, {}, opts);
        const { defaults, node, settings } = args;
        const address = new yandex.VpcAddress(
            `${name}-address`,
            { name: node.hostname, labels: defaults.labels, externalIpv4Address: { zoneId: node.zone } },
            { parent: this },
        );
        this.publicAddress = address.externalIpv4Address.apply((external) => external!.address);
        this.machine = new Machine(
            name,
            {
                defaults,
                node,
                role: "jumpHost",
                settings,
                configuration: pulumi.output(args.inputs).apply(jumpHost),
                publicAddress: this.publicAddress,
            },
            { parent: this },
        );
        this.ssh = this.machine.ssh;
        this.configured = configureMachine(this.machine, undefined, { parent: this });
        this.registerOutputs({ publicAddress: this.publicAddress });
    }

    /**
     * Makes sure that SSH answers on every given machine and that the jump host is through with its own
     * set-up. Whatever passes through it depends on what this returns, for two reasons:
     * - the command plug-in repeats a failed handshake over the same TCP connection, so through a proxy a
     *   connection that came too early never recovers;
     * - a firewall that starts under an open connection may take its next packet for one out of the blue.
     */
    open(name: string, machines: readonly Machine[], opts: pulumi.CustomResourceOptions): command.remote.Command[] {
        const targets = machines.map(({ node }) => `${node.hostname}=${node.address}`);
        const reachable = remoteCommand(
            name,
            {
                machine: this.machine,
                create: waitForSshCommand(targets, this.machine.readyTimeoutSeconds),
                triggers: machines.map(({ instance }) => instance.id),
                deadlineSeconds: this.machine.readyTimeoutSeconds,
            },
            opts,
        );
        return [reachable, this.configured];
    }
}
