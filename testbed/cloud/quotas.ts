import type { Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { resourceExhausted } from "./api/errors.ts";
import { isHighSpeed, isNetworkSsd } from "./compute/disk-types.ts";
import type { Store } from "./state/store.ts";
import { dynamicPublicAddresses } from "./vpc/usage.ts";

const gib = 2 ** 30;

interface Quota {
    name: string;
    limit: number;
    /** In the limit's unit. */
    used: (store: Store) => number;
}

/**
 * The quotas of a new account, per cloud. Numbers: Yandex Cloud documentation, "Quotas and limits" of Compute Cloud,
 * Virtual Private Cloud and Network Load Balancer (en/_includes/{compute,vpc,load-balancer}-limits.md). Sizes are in GB, which Yandex means as 2^30 bytes.
 */
const quotas: readonly Quota[] = [
    { name: "vpc.networks.count", limit: 2, used: ({ networks }) => networks.all().length },
    { name: "vpc.subnets.count", limit: 6, used: ({ subnets }) => subnets.all().length },
    { name: "vpc.gateways.count", limit: 20, used: ({ gateways }) => gateways.all().length },
    { name: "vpc.routeTables.count", limit: 8, used: ({ routeTables }) => routeTables.all().length },
    { name: "vpc.staticRoutes.count", limit: 256, used: staticRoutes },
    { name: "vpc.securityGroups.count", limit: 10, used: ownSecurityGroups },
    { name: "vpc.externalStaticAddresses.count", limit: 2, used: staticPublicAddresses },
    { name: "vpc.externalAddresses.count", limit: 8, used: publicAddresses },
    { name: "compute.instances.count", limit: 12, used: ({ instances }) => instances.all().length },
    { name: "compute.instanceCores.count", limit: 32, used: cores },
    { name: "compute.instanceMemory.size", limit: 128, used: memoryGib },
    { name: "compute.disks.count", limit: 32, used: ({ disks }) => disks.all().length },
    { name: "compute.ssdDisks.size", limit: 200, used: diskSizesGib(isNetworkSsd) },
    { name: "compute.ssdNonReplicatedDisks.size", limit: 558, used: diskSizesGib(isHighSpeed) },
    { name: "compute.hddDisks.size", limit: 500, used: diskSizesGib((typeId) => typeId === "network-hdd") },
    { name: "compute.placementGroups.count", limit: 2, used: ({ placementGroups }) => placementGroups.all().length },
    { name: "ylb.networkLoadBalancers.count", limit: 2, used: (store) => store.networkLoadBalancers.all().length },
    { name: "ylb.targetGroups.count", limit: 100, used: ({ targetGroups }) => targetGroups.all().length },
];

/** @throws RESOURCE_EXHAUSTED when what is in the store goes beyond a quota */
export function requireQuotas(store: Store): void {
    for (const { name, limit, used } of quotas) {
        const amount = used(store);
        const unit = name.endsWith(".size") ? " GB" : "";
        if (amount > limit) throw resourceExhausted(`Quota limit ${name} exceeded: ${amount} of ${limit}${unit}`);
    }
}

function staticRoutes({ routeTables }: Store): number {
    return routeTables.all().flatMap((table) => table.staticRoutes).length;
}

/** A network's default group does not count. */
function ownSecurityGroups({ securityGroups }: Store): number {
    return securityGroups.where((group) => !group.defaultForNetwork).length;
}

function staticPublicAddresses({ addresses }: Store): number {
    return addresses.where((address) => address.externalIpv4Address !== undefined).length;
}

function publicAddresses(store: Store): number {
    return staticPublicAddresses(store) + dynamicPublicAddresses(store).length;
}

function cores({ instances }: Store): number {
    return sum(instances.all().map(({ resources }) => resources?.cores ?? 0));
}

function memoryGib({ instances }: Store): number {
    return sum(instances.all().map(({ resources }) => (resources?.memory ?? 0) / gib));
}

function diskSizesGib(isOfType: (typeId: Disk["typeId"]) => boolean) {
    return ({ disks }: Store) => sum(disks.where(({ typeId }) => isOfType(typeId)).map(({ size }) => size / gib));
}

function sum(values: number[]): number {
    return values.reduce((total, value) => total + value, 0);
}
