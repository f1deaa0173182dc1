import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { loadBalancer, type LoadBalancerInputs } from "../cloud-init/roles/load-balancer.ts";
import type { MachineSettings } from "../settings/index.ts";
import type { Listener, Node } from "../cluster/address-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { configureMachine } from "./commands.ts";
import type { JumpHost } from "./jump-host.ts";
import { Machine, type MachineDefaults } from "./machine.ts";
import { NetworkLoadBalancer } from "./network-load-balancer.ts";

export interface LoadBalancerArgs {
    readonly defaults: MachineDefaults;
    readonly nodes: readonly Node[];
    /** Where a network load balancer in front of them listens. @default there is none */
    readonly networkLoadBalancer: Listener | undefined;
    readonly settings: MachineSettings;
    readonly inputs: pulumi.Input<LoadBalancerInputs>;
    readonly authority: CertificateAuthority;
    readonly jumpHost: JumpHost;
}

/** HAProxy, on one machine, or on several that a network load balancer joins. */
export class LoadBalancer extends pulumi.ComponentResource {
    readonly machines: readonly Machine[];
    readonly configured: readonly command.remote.Command[];
    readonly networkLoadBalancer: NetworkLoadBalancer | undefined;

    constructor(name: string, args: LoadBalancerArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:LoadBalancer", name, {}, opts);
        this.machines = args.nodes.map((node) => this.node(node, args));
        const throughJumpHost = args.jumpHost.open(`${name}-reachable`, this.machines, { parent: this });
        this.configured = this.machines.map((machine) =>
            configureMachine(machine, args.jumpHost.ssh, { parent: this, dependsOn: throughJumpHost }),
        );
        this.networkLoadBalancer = args.networkLoadBalancer && this.join(name, args, args.networkLoadBalancer);
        this.registerOutputs({});
    }

    private join(name: string, { defaults }: LoadBalancerArgs, listener: Listener): NetworkLoadBalancer {
        const { network, labels } = defaults;
        return new NetworkLoadBalancer(name, { network, labels, listener, machines: this.machines }, { parent: this });
    }

    private node(node: Node, args: LoadBalancerArgs): Machine {
        const certificate = args.authority.issue(node.hostname, {
            commonName: node.fqdn,
            dnsNames: [node.fqdn, node.hostname, "localhost"],
            ipAddresses: [node.address, "127.0.0.1"],
            // The balancer reads Patroni's roles, which needs no certificate; it must not be able to change anything.
            client: false,
        });
        const configuration = pulumi
            .all([args.inputs, certificate.certificatePem, certificate.privateKeyPem])
            .apply(([inputs, certificatePem, privateKeyPem]) =>
                loadBalancer(inputs, { certificateAndKeyPem: `${certificatePem.trim()}\n${privateKeyPem.trim()}\n` }),
            );
        return new Machine(
            node.hostname,
            { defaults: args.defaults, node, role: "loadBalancer", settings: args.settings, configuration },
            { parent: this },
        );
    }
}
