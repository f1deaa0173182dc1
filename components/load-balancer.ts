import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { loadBalancer } from "../cloud-init/roles/load-balancer.ts";
import type { Listener, Node } from "../cluster/address-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { configureMachine } from "./commands.ts";
import type { JumpHost } from "./jump-host.ts";
import { Machine, type ClusterContext } from "./machine.ts";
import { NetworkLoadBalancer } from "./network-load-balancer.ts";

export interface LoadBalancerArgs {
    readonly context: ClusterContext;
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
        const { context, jumpHost } = args;
        const { nodes, networkLoadBalancer } = context.plan;
        this.machines = nodes.loadBalancer.map((node) => this.machine(node, args));
        const throughJumpHost = jumpHost.open(`${name}-reachable`, this.machines, { parent: this });
        this.configured = this.machines.map((machine) =>
            configureMachine(machine, jumpHost.ssh, { parent: this, dependsOn: throughJumpHost }),
        );
        this.networkLoadBalancer = networkLoadBalancer && this.join(name, context, networkLoadBalancer);
        this.registerOutputs({});
    }

    private join(name: string, { network, labels }: ClusterContext, listener: Listener): NetworkLoadBalancer {
        return new NetworkLoadBalancer(name, { network, labels, listener, machines: this.machines }, { parent: this });
    }

    private machine(node: Node, { context, authority }: LoadBalancerArgs): Machine {
        const { settings, plan } = context;
        const certificate = authority.issue(node.hostname, {
            commonName: node.fqdn,
            dnsNames: [node.fqdn, node.hostname, "localhost"],
            ipAddresses: [node.address, "127.0.0.1"],
            // The load balancer reads Patroni's roles, which needs no certificate. It must not be able to change anything.
            client: false,
        });
        const configuration = pulumi
            .output({
                caPem: authority.certificatePem,
                deployPublicKey: context.deployKey.publicKeyOpenssh,
                ...certificate,
            })
            .apply((late) => loadBalancer({ settings, plan, node }, late));
        return new Machine(node.hostname, { context, node, role: "loadBalancer", configuration }, { parent: this });
    }
}
