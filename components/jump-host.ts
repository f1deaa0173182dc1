import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import { findBySshCommand, jumpHost, waitForSshCommand } from "../cloud-init/roles/jump-host.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { configureMachine, remoteCommand } from "./commands.ts";
import { Machine, type ClusterContext } from "./machine.ts";
import type { SshTarget } from "./ssh.ts";

export interface JumpHostArgs {
    readonly context: ClusterContext;
    readonly authority: CertificateAuthority;
}

/** The only machine with a public address: the way to all others. */
export class JumpHost extends pulumi.ComponentResource {
    readonly machine: Machine;
    readonly publicAddress: pulumi.Output<string>;
    /** How Commands pass through. */
    readonly ssh: SshTarget;
    readonly configured: command.remote.Command;

    constructor(name: string, { context, authority }: JumpHostArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:JumpHost", name, {}, opts);
        const { settings, plan, labels, deployKey } = context;
        const [node] = plan.nodes.jumpHost;
        const address = new yandex.VpcAddress(
            `${name}-address`,
            { name: node.hostname, labels, externalIpv4Address: { zoneId: node.zone } },
            { parent: this },
        );
        this.publicAddress = address.externalIpv4Address.apply((external) => external!.address);
        this.machine = new Machine(
            name,
            {
                context,
                node,
                role: "jumpHost",
                configuration: pulumi
                    .output({ caPem: authority.certificatePem, deployPublicKey: deployKey.publicKeyOpenssh })
                    .apply((late) => jumpHost({ settings, plan, node }, late)),
                publicAddress: this.publicAddress,
            },
            { parent: this },
        );
        this.ssh = this.machine.ssh;
        this.configured = configureMachine(this.machine, undefined, { parent: this });
        this.registerOutputs({ publicAddress: this.publicAddress });
    }

    /**
     * Waits until SSH answers on every given machine and the jump host is configured. Every Command that passes through the
     * jump host depends on what this returns, for two reasons:
     * - The command plug-in repeats a failed handshake over the same TCP connection. A connection through a proxy that is
     *   opened too early therefore never recovers.
     * - When nftables starts, connections that are already open are unknown to conntrack, and their next packet is dropped
     *   as invalid.
     */
    open(name: string, machines: readonly Machine[], opts: pulumi.CustomResourceOptions): command.remote.Command[] {
        const reachable = remoteCommand(
            name,
            {
                machine: this.machine,
                create: waitForSshCommand(sshTargets(machines), this.machine.readyTimeoutSeconds),
                triggers: machines.map(({ instance }) => instance.id),
                deadlineSeconds: this.machine.readyTimeoutSeconds,
            },
            opts,
        );
        return [reachable, this.configured];
    }

    /**
     * Finds a machine that answers, for what any of them can do. One that is lost then stops nothing but what is its own.
     * @param revisions of what runs there: it is looked for anew with each
     */
    findAny(
        name: string,
        machines: readonly Machine[],
        revisions: readonly pulumi.Output<string>[],
        opts: pulumi.CustomResourceOptions,
    ): SshTarget {
        const found = remoteCommand(
            name,
            {
                machine: this.machine,
                create: findBySshCommand(sshTargets(machines), this.machine.readyTimeoutSeconds),
                revisions,
                triggers: machines.map(({ instance }) => instance.id),
                deadlineSeconds: this.machine.readyTimeoutSeconds,
            },
            opts,
        );
        // A preview may have the answer of an earlier list, with a machine that is to go.
        const answering = found.stdout.apply(
            (said) => machines.find(({ node }) => node.hostname === said.trim()) ?? machines[0]!,
        );
        return {
            ...machines[0]!.ssh,
            host: answering.apply(({ address }) => address),
            hostKey: answering.apply(({ hostKey }) => hostKey),
        };
    }
}

const sshTargets = (machines: readonly Machine[]) => machines.map(({ node }) => `${node.hostname}=${node.address}`);
