/**
 * The stack's configuration: one schema, flat keys, units in their names. Each key is described to users
 * in Pulumi.yaml, whose defaults a test compares with the ones here.
 */
import { z } from "zod";
import { maxLoadBalancers, networkPrefixLengths } from "../cluster/address-plan.ts";
import { callbackActions } from "../cloud-init/services/patroni-callbacks.ts";
import {
    databaseName,
    host,
    isPrivate,
    loginName,
    mirror,
    roleName,
    scriptText,
    sshPublicKey,
    timeZone,
} from "./fields.ts";
import { platformIds } from "./platforms.ts";
import { profiles } from "../cluster/timings.ts";
import * as value from "./values.ts";

export const knownZones = ["ru-central1-a", "ru-central1-b", "ru-central1-d"] as const;
export const diskTypes = ["network-hdd", "network-ssd", "network-ssd-nonreplicated", "network-ssd-io-m3"] as const;

const labelRule = "must be at most 63 lower-case letters, digits and - _ . / \\ @";
/** Labels the program sets itself. */
export const programLabels = ["cluster", "role"] as const;

/** Five keys that every role has, `jumpHostCores` and so on. */
function machine<const Role extends string>(
    role: Role,
    defaults: { cores: number; coreFraction: number; memoryGib: number; bootDiskType: (typeof diskTypes)[number] },
) {
    return {
        [`${role}Cores`]: value.whole(2, 96, "vCPUs").default(defaults.cores),
        [`${role}CoreFraction`]: value
            .oneOfNumbers([5, 20, 50, 100], " (percent)")
            .default(defaults.coreFraction as 100),
        [`${role}MemoryGib`]: value.gibibytes(1, 1280).default(defaults.memoryGib),
        [`${role}BootDiskSizeGib`]: value.whole(10, 4096, "GiB").default(20),
        [`${role}BootDiskType`]: value.oneOf(diskTypes).default(defaults.bootDiskType),
    } as Record<`${Role}Cores` | `${Role}MemoryGib` | `${Role}BootDiskSizeGib`, z.ZodDefault<z.ZodType<number>>> &
        Record<`${Role}CoreFraction`, z.ZodDefault<z.ZodType<number>>> &
        Record<`${Role}BootDiskType`, z.ZodDefault<z.ZodType<(typeof diskTypes)[number]>>>;
}

const keyFingerprint = value.text(
    /^ *([0-9A-Fa-f] *){40}$/,
    "must be the fingerprint of an OpenPGP key: 40 hexadecimal digits, spaces allowed",
);
const milliseconds = value.whole(50, 50_000, "milliseconds").optional();
const seconds = (max: number) => value.whole(1, max, "seconds").optional();
const count = value.whole(1, 10).optional();
const quota = value.whole(0, 1_000_000).optional();
const callbackScripts = Object.fromEntries(callbackActions.map((action) => [action, scriptText.optional()])) as Record<
    (typeof callbackActions)[number],
    z.ZodOptional<typeof scriptText>
>;
const timingGroup = <T extends z.ZodRawShape>(shape: T) => value.object(shape, "must be a map of timings").optional();

export const schema = z.strictObject({
    clusterName: value
        .text(
            /^(?=.{1,30}$)[a-z](-?[a-z0-9])*$/,
            "must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter",
        )
        .default("main"),
    zones: value
        .list(value.oneOf(knownZones), {
            min: 1,
            max: knownZones.length,
            rule: `must be a list of 1 to 3 zones out of ${knownZones.join(", ")}`,
        })
        .default([...knownZones]),
    labels: value.map(value.text(/^[-_./\\@0-9a-z]{0,63}$/, labelRule), "must be a map of names to texts").default({}),
    deletionProtection: value.flag.default(true),

    networkCidr: value
        .cidr((range) => {
            const { min, max } = networkPrefixLengths;
            if (range.subnetMask < min || range.subnetMask > max) return `must be a range from /${min} to /${max}`;
            return isPrivate(range) ? undefined : "must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
        })
        .default("10.10.0.0/16"),
    adminCidrs: value.cidrs(1, "must be a list of 1 to 50 IPv4 ranges that may open SSH to the jump host").prefault([]),
    allowSshFromAnywhere: value.flag.default(false),
    clientCidrs: value
        .cidrs(0, "must be a list of at most 50 IPv4 ranges", (range) =>
            isPrivate(range)
                ? undefined
                : "must be private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16): the endpoints have no public address",
        )
        .default([]),

    sshUser: loginName.default("pgadmin"),
    sshPublicKeys: value
        .list(sshPublicKey, {
            min: 1,
            max: 50,
            rule: "must be a list of 1 to 50 OpenSSH public keys of administrators",
            // Not inside of a private key, given by mistake, so that it is recognized as one and not shown.
            separator: /\n(?![^-]*-----END )/,
        })
        .prefault([]),

    imageFamily: value
        .text(/^[a-z][-a-z0-9]{1,61}[a-z0-9]$/, "must be the name of an image family, like almalinux-9")
        .default("almalinux-9"),
    imageId: value.optional(
        value.text(/^[a-z0-9]{20}$/, "must be the id of an image: 20 lower-case letters and digits"),
    ),
    almalinuxMirror: value.optional(mirror),
    epelMirror: mirror.default("https://dl.fedoraproject.org/pub/epel"),
    epelKeyFingerprint: keyFingerprint.default("FF8A D134 4597 106E CE81 3B91 8A38 72BF 3228 467C"),
    pgdgMirror: mirror.default("https://download.postgresql.org/pub/repos/yum"),
    // The key for aarch64 is another one; every platform that the program knows is x86_64.
    pgdgKeyFingerprint: keyFingerprint.default("D4BF 08AE 67A0 B4C7 A1DB CCD2 40BC A2B4 08B4 0D20"),
    pgdgRelease: value
        .text(/^9(\.(0|[1-9]\d?))?$/, 'must be "9" or a minor release of Enterprise Linux 9, like "9.8"')
        .default("9"),

    platformId: value.oneOf(platformIds).default("standard-v3"),
    ...machine("jumpHost", { cores: 2, coreFraction: 50, memoryGib: 2, bootDiskType: "network-hdd" }),
    databaseNodes: value
        .oneOfNumbers(
            [3, 5],
            ": each node is an etcd member too, and an even number survives no more failures than one fewer",
        )
        .default(3),
    ...machine("database", { cores: 4, coreFraction: 100, memoryGib: 16, bootDiskType: "network-ssd" }),
    databaseDataDiskSizeGib: value.whole(10, 4096, "GiB").default(40),
    databaseDataDiskType: value.oneOf(diskTypes).default("network-ssd"),
    loadBalancers: value.whole(1, maxLoadBalancers).default(1),
    ...machine("loadBalancer", { cores: 2, coreFraction: 100, memoryGib: 2, bootDiskType: "network-hdd" }),
    loadBalancerMaxConnections: value
        .whole(100, 20_000, "each takes two of the 50,000 connections Yandex allows a machine")
        .default(2000),
    maxReplicaLagMib: value.whole(1, 10_240, "MiB").default(16),
    readyTimeoutMinutes: value.whole(1, 60, "minutes").default(15),
    quotas: value
        .object(
            {
                networks: quota,
                subnets: quota,
                securityGroups: quota,
                publicAddresses: quota,
                machines: quota,
                vcpus: quota,
                memoryGib: quota,
                disks: quota,
                ssdGib: quota,
                hddGib: quota,
                fastSsdGib: quota,
                placementGroups: quota,
                networkLoadBalancers: quota,
            },
            "must be a map of quotas",
        )
        .default({}),

    postgresqlVersion: value.oneOfNumbers([17], ", the one version the program was tried with").default(17),
    postgresqlParameters: value
        .map(
            z.union([z.string(), z.number(), z.boolean()], "must be a text, a number, true or false"),
            "must be a map of parameters to values",
        )
        .default({}),
    databases: value
        .list(value.object({ name: databaseName, owner: roleName }, "must be a map with name and owner"), {
            min: 1,
            max: 50,
            rule: "must be a list of 1 to 50 maps with name and owner",
        })
        .default([{ name: "app", owner: "app" }]),
    users: value
        .list(
            value.object(
                {
                    name: roleName,
                    databases: value.list(databaseName, {
                        min: 1,
                        max: 50,
                        rule: "must be a list of 1 to 50 databases",
                    }),
                },
                "must be a map with name and databases",
            ),
            { min: 0, max: 100, rule: "must be a list of at most 100 maps with name and databases" },
        )
        .default([]),

    profile: value.oneOf(Object.keys(profiles) as ["fast", "normal", "safe"]).default("normal"),
    timingOverrides: value
        .object(
            {
                patroni: timingGroup({
                    ttlSeconds: seconds(600),
                    loopWaitSeconds: seconds(60),
                    retryTimeoutSeconds: value.whole(3, 120, "seconds; Patroni allows no less than 3").optional(),
                    primaryStartTimeoutSeconds: value.whole(0, 3600, "seconds").optional(),
                    primaryStopTimeoutSeconds: value.whole(0, 3600, "seconds").optional(),
                    watchdogSafetyMarginSeconds: seconds(60),
                }),
                etcd: timingGroup({ heartbeatMilliseconds: milliseconds, electionMilliseconds: milliseconds }),
                haproxy: timingGroup({
                    checkIntervalMilliseconds: milliseconds,
                    fastCheckIntervalMilliseconds: milliseconds,
                    downCheckIntervalMilliseconds: milliseconds,
                    checkTimeoutMilliseconds: milliseconds,
                    fall: count,
                    rise: count,
                    connectTimeoutMilliseconds: milliseconds,
                    idleTimeoutSeconds: seconds(604_800),
                }),
                tcp: timingGroup({
                    keepaliveIdleSeconds: seconds(170),
                    keepaliveIntervalSeconds: seconds(60),
                    keepaliveCount: count,
                    userTimeoutMilliseconds: value.whole(1000, 170_000, "milliseconds").optional(),
                    retransmissions: value.whole(1, 15, "repetitions").optional(),
                }),
                replication: timingGroup({ timeoutSeconds: seconds(600) }),
            },
            "must be a map of patroni, etcd, haproxy, tcp, replication",
        )
        .default({}),
    synchronousMode: value.oneOf(["quorum", "strict", "off"]).default("quorum"),
    maxFailoverLagMib: value.whole(0, 1024, "MiB").default(1),
    patroniCallbacks: value
        .object(callbackScripts, `must be a map of ${callbackActions.join(", ")} to scripts`)
        .default({}),

    pgbouncerPoolMode: value.oneOf(["session", "transaction", "statement"]).default("session"),
    pgbouncerServerConnection: value.oneOf(["tls", "socket"]).default("tls"),
    pgbouncerPoolSize: value.auto(value.whole(1, 5000, "connections, or auto")),
    pgbouncerMaxClientConnections: value.whole(10, 20_000, "connections").default(1000),

    timeZone: timeZone.default("UTC"),
    ntpServers: value
        .list(host, { min: 1, max: 10, rule: "must be a list of 1 to 10 host names or IPv4 addresses" })
        .default(["ntp0.NL.net", "ntp2.vniiftri.ru", "ntp.ix.ru", "ntps1-1.cs.tu-berlin.de"]),
    securityUpdates: value.flag.default(true),
});

export type Configuration = z.output<typeof schema>;
export type Key = keyof Configuration;
