import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { AddressPlan, Subnet } from "../cluster/address-plan.ts";
import { securityGroupRules, type SecurityGroupRule } from "../cluster/flows.ts";
import { forEachRole, roles, type Role } from "../cluster/roles.ts";

export interface NetworkArgs {
    /** A network that exists. @default a new one */
    readonly id?: string | undefined;
    /** A route table of that network. @default a new one, with routes through a new NAT gateway */
    readonly routeTableId?: string | undefined;
    /** Every address of the cluster, computed before anything exists. */
    readonly plan: AddressPlan;
    /** Who may open SSH to the jump host. */
    readonly adminCidrs: readonly string[];
    /** Who may open database connections. */
    readonly clientCidrs: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
}

/** Private subnets, one per zone, in a network of their own or one that exists; a NAT gateway for packages; one security group per role. */
export class Network extends pulumi.ComponentResource {
    readonly networkId: pulumi.Output<string>;
    /** By zone. */
    readonly subnetIds: Readonly<Record<string, pulumi.Output<string>>>;
    private readonly securityGroupIds: Readonly<Record<Role, pulumi.Output<string>>>;

    constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:Network", name, {}, opts);
        const { plan, labels } = args;

        this.networkId =
            args.id === undefined
                ? new yandex.VpcNetwork(name, { name, labels }, { parent: this }).id
                : pulumi.output(args.id);
        const routeTableId = args.routeTableId ?? this.routeThroughGateway(name, labels);
        this.subnetIds = Object.fromEntries(
            plan.subnets.map((subnet) => [
                subnet.zone,
                this.subnet(`${name}-${subnet.zone}`, subnet, routeTableId, labels),
            ]),
        );
        this.securityGroupIds = forEachRole((role) => this.securityGroup(`${name}-${roles[role].suffix}`, role, args));
        this.registerOutputs({ networkId: this.networkId });
    }

    /** A NAT gateway, and the routes through it. */
    private routeThroughGateway(name: string, labels: NetworkArgs["labels"]): pulumi.Output<string> {
        const gateway = new yandex.VpcGateway(
            `${name}-nat`,
            { name: `${name}-nat`, labels, sharedEgressGateway: {} },
            { parent: this },
        );
        const routes = new yandex.VpcRouteTable(
            `${name}-routes`,
            {
                name: `${name}-routes`,
                networkId: this.networkId,
                labels,
                staticRoutes: [{ destinationPrefix: "0.0.0.0/0", gatewayId: gateway.id }],
            },
            { parent: this },
        );
        return routes.id;
    }

    private subnet(
        name: string,
        { zone, cidr }: Subnet,
        routeTableId: pulumi.Input<string>,
        labels: NetworkArgs["labels"],
    ) {
        const subnet = new yandex.VpcSubnet(
            name,
            { name, networkId: this.networkId, zone, v4CidrBlocks: [cidr], routeTableId, labels },
            { parent: this },
        );
        return subnet.id;
    }

    private securityGroup(name: string, role: Role, args: NetworkArgs): pulumi.Output<string> {
        const rules = securityGroupRules(role, args);
        const toward = (direction: SecurityGroupRule["direction"]) =>
            rules.filter((rule) => rule.direction === direction).map((rule) => toCloudRule(rule, args.plan));
        const group = new yandex.VpcSecurityGroup(
            name,
            {
                name,
                networkId: this.networkId,
                labels: args.labels,
                ingresses: toward("ingress"),
                egresses: toward("egress"),
            },
            { parent: this },
        );
        return group.id;
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
            ? plan.ruleAddresses[rule.peer.role].map((address) => `${address}/32`)
            : [...rule.peer.cidrs];
    return {
        protocol: rule.protocol,
        description: rule.description,
        v4CidrBlocks: cidrs,
        ...(rule.port === undefined ? {} : { port: rule.port }),
    };
}
