/**
 * Who talks to whom: the one table that security groups, the hosts' firewalls and the documentation
 * are made from. What is not in it is refused.
 */
import type { AddressPlan } from "./address-plan.ts";
import { ports } from "./names.ts";
import { forEachRole, roleNames, roles, type Role } from "./roles.ts";

/** Who takes part in a flow. `network` is every address of the cluster's own network. */
export type Party = Role | "admin" | "client" | "network" | "internet" | "dns" | "networkLoadBalancer" | "healthChecks";
export type Protocol = "TCP" | "UDP" | "ICMP";

export interface Flow {
    readonly from: readonly Party[];
    readonly to: readonly Party[];
    readonly protocol: Protocol;
    /** Empty for ICMP. */
    readonly ports: readonly number[];
    readonly purpose: string;
    /** The flow is there only with more than one load balancer. */
    readonly balanced?: boolean;
}

/** Where Yandex's load balancers check their targets from (documentation of Network Load Balancer, "Health checks"). */
const healthCheckSources = ["198.18.235.0/24", "198.18.248.0/24"] as const;

const publicPorts = { dns: 53, http: 80, ntp: 123, https: 443 } as const;

export const flows: readonly Flow[] = [
    tcp("admin", "jumpHost", [ports.ssh], "SSH of administrators, the only way in from outside"),
    tcp("jumpHost", ["database", "loadBalancer"], [ports.ssh], "SSH to the machines behind"),
    tcp(
        "jumpHost",
        "loadBalancer",
        [ports.leader, ports.replicas, ports.statistics],
        "SSH tunnels to the endpoints and the statistics page",
    ),
    tcp("jumpHost", "database", [ports.pgbouncer], "SSH tunnels to a chosen node"),
    tcp(
        "client",
        "loadBalancer",
        [ports.leader, ports.replicas],
        "Applications: writes to the leader, reads from replicas",
    ),
    tcp("client", "database", [ports.pgbouncer], "Applications with a multi-host connection string"),
    tcp("loadBalancer", "database", [ports.pgbouncer], "Sessions of applications"),
    tcp("loadBalancer", "database", [ports.patroni], "Health check: role and lag of the node"),
    tcp("database", "database", [ports.etcdClient, ports.etcdPeer], "etcd"),
    tcp("database", "database", [ports.postgresql], "Replication, rewind, base backup"),
    tcp("database", "database", [ports.pgbouncer], "Check of another node's PgBouncer"),
    tcp("database", "database", [ports.patroni], "Patroni asks the others before a failover"),
    tcp("database", "loadBalancer", [ports.leader, ports.replicas], "Check of the endpoints after a change"),
    balanced(
        ["jumpHost", "database"],
        "networkLoadBalancer",
        [ports.leader, ports.replicas],
        "Tunnels to the common address of several load balancers, and its check",
    ),
    balanced(
        ["client", "jumpHost", "database"],
        "loadBalancer",
        [ports.balancedLeader, ports.balancedReplicas],
        "What the network load balancer passes on, with the sender's address",
    ),
    balanced("healthChecks", "loadBalancer", [ports.balancerHealth], "Does HAProxy serve?"),
    tcp(roleNames, "internet", [publicPorts.http, publicPorts.https], "Package repositories"),
    { from: roleNames, to: ["internet"], protocol: "UDP", ports: [publicPorts.ntp], purpose: "Time (NTP)" },
    {
        from: roleNames,
        to: ["dns"],
        protocol: "UDP",
        ports: [publicPorts.dns],
        purpose: "Names, from the subnet's DNS server",
    },
    tcp(roleNames, "dns", [publicPorts.dns], "Names, answers too long for UDP"),
    { from: ["network"], to: roleNames, protocol: "ICMP", ports: [], purpose: "Path MTU discovery, ping" },
    { from: roleNames, to: ["network"], protocol: "ICMP", ports: [], purpose: "Path MTU discovery, ping" },
];

function tcp(
    from: Party | readonly Party[],
    to: Party | readonly Party[],
    tcpPorts: readonly number[],
    purpose: string,
): Flow {
    return { from: [from].flat(), to: [to].flat(), protocol: "TCP", ports: tcpPorts, purpose };
}

function balanced(...args: Parameters<typeof tcp>): Flow {
    return { ...tcp(...args), balanced: true };
}

/** The rows of the table that a cluster has. */
export function flowsOf({ networkLoadBalancer }: AddressPlan): readonly Flow[] {
    return flows.filter((flow) => !flow.balanced || networkLoadBalancer !== undefined);
}

/** What the rules need besides the table. */
export interface FlowContext {
    readonly plan: AddressPlan;
    readonly adminCidrs: readonly string[];
    readonly clientCidrs: readonly string[];
}

/** One rule of a role's security group. */
export interface SecurityGroupRule {
    readonly direction: "ingress" | "egress";
    readonly protocol: Protocol;
    /** Absent for ICMP. */
    readonly port?: number;
    /** Address ranges, or the machines of a role: each one's private address. */
    readonly peer: { readonly cidrs: readonly string[] } | { readonly role: Role };
    readonly description: string;
}

/**
 * Rules of a role's security group, in the order of the table, one for each port and peer.
 * Security groups are stateful: answers need no rule.
 */
export function securityGroupRules(role: Role, context: FlowContext): readonly SecurityGroupRule[] {
    return flowsOf(context.plan).flatMap((flow) => [
        ...(flow.to.includes(role) ? rulesOf(flow, "ingress", flow.from, context) : []),
        ...(flow.from.includes(role) ? rulesOf(flow, "egress", flow.to, context) : []),
    ]);
}

function rulesOf(
    flow: Flow,
    direction: SecurityGroupRule["direction"],
    peers: readonly Party[],
    context: FlowContext,
): SecurityGroupRule[] {
    const portsOrNone = flow.ports.length > 0 ? flow.ports : [undefined];
    return peers.flatMap((peer) =>
        portsOrNone.map((port) => ({
            direction,
            protocol: flow.protocol,
            ...(port === undefined ? {} : { port }),
            peer: isRole(peer) ? { role: peer } : { cidrs: cidrsOf(peer, context) },
            description: flow.purpose,
        })),
    );
}

/** What an application's security group must let out: TCP to these ranges. */
export interface ApplicationRule {
    readonly protocol: "TCP";
    readonly port: number;
    readonly cidrs: readonly string[];
}

/** One rule for each port that applications connect to. Where several load balancers share an address, it is among theirs. */
export function applicationRules(plan: AddressPlan): readonly ApplicationRule[] {
    const shared = plan.networkLoadBalancer === undefined ? [] : [plan.networkLoadBalancer.address];
    return flows
        .filter(({ from, balanced: isPassedOn }) => from.includes("client") && !isPassedOn)
        .flatMap(({ to: [role], ports: opened }) => {
            const entrance = role === "loadBalancer" ? shared : [];
            const addresses = [...entrance, ...plan.ruleAddresses[role as Role]];
            return opened.map((port): ApplicationRule => ({
                protocol: "TCP",
                port,
                cidrs: addresses.map((one) => `${one}/32`),
            }));
        });
}

/** One rule of a host's own firewall. */
export interface InputRule {
    /** Address ranges and single addresses that may connect. */
    readonly sources: readonly string[];
    readonly protocol: Protocol;
    /** Empty for ICMP. */
    readonly ports: readonly number[];
    readonly purpose: string;
}

/**
 * What the machines of a role accept, in the order of the table. Machines are named by their planned addresses.
 *
 * Administrators may come from anywhere: for their addresses there is the security group alone. A machine gets its rules over
 * SSH, so an administrator with a new address could not bring the rule that lets them in.
 */
export function inputRules(role: Role, context: FlowContext): readonly InputRule[] {
    const anywhere = { ...context, adminCidrs: ["0.0.0.0/0"] };
    return flowsOf(context.plan)
        .filter((flow) => flow.to.includes(role))
        .map(({ from, protocol, ports: accepted, purpose }) => ({
            sources: from.flatMap((party) =>
                isRole(party) ? context.plan.ruleAddresses[party] : cidrsOf(party, anywhere),
            ),
            protocol,
            ports: accepted,
            purpose,
        }));
}

function cidrsOf(party: Exclude<Party, Role>, context: FlowContext): readonly string[] {
    switch (party) {
        case "admin":
            return context.adminCidrs;
        case "client":
            return context.clientCidrs;
        case "network":
            return [context.plan.cidr];
        case "internet":
            return ["0.0.0.0/0"];
        case "dns":
            return context.plan.subnets.map(({ dnsServer }) => `${dnsServer}/32`);
        case "networkLoadBalancer":
            return [`${context.plan.networkLoadBalancer!.address}/32`];
        case "healthChecks":
            return healthCheckSources;
    }
}

function isRole(party: Party): party is Role {
    return (roleNames as readonly Party[]).includes(party);
}

const partyNames: Readonly<Record<Party, string>> = {
    admin: "administrators (`adminCidrs`)",
    client: "applications (`clientCidrs`)",
    ...forEachRole((role) => roles[role].plural),
    network: "the cluster's network",
    internet: "Internet",
    dns: "the subnets' DNS servers",
    networkLoadBalancer: "network load balancer",
    healthChecks: "the cloud's health checks",
};

/** The table as Markdown, for the documentation. */
export function flowsMarkdown(): string {
    const names = (parties: readonly Party[]): string => {
        const others = parties.filter((party) => !isRole(party));
        const everyMachine = parties.length - others.length === roleNames.length;
        return everyMachine
            ? ["every machine", ...others.map((party) => partyNames[party])].join(", ")
            : parties.map((party) => partyNames[party]).join(", ");
    };
    const rows = flows.map(
        ({ from, to, protocol, ports: used, purpose, balanced: several }) =>
            `| ${names(from)} | ${names(to)} | ${[protocol, used.join(", ")].join(" ").trim()} | ${purpose}${several ? " (with several load balancers)" : ""} |`,
    );
    return ["| from | to | port | why |", "|---|---|---|---|", ...rows, ""].join("\n");
}
