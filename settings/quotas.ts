/**
 * What a configuration asks of the cloud, against the account's quotas: said before `up`, since the
 * cloud itself says it in the middle.
 */
import type { MachineSettings, Settings } from "./settings.ts";

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

type Demand = Pick<Settings, "zones" | "jumpHost" | "database" | "loadBalancer">;

/** What the stack will hold. */
export function demand({ zones, jumpHost, database, loadBalancer }: Demand): Quotas {
    const fleet: readonly (readonly [MachineSettings, number])[] = [
        [jumpHost, 1],
        [database, database.nodes],
        [loadBalancer, loadBalancer.count],
    ];
    const sum = (part: (machine: MachineSettings) => number): number =>
        fleet.reduce((total, [machine, count]) => total + count * part(machine), 0);
    const disks = [
        ...fleet.map(([machine, count]) => ({ ...machine.bootDisk, count })),
        { ...database.dataDisk, count: database.nodes },
    ];
    const storage = (...types: string[]): number =>
        disks
            .filter(({ type }) => types.includes(type))
            .reduce((total, { sizeGib, count }) => total + sizeGib * count, 0);

    return {
        networks: 1,
        subnets: zones.length,
        securityGroups: 3,
        publicAddresses: 1,
        machines: sum(() => 1),
        vcpus: sum(({ cores }) => cores),
        memoryGib: sum(({ memoryGib }) => memoryGib),
        disks: disks.reduce((total, { count }) => total + count, 0),
        ssdGib: storage("network-ssd"),
        hddGib: storage("network-hdd"),
        fastSsdGib: storage("network-ssd-nonreplicated", "network-ssd-io-m3"),
        // One for each zone that holds more than one database node.
        placementGroups: Math.min(zones.length, Math.max(0, database.nodes - zones.length)),
        networkLoadBalancers: loadBalancer.count > 1 ? 1 : 0,
    };
}

/** Names of the quotas that the demand exceeds. */
export function exceeded(wanted: Quotas, quotas: Quotas): readonly (keyof Quotas)[] {
    return (Object.keys(quotas) as (keyof Quotas)[]).filter((name) => wanted[name] > quotas[name]);
}
