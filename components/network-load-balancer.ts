import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import { ports } from "../cluster/names.ts";
import type { Listener } from "../cluster/address-plan.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";

export interface NetworkLoadBalancerArgs {
    readonly network: Network;
    readonly listener: Listener;
    /** The load balancers that it leads to. */
    readonly machines: readonly Machine[];
    readonly labels: Readonly<Record<string, string>>;
}

/**
 * One private address in front of several load balancers. The network itself carries it: in a cloud network no
 * machine can take over another's address, as keepalived would.
 */
export class NetworkLoadBalancer extends pulumi.ComponentResource {
    readonly balancer: yandex.LbNetworkLoadBalancer;

    constructor(name: string, args: NetworkLoadBalancerArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:NetworkLoadBalancer", name, {}, opts);
        const { network, listener, machines, labels } = args;
        const child = { parent: this };

        const targets = new yandex.LbTargetGroup(
            name,
            {
                name,
                labels,
                targets: machines.map(({ node }) => ({ subnetId: network.subnetId(node.zone), address: node.address })),
            },
            { ...child, dependsOn: machines.map(({ instance }) => instance) },
        );
        const internalAddressSpec = {
            subnetId: network.subnetId(listener.zone),
            address: listener.address,
            ipVersion: "ipv4",
        };
        this.balancer = new yandex.LbNetworkLoadBalancer(
            name,
            {
                name,
                type: "internal",
                labels,
                listeners: [
                    {
                        name: "leader",
                        protocol: "tcp",
                        port: ports.leader,
                        targetPort: ports.balancedLeader,
                        internalAddressSpec,
                    },
                    {
                        name: "replicas",
                        protocol: "tcp",
                        port: ports.replicas,
                        targetPort: ports.balancedReplicas,
                        internalAddressSpec,
                    },
                ],
                attachedTargetGroups: [
                    {
                        targetGroupId: targets.id,
                        healthchecks: [
                            { name: "haproxy", ...CHECK, httpOptions: { port: ports.balancerHealth, path: "/" } },
                        ],
                    },
                ],
            },
            child,
        );
        this.registerOutputs({ address: listener.address });
    }
}

/** Yandex's fastest but for an interval of 1 s, in seconds: a load balancer that hangs is noticed within about 5. */
const CHECK = { interval: 2, timeout: 1, unhealthyThreshold: 2, healthyThreshold: 2 } as const;

/** From when a target serves to when it gets connections. */
export const NOTICED_SECONDS = CHECK.interval * (CHECK.healthyThreshold + 1);
