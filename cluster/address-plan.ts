/**
 * Every private address of the cluster, computed from the network's CIDR and each machine's position.
 *
 * Therefore user-data is complete in the preview, each machine knows the addresses of the others before they exist, and a
 * machine that is replaced gets its old address again.
 *
 * The network is cut into eight equal parts (its prefix length + 3), one for each zone in turn. The rest stays free. In a
 * subnet the first two addresses are Yandex's (gateway, DNS). A machine's offset depends on its role and its own number
 * only (cluster/roles.ts), so no address changes when machines are added:
 *
 * | offset | machine                            |
 * |--------|------------------------------------|
 * | 4      | jump host (first zone)             |
 * | 5…8    | load balancer 1…4                  |
 * | 9      | network load balancer (first zone) |
 * | 10…14  | database node 1…5                  |
 *
 * Number k of a role is in zone (k − 1) mod (number of zones).
 */
import type { Address4 } from "ip-address";

import { addressAt, parseCidr, part } from "./ipv4.ts";
import type { Peer } from "./names.ts";
import { forEachRole, roles, type Role } from "./roles.ts";

/** What the plan is made from; a part of Settings. */
export interface AddressPlanInput {
    readonly clusterName: string;
    readonly zones: readonly string[];
    readonly network: { readonly cidr: string };
    readonly machines: Readonly<Record<Role, { readonly count: number }>>;
}

/** Where something that is no machine listens. */
export interface Listener {
    readonly zone: string;
    /** Private IPv4 address. */
    readonly address: string;
}

/** A machine's place in the network. */
export interface Node {
    /** Unique in the cluster; also the instance's name. */
    readonly hostname: string;
    readonly fqdn: string;
    readonly zone: string;
    /** Private IPv4 address. */
    readonly address: string;
}

export interface Subnet {
    readonly zone: string;
    readonly cidr: string;
    /** Yandex's DNS server in this subnet: its second address. */
    readonly dnsServer: string;
}

export interface AddressPlan {
    /** The whole network. */
    readonly cidr: string;
    /** One for each zone, in the order of the zones. */
    readonly subnets: readonly Subnet[];
    /** The machines of each role, in the order of their numbers. */
    readonly nodes: Readonly<Record<Role, readonly [Node, ...Node[]]>>;
    /** What security groups and firewalls name for each role; see `rulesNameAll` in roles.ts. */
    readonly ruleAddresses: Readonly<Record<Role, readonly string[]>>;
    /** The address that several load balancers share. One load balancer has none. */
    readonly networkLoadBalancer: Listener | undefined;
}

/** Prefix lengths a network may have: its parts must be subnets that Yandex accepts (/16…/28) and hold all offsets. */
export const networkPrefixLengths = { min: 16, max: 25 } as const;
export const maxZones = 8;

const bitsOfPart = 3;
const offsets = { dnsServer: 2, networkLoadBalancer: 9 } as const;

/** Yandex's internal zone: an instance with a hostname gets the FQDN `<hostname>.<region>.internal`. */
const internalDomain = "ru-central1.internal";

/**
 * Computes the plan.
 * @throws RangeError when the network has host bits or a size out of range, or there are more machines or zones than offsets.
 */
export function addressPlan(input: AddressPlanInput): AddressPlan {
    const network = parseNetwork(input.network.cidr);
    requireAtMost("zones", input.zones.length, maxZones);
    forEachRole((role) => requireAtMost(roles[role].plural, input.machines[role].count, roles[role].most));

    const ranges = input.zones.map((zone, index) => ({
        zone,
        range: part(network, network.subnetMask + bitsOfPart, index),
    }));
    const node = (role: Role, number: number): Node => {
        const { suffix, most, firstOffset } = roles[role];
        const { zone, range } = ranges[(number - 1) % ranges.length]!;
        const hostname = [input.clusterName, suffix, ...(most > 1 ? [number] : [])].join("-");
        const address = addressAt(range, firstOffset + number - 1);
        return { hostname, fqdn: `${hostname}.${internalDomain}`, zone, address };
    };
    const firstNodes = (role: Role, count: number) =>
        Array.from({ length: count }, (_, index) => node(role, index + 1)) as [Node, ...Node[]];
    const [first] = ranges;
    const listener = { zone: first!.zone, address: addressAt(first!.range, offsets.networkLoadBalancer) };

    return {
        cidr: input.network.cidr,
        subnets: ranges.map(({ zone, range }) => ({
            zone,
            cidr: range.networkForm(),
            dnsServer: addressAt(range, offsets.dnsServer),
        })),
        nodes: forEachRole((role) => firstNodes(role, input.machines[role].count)),
        ruleAddresses: forEachRole((role) => {
            const { rulesNameAll, most } = roles[role];
            return firstNodes(role, rulesNameAll ? most : input.machines[role].count).map(({ address }) => address);
        }),
        networkLoadBalancer: input.machines.loadBalancer.count > 1 ? listener : undefined,
    };
}

/** A machine as the others see it. */
export function peer({ hostname, fqdn, address }: Node): Peer {
    return { name: hostname, fqdn, address };
}

/** What applications connect to: every load balancer, and the address that several of them share. */
export function entrances({ nodes, networkLoadBalancer }: AddressPlan): readonly Peer[] {
    const shared = networkLoadBalancer === undefined ? [] : [networkLoadBalancer];
    return [
        ...nodes.loadBalancer.map(peer),
        ...shared.map(({ address }) => ({ name: "network load balancer", fqdn: address, address })),
    ];
}

function parseNetwork(cidr: string): Address4 {
    const network = parseCidr(cidr);
    const { min, max } = networkPrefixLengths;
    if (network === undefined || network.subnetMask < min || network.subnetMask > max) {
        throw new RangeError(`network ${cidr}: must be an IPv4 range without host bits, /${min} to /${max}`);
    }
    return network;
}

function requireAtMost(what: string, count: number, most: number): void {
    if (count < 1 || count > most) throw new RangeError(`${count} ${what}: must be 1 to ${most}`);
}
