/** Rules between keys. Each names the keys it reads, and is left out when one of them is wrong by itself. */
import { parseCidr } from "../cluster/ipv4.ts";
import type { Mistake } from "./mistakes.ts";
import { connectionsBesidePooler, poolerConnections } from "./pgbouncer-sizing.ts";
import { checkSize } from "./platforms.ts";
import { checkParameter, numberOf, toMib, waitsForStandby } from "./postgresql-parameters.ts";
import { checkTimings, resolveTimings } from "../cluster/timings.ts";
import { demand, exceeded, newAccountQuotas } from "./quotas.ts";
import { machine, machines, poolerSize, poolSize, postgresqlParameters, type MachineRole } from "./resolve.ts";
import { programLabels, type Configuration, type Key } from "./schema.ts";
import type { DiskSettings } from "./settings.ts";

/** Tells a mistake: the key, the value given, and what is allowed. */
type Refuse = (key: string, value: unknown, allowed: string) => void;

interface Rule {
    readonly keys: readonly Key[];
    readonly check: (configuration: Configuration, refuse: Refuse) => void;
}

/** Mistakes that only show when several values are seen together. */
export function checkRules(configuration: Partial<Configuration>): readonly Mistake[] {
    const mistakes: Mistake[] = [];
    for (const { keys, check } of rules) {
        if (keys.some((key) => !(key in configuration))) continue;
        check(configuration as Configuration, (key, value, allowed) => mistakes.push({ key, value, rule: allowed }));
    }
    return mistakes;
}

function rule<const K extends Key>(
    keys: readonly K[],
    check: (configuration: Pick<Configuration, K>, refuse: Refuse) => void,
): Rule {
    return { keys, check };
}

const machineKeys = <const Role extends MachineRole>(role: Role) =>
    [
        `${role}Cores`,
        `${role}CoreFraction`,
        `${role}MemoryGib`,
        `${role}BootDiskSizeGib`,
        `${role}BootDiskType`,
    ] as const;
const fleetKeys = [
    ...machineKeys("jumpHost"),
    ...machineKeys("database"),
    ...machineKeys("loadBalancer"),
    "databaseNodes",
    "databaseDataDiskSizeGib",
    "databaseDataDiskType",
    "loadBalancers",
    "loadBalancerMaxConnections",
    "maxReplicaLagMib",
] as const;
const parameterKeys = [
    "databaseMemoryGib",
    "databaseCores",
    "databaseDataDiskSizeGib",
    "databaseDataDiskType",
    "postgresqlParameters",
    "profile",
    "timingOverrides",
] as const;

const rules: readonly Rule[] = [
    rule(["zones"], ({ zones }, refuse) => refuseRepeated("zones", zones, refuse)),

    rule(["labels"], ({ labels }, refuse) => {
        const nameRule =
            "must have a name of 1 to 63 lower-case letters, digits and - _ . / \\ @, beginning with a letter";
        const most = 64 - programLabels.length; // 64 is Yandex's limit
        for (const [name, value] of Object.entries(labels)) {
            if ((programLabels as readonly string[]).includes(name)) {
                refuse(`labels.${name}`, value, "cannot be set: the program sets this label itself");
            } else if (!/^[a-z][-_./\\@0-9a-z]{0,62}$/.test(name)) {
                refuse(`labels.${name}`, value, nameRule);
            }
        }
        const count = Object.keys(labels).length;
        if (count > most) refuse("labels", count, `must be at most ${most}`);
    }),

    rule(["adminCidrs", "allowSshFromAnywhere"], ({ adminCidrs, allowSshFromAnywhere }, refuse) => {
        if (allowSshFromAnywhere) return;
        const reason = "it would open SSH to the whole Internet; say allowSshFromAnywhere: true if that is meant";
        adminCidrs.forEach((cidr, index) => {
            if (parseCidr(cidr)!.subnetMask < 8)
                refuse(`adminCidrs[${index}]`, cidr, `must be /8 or smaller: ${reason}`);
        });
    }),

    offered("jumpHost"),
    offered("database"),
    offered("loadBalancer"),
    rule(["databaseDataDiskSizeGib", "databaseDataDiskType"], (configuration, refuse) => {
        const disk = { sizeGib: configuration.databaseDataDiskSizeGib, type: configuration.databaseDataDiskType };
        refuseDisk("databaseDataDiskSizeGib", disk, refuse);
    }),

    rule([...fleetKeys, "zones", "quotas"], (configuration, refuse) => {
        const wanted = demand({ zones: configuration.zones, ...machines(configuration) });
        const quotas = { ...newAccountQuotas, ...configuration.quotas };
        for (const name of exceeded(wanted, quotas)) {
            const least = `must be at least ${wanted[name]}, which this configuration needs`;
            refuse(`quotas.${name}`, quotas[name], `${least}: choose less, or have the quota raised and say so here`);
        }
    }),

    rule(["databases", "users"], ({ databases, users }, refuse) => {
        const names = databases.map(({ name }) => name);
        refuseRepeated("databases", names, refuse, ".name");
        refuseRepeated(
            "users",
            users.map(({ name }) => name),
            refuse,
            ".name",
        );
        users.forEach((user, userIndex) =>
            user.databases.forEach((database, index) => {
                if (names.includes(database)) return;
                refuse(
                    `users[${userIndex}].databases[${index}]`,
                    database,
                    `must be one of the databases: ${names.join(", ")}`,
                );
            }),
        );
    }),

    rule(["postgresqlParameters", "synchronousMode"], (configuration, refuse) => {
        const { synchronousMode } = configuration;
        for (const [name, value] of Object.entries(configuration.postgresqlParameters)) {
            const key = `postgresqlParameters.${name}`;
            const wrong = checkParameter(name, value);
            if (wrong !== undefined) {
                refuse(key, value, wrong);
            } else if (
                name.toLowerCase() === "synchronous_commit" &&
                synchronousMode !== "off" &&
                !waitsForStandby(value)
            ) {
                const reason = "or acknowledged rows can be lost";
                refuse(key, value, `must be on or remote_apply while synchronousMode is ${synchronousMode}, ${reason}`);
            }
        }
    }),

    rule(parameterKeys, (configuration, refuse) => {
        const parameters = postgresqlParameters(configuration);
        const mib = (name: string): number => toMib(name, parameters[name]) ?? 0;
        const refuseParameter = (name: string, allowed: string): void =>
            refuse(`postgresqlParameters.${name}`, parameters[name], allowed);

        const larger = (one: string, other: string): string => (mib(other) > mib(one) ? other : one);

        const mostBuffers = Math.floor(configuration.databaseMemoryGib * 1024 * 0.6);
        if (mib("shared_buffers") > mostBuffers) {
            refuseParameter("shared_buffers", `must be at most 60 % of databaseMemoryGib: ${mostBuffers}MB`);
        }
        // Of both, PostgreSQL keeps the larger.
        const [cycle, kept] = [
            larger("max_wal_size", "min_wal_size"),
            larger("max_slot_wal_keep_size", "wal_keep_size"),
        ];
        const mostWal = configuration.databaseDataDiskSizeGib * 1024 * 0.75;
        if (mib(cycle) > mostWal) {
            refuseParameter(cycle, "must leave room: it would be more than 75 % of databaseDataDiskSizeGib");
        } else if (mib(cycle) + mib(kept) > mostWal) {
            refuseParameter(
                kept,
                `must leave room: with ${cycle} ${parameters[cycle]} it would be more than 75 % of databaseDataDiskSizeGib`,
            );
        }

        const [most, ...reserved] = ["max_connections", "superuser_reserved_connections", "reserved_connections"].map(
            (name) => numberOf(name, parameters[name]) ?? 0,
        );
        if (reserved[0]! + reserved[1]! >= most!) {
            refuseParameter(
                "superuser_reserved_connections",
                `must be, with reserved_connections, less than max_connections ${most}`,
            );
        }
    }),

    rule(["profile", "timingOverrides"], ({ profile, timingOverrides }, refuse) => {
        for (const mistake of checkTimings(profile, resolveTimings(profile, timingOverrides))) {
            refuse(`timingOverrides.${mistake.path}`, mistake.value, mistake.rule);
        }
    }),

    rule(
        [
            ...parameterKeys,
            "databases",
            "users",
            "pgbouncerPoolMode",
            "pgbouncerPoolSize",
            "pgbouncerMaxClientConnections",
        ],
        (configuration, refuse) => {
            const { maxConnections, pools } = poolerSize(configuration);
            if (Number.isNaN(maxConnections)) return; // told by the parameter's own rule
            const size = poolSize(configuration);
            const available = poolerConnections(maxConnections);
            if (size < 1 || size * pools > available) {
                const sum = `${Math.max(1, size)} × ${pools} pairs of user and database`;
                const limit = `max_connections ${maxConnections} less ${connectionsBesidePooler} for Patroni, checks and administrators`;
                refuse(
                    "pgbouncerPoolSize",
                    configuration.pgbouncerPoolSize ?? "auto",
                    `must fit: ${sum} must be at most ${limit} = ${available}`,
                );
            } else if (configuration.pgbouncerMaxClientConnections < size) {
                refuse(
                    "pgbouncerMaxClientConnections",
                    configuration.pgbouncerMaxClientConnections,
                    `must be at least pgbouncerPoolSize = ${size}`,
                );
            }
        },
    ),
];

/** A machine must be of a size, with a disk of a size, that Yandex offers. */
function offered(role: MachineRole): Rule {
    return rule([...machineKeys(role), "platformId"] as readonly Key[], (configuration, refuse) => {
        const settings = machine(role, configuration);
        const wrong = checkSize(configuration.platformId, settings);
        if (wrong !== undefined) {
            refuse(
                `${role}${wrong.part.charAt(0).toUpperCase()}${wrong.part.slice(1)}`,
                settings[wrong.part],
                wrong.rule,
            );
        }
        refuseDisk(`${role}BootDiskSizeGib`, settings.bootDisk, refuse);
    });
}

function refuseDisk(key: string, { type, sizeGib }: DiskSettings, refuse: Refuse): void {
    const inSteps = type === "network-ssd-nonreplicated" || type === "network-ssd-io-m3";
    if (inSteps && sizeGib % 93 !== 0) refuse(key, sizeGib, `must be a multiple of 93 for ${type}`);
}

function refuseRepeated(key: string, values: readonly string[], refuse: Refuse, suffix = ""): void {
    values.forEach((value, index) => {
        if (values.indexOf(value) < index) refuse(`${key}[${index}]${suffix}`, value, "must not be repeated");
    });
}
