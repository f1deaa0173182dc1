/**
 * Compares the planned resources with the account's quotas, so that `up` fails before it creates anything instead of
 * half-way.
 */
import { roleNames, type DiskType, type Role } from "../cluster/roles.ts";

/** Amounts of resources, by the names of the setting `quotas`. */
export interface Quotas {
    readonly networks: number;
    readonly subnets: number;
    readonly securityGroups: number;
    readonly publicAddresses: number;
    readonly machines: number;
    readonly vcpus: number;
    readonly memoryGib: number;
    readonly disks: number;
    readonly ssdGib: number;
    readonly hddGib: number;
    /** Non-replicated and io-m3 disks. */
    readonly fastSsdGib: number;
    readonly placementGroups: number;
    readonly networkLoadBalancers: number;
}

/** A new account's. Source: documentation of Yandex VPC, Compute and Network Load Balancer, "Quotas and limits" (2025). */
export const newAccountQuotas: Quotas = {
    networks: 2,
    subnets: 6,
    securityGroups: 10,
    publicAddresses: 8,
    machines: 12,
    vcpus: 32,
    memoryGib: 128,
    disks: 32,
    ssdGib: 200,
    hddGib: 500,
    fastSsdGib: 558,
    placementGroups: 2,
    networkLoadBalancers: 2,
};

interface Disk {
    readonly sizeGib: number;
    readonly type: DiskType;
}

/** All machines of a role. */
interface Fleet {
    readonly count: number;
    readonly cores: number;
    readonly memoryGib: number;
    readonly bootDisk: Disk;
}

/** The part of the settings that determines how many resources the stack needs. */
interface Demand {
    /** Whether the stack makes a network. */
    readonly ownNetwork: boolean;
    readonly zones: readonly string[];
    readonly machines: Readonly<Record<Role, Fleet>>;
    readonly dataDisk: Disk;
}

/** The resources that the stack will have. */
export function demand({ ownNetwork, zones, machines, dataDisk }: Demand): Quotas {
    const fleet = Object.values(machines);
    const databaseNodes = machines.database.count;
    const sum = (part: (machine: Fleet) => number): number =>
        fleet.reduce((total, machine) => total + machine.count * part(machine), 0);
    const disks = [
        ...fleet.map(({ bootDisk, count }) => ({ ...bootDisk, count })),
        { ...dataDisk, count: databaseNodes },
    ];
    const storage = (...types: string[]): number =>
        disks
            .filter(({ type }) => types.includes(type))
            .reduce((total, { sizeGib, count }) => total + sizeGib * count, 0);

    return {
        networks: ownNetwork ? 1 : 0,
        subnets: zones.length,
        securityGroups: roleNames.length,
        publicAddresses: 1,
        machines: sum(() => 1),
        vcpus: sum(({ cores }) => cores),
        memoryGib: sum(({ memoryGib }) => memoryGib),
        disks: disks.reduce((total, { count }) => total + count, 0),
        ssdGib: storage("network-ssd"),
        hddGib: storage("network-hdd"),
        fastSsdGib: storage("network-ssd-nonreplicated", "network-ssd-io-m3"),
        // One for each zone that holds more than one database node.
        placementGroups: Math.min(zones.length, Math.max(0, databaseNodes - zones.length)),
        networkLoadBalancers: machines.loadBalancer.count > 1 ? 1 : 0,
    };
}

/** Names of the quotas that the demand exceeds. */
export function exceeded(wanted: Quotas, quotas: Quotas): readonly (keyof Quotas)[] {
    return (Object.keys(quotas) as (keyof Quotas)[]).filter((name) => wanted[name] > quotas[name]);
}
