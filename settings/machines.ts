/** Sizes and numbers of machines, by the rows of cluster/roles.ts. */
import type { z } from "zod";

import { diskTypes, forEachRole, roleNames, roles, type DiskType, type Role } from "../cluster/roles.ts";
import { clusterKeys } from "./cluster.ts";
import { key, ruleOver, secondStack, type Key, type Refuse, type Rule, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";
import { networkKeys } from "./network.ts";
import { checkSize, platformIds } from "./platforms.ts";
import { demand, exceeded, newAccountQuotas } from "./quotas.ts";

const madeAnew = "Another one takes another machine: existing ones are made anew, one after another.";

/** The five keys of a role's size, `jumpHostCores` and so on. */
function sizeKeyNames<R extends Role>(role: R) {
    return {
        cores: `${role}Cores`,
        coreFraction: `${role}CoreFraction`,
        memoryGib: `${role}MemoryGib`,
        bootDiskSizeGib: `${role}BootDiskSizeGib`,
        bootDiskType: `${role}BootDiskType`,
    } as const;
}
type SizeKeyNames = ReturnType<typeof sizeKeyNames<Role>>;
type SizeKeys = Record<
    SizeKeyNames["cores" | "coreFraction" | "memoryGib" | "bootDiskSizeGib"],
    Key<z.ZodType<number>>
> &
    Record<SizeKeyNames["bootDiskType"], Key<z.ZodType<DiskType>>>;

/** Sentences that the description of a size has for one role only. */
const notes: Partial<Record<keyof SizeKeys, string>> = {
    databaseCoreFraction: "Below 100 only for trials.",
    databaseMemoryGib:
        "PostgreSQL's memory parameters and max_connections (25 for each GiB, 50 to 500) follow from it.",
    databaseBootDiskSizeGib: "etcd writes to it as well.",
    databaseBootDiskType: "etcd waits for it at every write, so keep it an SSD.",
};

function sizeKeys(role: Role): Partial<SizeKeys> {
    const names = sizeKeyNames(role);
    const { title, size } = roles[role];
    const described = (name: keyof SizeKeys, text: string, end = "") =>
        [text, notes[name], end].filter(Boolean).join(" ");
    return {
        [names.cores]: key({
            change: "rolling machine",
            kind: kind.whole(2, 96, "vCPUs"),
            default: size.cores,
            description: described(names.cores, `vCPUs of ${title}.`),
        }),
        [names.coreFraction]: key({
            change: "rolling machine",
            kind: kind.oneOfNumbers([5, 20, 50, 100], " (percent)"),
            default: size.coreFraction,
            description: described(
                names.coreFraction,
                `Guaranteed share of each vCPU of ${title}, percent: 5, 20, 50 or 100, as the platform allows.`,
            ),
        }),
        [names.memoryGib]: key({
            change: "rolling machine",
            kind: kind.gibibytes(1, 1280),
            default: size.memoryGib,
            description: described(names.memoryGib, `Memory of ${title}.`),
        }),
        [names.bootDiskSizeGib]: key({
            change: "rolling machine",
            kind: kind.whole(10, 4096, "GiB"),
            default: 20,
            description: described(names.bootDiskSizeGib, `Size of the boot disk of ${title}.`, madeAnew),
        }),
        [names.bootDiskType]: key({
            change: "rolling machine",
            kind: kind.oneOf(diskTypes),
            default: size.bootDiskType,
            description: described(
                names.bootDiskType,
                `Type of the boot disk of ${title}: ${diskTypes.slice(0, -1).join(", ")} or ${diskTypes.at(-1)}.`,
                madeAnew,
            ),
        }),
    };
}

const quota = kind.whole(0, 1_000_000).optional();
const quotaNames = Object.keys(newAccountQuotas) as (keyof typeof newAccountQuotas)[];
const quotaKinds = Object.fromEntries(quotaNames.map((name) => [name, quota])) as Record<
    keyof typeof newAccountQuotas,
    typeof quota
>;

export const machineKeys = {
    platformId: key({
        change: "rolling machine",
        kind: kind.oneOf(platformIds),
        default: "standard-v3",
        description: `Compute platform of every machine: ${platformIds.slice(0, -1).join(", ")} or ${platformIds.at(-1)}. It determines which sizes exist.`,
    }),
    databaseNodes: key({
        change: "live",
        kind: kind.oneOfNumbers(
            [3, 5],
            ": each node is an etcd member too, and an even number survives no more failures than one fewer",
        ),
        default: 3,
        description:
            "Number of database nodes, 3 or 5. Each runs PostgreSQL, Patroni, PgBouncer and an etcd member. It can be changed later: new nodes copy the leader's data, nodes that go leave the cluster first (docs/operations.md).",
    }),
    loadBalancers: key({
        change: "live",
        kind: kind.whole(1, roles.loadBalancer.most),
        default: 1,
        description:
            "Number of HAProxy machines, 1 to 4. Two or more share one address, that of an internal network load balancer.",
    }),
    ...(Object.assign({}, ...roleNames.map(sizeKeys)) as SizeKeys),
    databaseDataDiskSizeGib: key({
        change: "live",
        kind: kind.whole(10, 4096, "GiB"),
        default: 40,
        description:
            "Size of the disk for PostgreSQL's data and WAL. A network SSD gives 1,000 IOPS and 15 MB/s for each 32 GiB, so a small disk is a slow one. It can grow. It cannot shrink: the preview refuses that.",
    }),
    databaseDataDiskType: key({
        change: "fixed",
        kind: kind.oneOf(diskTypes),
        default: "network-ssd",
        description:
            "Type of the data disk. network-ssd-nonreplicated and network-ssd-io-m3 come in multiples of 93 GiB.",
        fixed: `a disk of another type is a new, empty disk, for all nodes at once. ${secondStack}`,
    }),
    loadBalancerMaxConnections: key({
        change: "live",
        kind: kind.whole(100, 20_000, "each takes two of the 50,000 connections Yandex allows a machine"),
        default: 2000,
        description:
            "Client connections one load balancer accepts, both ports together. 100 to 20,000 (Yandex allows a machine 50,000 connections, and each client takes two).",
    }),
    quotas: key({
        change: "live",
        kind: kind.object(quotaKinds, "must be a map of quotas"),
        default: {},
        description: `Map of the account's quotas that differ from a new account's (${quotaNames.map((name) => `${name} ${newAccountQuotas[name]}`).join(", ")}). A configuration that needs more is refused before anything is created.`,
    }),
};

type Configuration = Values<typeof clusterKeys & typeof networkKeys & typeof machineKeys>;
const rule = ruleOver<Configuration>();
const allSizeKeys = roleNames.flatMap((role) => Object.values(sizeKeyNames(role)));

export const machines: Subject = {
    title: "Machines",
    keys: machineKeys,
    rules: [
        ...roleNames.map(offered),
        rule(["databaseDataDiskSizeGib", "databaseDataDiskType"], (configuration, refuse) =>
            refuseDisk("databaseDataDiskSizeGib", dataDisk(configuration), refuse),
        ),
        rule(
            [
                ...allSizeKeys,
                "databaseNodes",
                "loadBalancers",
                "databaseDataDiskSizeGib",
                "databaseDataDiskType",
                "zones",
                "networkId",
                "quotas",
            ],
            (configuration, refuse) => {
                const wanted = demand({
                    ownNetwork: configuration.networkId === undefined,
                    zones: configuration.zones,
                    machines: fleet(configuration),
                    dataDisk: dataDisk(configuration),
                });
                const quotas = { ...newAccountQuotas, ...configuration.quotas };
                for (const name of exceeded(wanted, quotas)) {
                    const least = `must be at least ${wanted[name]}, which this configuration needs`;
                    refuse(
                        `quotas.${name}`,
                        quotas[name],
                        `${least}: configure less, or have the quota raised and set its new value here`,
                    );
                }
            },
        ),
    ],
};

/** A machine must be of a size, with a disk of a size, that Yandex offers. */
function offered(role: Role): Rule {
    const names = sizeKeyNames(role);
    return rule([...Object.values(names), "platformId"], (configuration, refuse) => {
        const { bootDisk, ...size } = sizeOf(role, configuration);
        const wrong = checkSize(configuration.platformId, size);
        if (wrong !== undefined) refuse(names[wrong.part], size[wrong.part], wrong.rule);
        refuseDisk(names.bootDiskSizeGib, bootDisk, refuse);
    });
}

/** Refuses a size that a disk of this type cannot have. */
function refuseDisk(name: string, { type, sizeGib }: DiskSettings, refuse: Refuse): void {
    const inSteps = type === "network-ssd-nonreplicated" || type === "network-ssd-io-m3";
    if (inSteps && sizeGib % 93 !== 0) refuse(name, sizeGib, `must be a multiple of 93 for ${type}`);
}

/** Size and type of a disk. */
export type DiskSettings = ReturnType<typeof dataDisk>;
/** Size of one machine of a role. */
export type MachineSettings = ReturnType<typeof sizeOf>;
/** All machines of a role. */
export type FleetSettings = MachineSettings & { readonly count: number };

function sizeOf(role: Role, configuration: Values<SizeKeys>) {
    const names = sizeKeyNames(role);
    return {
        /** Number of vCPUs. */
        cores: configuration[names.cores],
        /** Guaranteed share of each vCPU, in percent. */
        coreFraction: configuration[names.coreFraction],
        memoryGib: configuration[names.memoryGib],
        bootDisk: { sizeGib: configuration[names.bootDiskSizeGib], type: configuration[names.bootDiskType] },
    };
}

function dataDisk(configuration: Pick<Configuration, "databaseDataDiskSizeGib" | "databaseDataDiskType">) {
    return { sizeGib: configuration.databaseDataDiskSizeGib, type: configuration.databaseDataDiskType };
}

function fleet(configuration: Values<SizeKeys> & Pick<Configuration, "databaseNodes" | "loadBalancers">) {
    const counts: Partial<Record<Role, number>> = {
        database: configuration.databaseNodes,
        loadBalancer: configuration.loadBalancers,
    };
    return forEachRole((role): FleetSettings => ({ count: counts[role] ?? 1, ...sizeOf(role, configuration) }));
}

/** The settings of the machines. */
export function machineSettings(configuration: Values<typeof machineKeys>) {
    return {
        /** Yandex Compute platform of every machine. */
        platformId: configuration.platformId,
        /** Number and size of the machines of each role. */
        machines: fleet(configuration),
        /** PostgreSQL's own disk on a database node; etcd stays on the boot disk. */
        dataDisk: dataDisk(configuration),
        /** Connections one HAProxy machine takes, both ports together. */
        loadBalancerMaxConnections: configuration.loadBalancerMaxConnections,
    };
}
