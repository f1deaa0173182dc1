import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { AddressPlan } from "../cluster/address-plan.ts";
import { addressesOf, securityGroupRules, type Role, type SecurityGroupRule } from "../cluster/flows.ts";

export interface NetworkArgs {
    /** Every address of the cluster, computed before anything exists. */
    readonly plan: AddressPlan;
    /** Who may open SSH to the jump host. */
    readonly adminCidrs: readonly string[];
    /** Who may open database connections. */
    readonly clientCidrs: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
}

/** A private network: one subnet per zone, a NAT gateway for packages, one security group per role. */
export class Network extends pulumi.ComponentResource {
    readonly networkId: pulumi.Output<string>;
    private readonly subnetIds: Readonly<Record<string, pulumi.Output<string>>>;
    private readonly securityGroupIds: Readonly<Record<Role, pulumi.Output<string>>>;

    constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:Network", name, {}, opts);
        const { plan, labels } = args;
        const child = { parent: this };

        const network = new yandex.VpcNetwork(name, { name, labels }, child);
        const gateway = new yandex.VpcGateway(
            `${name}-nat`,
            { name: `${name}-nat`, labels, sharedEgressGateway: {} },
            child,
        );
        const routes = new yandex.VpcRouteTable(
            `${name}-routes`,
            {
                name: `${name}-routes`,
                networkId: network.id,
                labels,
                staticRoutes: [{ destinationPrefix: "0.0.0.0/0", gatewayId: gateway.id }],
            },
            child,
        );
        const subnet = (zone: string, cidr: string) =>
            new yandex.VpcSubnet(
                `${name}-${zone}`,
                {
                    name: `${name}-${zone}`,
                    networkId: network.id,
                    zone,
                    v4CidrBlocks: [cidr],
                    routeTableId: routes.id,
                    labels,
                },
                child,
            );
        const securityGroup = (role: Role, suffix: string) => {
            const rules = securityGroupRules(role, args).map((rule) => ({ ...rule, rule: toCloudRule(rule, plan) }));
            return new yandex.VpcSecurityGroup(
                `${name}-${suffix}`,
                {
                    name: `${name}-${suffix}`,
                    networkId: network.id,
                    labels,
                    ingresses: rules.filter(({ direction }) => direction === "ingress").map(({ rule }) => rule),
                    egresses: rules.filter(({ direction }) => direction === "egress").map(({ rule }) => rule),
                },
                child,
            ).id;
        };

        this.networkId = network.id;
        this.subnetIds = Object.fromEntries(plan.subnets.map(({ zone, cidr }) => [zone, subnet(zone, cidr).id]));
        this.securityGroupIds = {
            jumpHost: securityGroup("jumpHost", "jump"),
            database: securityGroup("database", "db"),
            loadBalancer: securityGroup("loadBalancer", "lb"),
        };
        this.registerOutputs({ networkId: this.networkId });
    }

    /** The subnet of a zone. Throws for a zone that the plan does not have. */
    subnetId(zone: string): pulumi.Output<string> {
        const id = this.subnetIds[zone];
        if (id === undefined) {
            throw new Error(`there is no subnet in zone ${zone}`);
        }
        return id;
    }

    securityGroupId(role: Role): pulumi.Output<string> {
        return this.securityGroupIds[role];
    }
}

/**
 * Peers are written as addresses, not as groups: the plan knows them, a diff shows them, and two
 * groups that name each other could not be created.
 */
function toCloudRule(rule: SecurityGroupRule, plan: AddressPlan) {
    const cidrs =
        "role" in rule.peer
            ? addressesOf(rule.peer.role, plan).map((address) => `${address}/32`)
            : [...rule.peer.cidrs];
    return {
        protocol: rule.protocol,
        description: rule.description,
        v4CidrBlocks: cidrs,
        ...(rule.port === undefined ? {} : { port: rule.port }),
    };
}
