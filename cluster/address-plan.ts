/**
 * Every private address of the cluster, computed from the network's CIDR and each machine's position.
 *
 * So each machine can be told the others' addresses before any of them exists, user-data is complete in
 * preview, and a node that is replaced comes back under its old address.
 *
 * The network is cut into eight equal parts (its prefix length + 3), one for each zone in turn; the rest
 * stays free. In a subnet the first two addresses are Yandex's (gateway, DNS), and a machine's offset
 * depends on its own number alone, hence nothing moves when nodes are added:
 *
 * | offset | machine                          |
 * |--------|----------------------------------|
 * | 4      | jump host (first zone)           |
 * | 5…8    | load balancer 1…4                |
 * | 9      | network load balancer (first zone) |
 * | 10…14  | database node 1…5                |
 *
 * Number k of a role is in zone (k − 1) mod (number of zones).
 */
import type { Address4 } from "ip-address";
import { addressAt, parseCidr, part } from "./ipv4.ts";

/** What the plan is made from; a part of Settings. */
export interface AddressPlanInput {
    readonly clusterName: string;
    readonly zones: readonly string[];
    readonly network: { readonly cidr: string };
    readonly machines: {
        readonly database: { readonly count: number };
        readonly loadBalancer: { readonly count: number };
    };
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
    readonly jumpHost: Node;
    readonly databases: readonly Node[];
    /**
     * Of all database nodes that the cluster may ever have. Who may talk to whom is said with these, so that nothing of
     * it changes when nodes come or go: a node that is to go is still needed until it has handed over.
     */
    readonly databaseAddresses: readonly string[];
    readonly loadBalancers: readonly Node[];
    /** What joins several load balancers under one address; nothing does with one. */
    readonly networkLoadBalancer: Listener | undefined;
}

/** Prefix lengths a network may have: its parts must be subnets that Yandex accepts (/16…/28) and hold all offsets. */
export const networkPrefixLengths = { min: 16, max: 25 } as const;
export const maxZones = 8;
export const maxLoadBalancers = 4;
export const maxDatabaseNodes = 5;

const bitsOfPart = 3;
const offsets = { dnsServer: 2, jumpHost: 4, loadBalancer: 4, networkLoadBalancer: 9, database: 9 } as const;

/** Yandex's internal zone: an instance with a hostname gets the FQDN `<hostname>.<region>.internal`. */
const internalDomain = "ru-central1.internal";

/**
 * Computes the plan.
 * @throws RangeError when the network has host bits or a size out of range, or there are more machines or zones than offsets.
 */
export function addressPlan(input: AddressPlanInput): AddressPlan {
    const network = parseNetwork(input.network.cidr);
    requireAtMost("zones", input.zones.length, maxZones);
    requireAtMost("load balancers", input.machines.loadBalancer.count, maxLoadBalancers);
    requireAtMost("database nodes", input.machines.database.count, maxDatabaseNodes);

    const ranges = input.zones.map((zone, index) => ({
        zone,
        range: part(network, network.subnetMask + bitsOfPart, index),
    }));
    const node = (suffix: string, number: number, offset: number): Node => {
        const { zone, range } = ranges[(number - 1) % ranges.length]!;
        const hostname = `${input.clusterName}-${suffix}`;
        return { hostname, fqdn: `${hostname}.${internalDomain}`, zone, address: addressAt(range, offset) };
    };
    const numbered = (suffix: string, count: number, offset: number): readonly Node[] =>
        Array.from({ length: count }, (_, index) => node(`${suffix}-${index + 1}`, index + 1, offset + index + 1));
    const [first] = ranges;
    const listener = { zone: first!.zone, address: addressAt(first!.range, offsets.networkLoadBalancer) };

    return {
        cidr: input.network.cidr,
        subnets: ranges.map(({ zone, range }) => ({
            zone,
            cidr: range.networkForm(),
            dnsServer: addressAt(range, offsets.dnsServer),
        })),
        jumpHost: node("jump", 1, offsets.jumpHost),
        databases: numbered("db", input.machines.database.count, offsets.database),
        databaseAddresses: numbered("db", maxDatabaseNodes, offsets.database).map(({ address }) => address),
        loadBalancers: numbered("lb", input.machines.loadBalancer.count, offsets.loadBalancer),
        networkLoadBalancer: input.machines.loadBalancer.count > 1 ? listener : undefined,
    };
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
