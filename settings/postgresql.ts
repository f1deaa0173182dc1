/** PostgreSQL: its version, parameters, databases and users. */
import { z } from "zod";

import { resolveTimings, type Timings } from "../cluster/timings.ts";
import { clusterKeys } from "./cluster.ts";
import { databaseName, icuLocale, roleName, slotName } from "./formats.ts";
import { highAvailabilityKeys } from "./high-availability.ts";
import { key, refuseRepeated, ruleOver, type Subject, type Values, secondStack } from "./key.ts";
import * as kind from "./kinds.ts";
import { machineKeys } from "./machines.ts";
import { operatingSystemKeys } from "./operating-system.ts";
import { GIB, MIB } from "./postgresql/amounts.ts";
import {
    bytesOf,
    checkParameter,
    mergeParameters,
    needsRestart,
    numberOf,
    waitsForStandby,
} from "./postgresql/parameters.ts";
import { hugePages, postgresqlSizing, type PostgresqlParameters } from "./postgresql/sizing.ts";

export const postgresqlKeys = {
    postgresqlVersion: key({
        change: "fixed",
        kind: kind.oneOfNumbers([17], ", the only version that the program is tested with"),
        default: 17,
        description: "Major version of PostgreSQL: 17.",
        fixed: `another major version does not read the data files of this one. ${secondStack}`,
    }),
    postgresqlParameters: key({
        change: "rolling restart",
        kind: kind.map(
            z.union([z.string(), z.number(), z.boolean()], "must be a text, a number, true or false"),
            "must be a map of parameters to values",
        ),
        default: {},
        description:
            "Map of PostgreSQL parameters that override the computed ones (settings/postgresql/sizing.ts). Those that Patroni or the program own are refused.",
    }),
    databases: key({
        change: "live",
        kind: kind.list(
            kind.object(
                { name: databaseName, owner: roleName, locale: icuLocale.optional() },
                "must be a map with name and owner",
            ),
            { min: 1, max: 50, rule: "must be a list of 1 to 50 maps with name and owner" },
        ),
        default: [{ name: "app", owner: "app" }],
        description:
            "List of databases to create, maps of name and owner. Their owners are created too, with generated passwords. A third key, locale (ru-RU, for example), has a new database sort and compare texts by this language's rules (ICU); without it they sort by code point (C.UTF-8). A database that exists keeps its locale.",
    }),
    users: key({
        change: "live",
        kind: kind.list(
            kind.object(
                {
                    name: roleName,
                    databases: kind.list(databaseName, {
                        min: 1,
                        max: 50,
                        rule: "must be a list of 1 to 50 databases",
                    }),
                    replication: kind.flag.default(false),
                },
                "must be a map with name and databases",
            ),
            { min: 0, max: 100, rule: "must be a list of at most 100 maps with name and databases" },
        ),
        default: [],
        description:
            "List of further users, maps of name and databases (the list of those they may connect to). Their passwords are generated. `replication: true` lets a user, also an owner, read logical slots.",
    }),
    logicalSlots: key({
        change: "rolling restart",
        kind: kind.list(
            kind.object(
                {
                    name: slotName,
                    database: databaseName,
                    plugin: kind.oneOf(["pgoutput", "test_decoding"]).default("pgoutput"),
                },
                "must be a map with name and database",
            ),
            { min: 0, max: 50, rule: "must be a list of at most 50 maps with name and database" },
        ),
        default: [],
        description:
            "List of logical replication slots, maps of name, database and plugin (pgoutput, the default, or test_decoding). They outlive restarts and a change of leader; a slot that is not listed does not. Needs the parameter wal_level: logical. A new slot restarts PostgreSQL on all replicas together, and writes wait for it.",
    }),
};

type Configuration = Values<
    typeof clusterKeys &
        typeof postgresqlKeys &
        typeof machineKeys &
        typeof highAvailabilityKeys &
        typeof operatingSystemKeys
>;
const rule = ruleOver<Configuration>();

/** What the parameters are computed from. */
export const parameterKeys = [
    "databaseMemoryGib",
    "databaseCores",
    "databaseDataDiskSizeGib",
    "databaseDataDiskType",
    "postgresqlParameters",
    "profile",
    "timingOverrides",
] as const;
export type ParameterConfiguration = Pick<Configuration, (typeof parameterKeys)[number]>;
export type UserConfiguration = Pick<Configuration, "databases" | "users">;

/** What the members take of PostgreSQL's slots and senders for themselves: five nodes, and a base backup. */
const ownSlots = 6;

export const postgresql: Subject = {
    title: "PostgreSQL",
    keys: postgresqlKeys,
    rules: [
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

        rule(["clusterName", "databases", "logicalSlots"], ({ clusterName, databases, logicalSlots }, refuse) => {
            const databaseNames = databases.map(({ name }) => name);
            const own = new RegExp(`^${clusterName.replaceAll("-", "_")}_db_\\d+$`);
            refuseRepeated(
                "logicalSlots",
                logicalSlots.map(({ name }) => name),
                refuse,
                ".name",
            );
            logicalSlots.forEach(({ name, database }, index) => {
                if (own.test(name)) refuse(`logicalSlots[${index}].name`, name, "is reserved: it is a node's own slot");
                if (!databaseNames.includes(database))
                    refuse(
                        `logicalSlots[${index}].database`,
                        database,
                        `must be one of the databases: ${databaseNames.join(", ")}`,
                    );
            });
        }),

        rule([...parameterKeys, "logicalSlots"], (configuration, refuse) => {
            const { logicalSlots } = configuration;
            if (logicalSlots.length === 0) return;
            const parameters = postgresqlParameters(configuration);
            if (parameters["wal_level"] !== "logical")
                refuse("logicalSlots", logicalSlots, "must be empty without the parameter wal_level: logical");
            for (const name of ["max_replication_slots", "max_wal_senders"]) {
                const least = ownSlots + logicalSlots.length;
                if ((numberOf(name, parameters[name]) ?? 0) < least)
                    refuse(
                        `postgresqlParameters.${name}`,
                        parameters[name],
                        `must be at least ${least} with ${logicalSlots.length} logicalSlots`,
                    );
            }
        }),

        rule(["postgresqlParameters", "synchronousMode"], (configuration, refuse) => {
            const { synchronousMode } = configuration;
            for (const [name, value] of Object.entries(configuration.postgresqlParameters)) {
                const path = `postgresqlParameters.${name}`;
                const wrong = checkParameter(name, value);
                if (wrong !== undefined) {
                    refuse(path, value, wrong);
                } else if (
                    name.toLowerCase() === "synchronous_commit" &&
                    synchronousMode !== "off" &&
                    !waitsForStandby(value)
                ) {
                    const reason = "or acknowledged rows can be lost";
                    refuse(
                        path,
                        value,
                        `must be on or remote_apply while synchronousMode is ${synchronousMode}, ${reason}`,
                    );
                }
            }
        }),

        rule(parameterKeys, (configuration, refuse) => {
            const parameters = postgresqlParameters(configuration);
            const bytes = (name: string): number => bytesOf(name, parameters[name]) ?? 0;
            const refuseParameter = (name: string, allowed: string): void =>
                refuse(`postgresqlParameters.${name}`, parameters[name], allowed);
            const larger = (one: string, other: string): string => (bytes(other) > bytes(one) ? other : one);

            const mostBuffersMib = Math.floor(configuration.databaseMemoryGib * 1024 * 0.6);
            if (bytes("shared_buffers") > mostBuffersMib * MIB) {
                refuseParameter("shared_buffers", `must be at most 60 % of databaseMemoryGib: ${mostBuffersMib}MB`);
            }
            // PostgreSQL uses the larger of both.
            const [cycle, kept] = [
                larger("max_wal_size", "min_wal_size"),
                larger("max_slot_wal_keep_size", "wal_keep_size"),
            ];
            const mostWal = configuration.databaseDataDiskSizeGib * GIB * 0.75;
            if (bytes(cycle) > mostWal) {
                refuseParameter(cycle, "must leave room: it would be more than 75 % of databaseDataDiskSizeGib");
            } else if (bytes(cycle) + bytes(kept) > mostWal) {
                refuseParameter(
                    kept,
                    `must leave room: with ${cycle} ${parameters[cycle]} it would be more than 75 % of databaseDataDiskSizeGib`,
                );
            }

            const [most, ...reserved] = [
                "max_connections",
                "superuser_reserved_connections",
                "reserved_connections",
            ].map((name) => numberOf(name, parameters[name]) ?? 0);
            if (reserved[0]! + reserved[1]! >= most!) {
                refuseParameter(
                    "superuser_reserved_connections",
                    `must be, with reserved_connections, less than max_connections ${most}`,
                );
            }
        }),
    ],
};

/** The settings of PostgreSQL. */
export function postgresqlSettings(configuration: Configuration) {
    const parameters: PostgresqlParameters = {
        ...postgresqlParameters(configuration),
        TimeZone: configuration.timeZone,
        log_timezone: configuration.timeZone,
    };
    return {
        postgresql: {
            majorVersion: configuration.postgresqlVersion,
            /** Every parameter that the program sets, as Patroni gets it: computed from the machine's size, then the configured ones on top. */
            parameters,
            /** Names of those that take effect only after a restart of PostgreSQL. */
            restartParameters: Object.keys(parameters).filter(needsRestart),
            /** Huge pages of 2 MiB that the kernel reserves for shared memory. */
            hugePages: hugePages(bytesOf("shared_buffers", parameters["shared_buffers"]) ?? 0),
            databases: configuration.databases,
            /** Owners of the databases, and further users; the program generates their passwords. */
            users: users(configuration),
            logicalSlots: configuration.logicalSlots,
        },
    };
}

/** The computed parameters with the configured ones on top. */
export function postgresqlParameters(configuration: ParameterConfiguration): PostgresqlParameters {
    const computed = postgresqlSizing({
        memoryGib: configuration.databaseMemoryGib,
        cores: configuration.databaseCores,
        dataDiskSizeGib: configuration.databaseDataDiskSizeGib,
        dataDiskIsSsd: configuration.databaseDataDiskType !== "network-hdd",
    });
    const timed = connectionParameters(resolveTimings(configuration.profile, configuration.timingOverrides));
    return mergeParameters({ ...computed, ...timed }, configuration.postgresqlParameters);
}

function connectionParameters({ tcp, replication }: Timings): PostgresqlParameters {
    return {
        tcp_keepalives_idle: tcp.keepaliveIdleSeconds,
        tcp_keepalives_interval: tcp.keepaliveIntervalSeconds,
        tcp_keepalives_count: tcp.keepaliveCount,
        tcp_user_timeout: `${tcp.userTimeoutMilliseconds}ms`,
        wal_sender_timeout: `${replication.timeoutSeconds}s`,
        wal_receiver_timeout: `${replication.timeoutSeconds}s`,
    };
}

/** Owners of databases and the further users, each with all databases it may connect to. */
export function users({ databases, users: named }: UserConfiguration) {
    const names = [...new Set([...databases.map(({ owner }) => owner), ...named.map(({ name }) => name)])];
    return names.map((name) => ({
        name,
        /** Databases this user may connect to (those it owns included). */
        databases: databases
            .filter(
                (database) =>
                    database.owner === name ||
                    named.some((user) => user.name === name && user.databases.includes(database.name)),
            )
            .map((database) => database.name),
        /** Whether it may read logical slots. */
        replication: named.some((user) => user.name === name && user.replication),
    }));
}
