import type { HealthCheck, NetworkState, SecurityRule } from "./driver.ts";
import { type Block, contains, formatAddress, parseAddress, parseBlock } from "./ipv4.ts";
import { machineInterface } from "./names.ts";

/** The testbed's "Internet", in a block that RFC 5737 reserves for documentation. */
export const internet = {
    cidr: "203.0.113.0/24",
    prefixLength: 24,
    /** The cloud's own end; the NAT gateway's address. */
    router: "203.0.113.1",
    /** The Internet's hosts: one namespace with several addresses. */
    hosts: "203.0.113.2",
    /** Source of all connections from the host to public addresses. */
    administrator: "203.0.113.10",
    /** HTTP server of packages. */
    repository: "203.0.113.80",
} as const;

/** Names that every machine can resolve. */
export const internetNames: Record<string, string> = { "repo.testbed": internet.repository };

/** The cloud's link-local address of the metadata service. */
export const metadataAddress = "169.254.169.254";

/** Source of load balancers' health checks: one of the addresses that the cloud uses. */
export const healthCheckAddress = "198.18.235.2";

/** An interface, with everything that its subnet determines. */
export interface PlannedInterface {
    instanceId: string;
    hostname: string;
    fqdn: string;
    networkId: string;
    zone: string;
    macAddress: string;
    address: string;
    prefixLength: number;
    gateway: string;
    dns: string;
    publicAddress?: string;
    /** The cloud's end of the cable. */
    hostInterface: string;
    securityGroupIds: string[];
}

export interface PlannedSubnet {
    id: string;
    networkId: string;
    zone: string;
    block: Block;
    cidr: string;
    gateway: string;
    dns: string;
    hasInternetRoute: boolean;
}

export interface PlannedNetworkLoadBalancer {
    id: string;
    name: string;
    address: string;
    listeners: { port: number; targetPort: number }[];
    targets: { address: string; zone: string }[];
    healthCheck: HealthCheck;
}

/** A network's state, with everything that routes, filters and names are derived from. */
export interface NetworkPlan {
    /** In the order of addresses. The cloud's own order is that of creation, which varies. */
    subnets: PlannedSubnet[];
    interfaces: PlannedInterface[];
    /** Groups by id, with the default group of each network that needs one. */
    securityGroups: { id: string; rules: SecurityRule[]; members: string[] }[];
    networkLoadBalancers: PlannedNetworkLoadBalancer[];
}

/** Id of the group that a NIC without groups belongs to. */
const defaultGroup = (networkId: string): string => `default-${networkId}`;

/** Allows traffic within the group and all outgoing traffic, like the cloud's default group. */
const defaultRules: SecurityRule[] = [
    { direction: "ingress", protocol: "ANY", selfSecurityGroup: true },
    { direction: "egress", protocol: "ANY", cidrs: ["0.0.0.0/0"] },
];

/**
 * Derives gateways, name servers, interface names and group members.
 * @throws Error if the testbed cannot represent the state: overlapping subnets, an address outside of
 * its subnet or used twice, a second NIC on a machine, an unknown subnet or group, a load balancer or a target of one
 * outside of all subnets.
 */
export function planNetwork(state: NetworkState): NetworkPlan {
    const subnets = state.subnets.map(planSubnet).sort((a, b) => a.block.first - b.block.first);
    refuseOverlaps(subnets);

    const subnetsById = new Map(subnets.map((subnet) => [subnet.id, subnet]));
    const groupIds = new Set(state.securityGroups.map((group) => group.id));
    const seen = new Map<string, string>();
    const interfaces = state.interfaces.map((nic): PlannedInterface => {
        const name = `interface ${nic.index} of ${nic.hostname}`;
        if (nic.index !== 0) throw new Error(`${name}: a machine of the testbed has one interface`);
        const subnet = subnetsById.get(nic.subnetId);
        if (!subnet) throw new Error(`${name}: unknown subnet ${nic.subnetId}`);
        if (!contains(subnet.block, nic.address)) throw new Error(`${name}: ${nic.address} is not in ${subnet.cidr}`);
        const other = seen.get(nic.address);
        if (other) throw new Error(`${name}: ${nic.address} is ${other}'s`);
        seen.set(nic.address, nic.hostname);
        for (const id of nic.securityGroupIds) {
            if (!groupIds.has(id)) throw new Error(`${name}: unknown security group ${id}`);
        }
        return {
            instanceId: nic.instanceId,
            hostname: nic.hostname,
            fqdn: nic.fqdn,
            networkId: subnet.networkId,
            zone: subnet.zone,
            macAddress: nic.macAddress,
            address: nic.address,
            prefixLength: subnet.block.prefixLength,
            gateway: subnet.gateway,
            dns: subnet.dns,
            ...(nic.publicAddress ? { publicAddress: nic.publicAddress } : {}),
            hostInterface: machineInterface(nic.instanceId),
            securityGroupIds: nic.securityGroupIds.length > 0 ? nic.securityGroupIds : [defaultGroup(subnet.networkId)],
        };
    });

    const subnetOf = (address: string, name: string): PlannedSubnet => {
        const subnet = subnets.find(({ block }) => contains(block, address));
        if (!subnet) throw new Error(`load balancer ${name}: ${address} is in no subnet`);
        return subnet;
    };
    const networkLoadBalancers = (state.networkLoadBalancers ?? []).map((balancer): PlannedNetworkLoadBalancer => {
        const { address, name } = balancer;
        subnetOf(address, name);
        const other = seen.get(address);
        if (other) throw new Error(`load balancer ${name}: ${address} is ${other}'s`);
        seen.set(address, name);
        return {
            ...balancer,
            targets: balancer.targets.map((target) => ({ address: target, zone: subnetOf(target, name).zone })),
        };
    });

    const networkIds = [...new Set(subnets.map((subnet) => subnet.networkId))];
    const groups = [
        ...state.securityGroups.map(({ id, rules }) => ({ id, rules })),
        ...networkIds.map((id) => ({ id: defaultGroup(id), rules: defaultRules })),
    ];
    return {
        subnets,
        interfaces,
        networkLoadBalancers,
        securityGroups: groups.map((group) => ({
            ...group,
            members: interfaces.filter((nic) => nic.securityGroupIds.includes(group.id)).map((nic) => nic.address),
        })),
    };
}

function planSubnet(subnet: NetworkState["subnets"][number]): PlannedSubnet {
    const block = parseBlock(subnet.cidr);
    return {
        ...subnet,
        block,
        gateway: formatAddress(block.first + 1),
        dns: formatAddress(block.first + 2),
    };
}

/**
 * The testbed has one routing table for all networks, so blocks must not overlap between networks either.
 * @param subnets by address
 */
function refuseOverlaps(subnets: PlannedSubnet[]): void {
    subnets.slice(1).forEach((subnet, index) => {
        const previous = subnets[index];
        if (previous && subnet.block.first <= previous.block.last) {
            throw new Error(`the testbed cannot have overlapping subnets: ${previous.cidr} and ${subnet.cidr}`);
        }
    });
}

/**
 * TCP ports at which the host must listen for a public address: the single ports that the NIC's
 * groups admit from blocks (a range would mean thousands of listeners), and SSH.
 */
export function publicPorts(plan: NetworkPlan, nic: PlannedInterface): number[] {
    const ports = new Set([22]);
    for (const group of plan.securityGroups) {
        if (!nic.securityGroupIds.includes(group.id)) continue;
        for (const rule of group.rules) {
            const singlePort = rule.fromPort !== undefined && (rule.toPort ?? rule.fromPort) === rule.fromPort;
            const admitsTcp = ["TCP", "ANY"].includes(rule.protocol.toUpperCase());
            if (rule.direction === "ingress" && admitsTcp && singlePort && rule.cidrs?.length)
                ports.add(rule.fromPort as number);
        }
    }
    return [...ports].sort((a, b) => a - b);
}

/** Addresses for clients, from the top of the subnet's range downwards, without the broadcast address. */
export function* clientAddresses(plan: NetworkPlan, subnet: PlannedSubnet): Generator<string> {
    const taken = new Set(
        [...plan.interfaces, ...plan.networkLoadBalancers].map(({ address }) => parseAddress(address)),
    );
    for (let number = subnet.block.last - 1; number > subnet.block.first + 2; number--) {
        if (!taken.has(number)) yield formatAddress(number);
    }
}
