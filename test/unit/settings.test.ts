import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { addressPlan } from "../../cluster/address-plan.ts";
import { profiles } from "../../cluster/timings.ts";
import {
    ConfigurationError,
    keys,
    parseSettings,
    readSettings,
    subjects,
    type Settings,
} from "../../settings/index.ts";
import { demand } from "../../settings/quotas.ts";

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyG8wnXlHV4fYPW8YhqFxmVJ2qXo8PoGcMVpQbq0Qx1 admin@example.org";
/** What logical slots need. */
const logical = { postgresqlParameters: { wal_level: "logical" } };
const required = { adminCidrs: ["203.0.113.10/32"], sshPublicKeys: [publicKey] };
const root = join(import.meta.dirname, "..", "..");

function mistakes(raw: Record<string, unknown>): string[] {
    try {
        parseSettings({ ...required, ...raw });
    } catch (error) {
        if (error instanceof ConfigurationError)
            return error.message
                .split("\n")
                .slice(1)
                .map((line) => line.trim());
        throw error;
    }
    return [];
}

const sqlIdentifier =
    "must be an SQL identifier: a lower-case letter or _, then at most 62 lower-case letters, digits or _";
const sshKey =
    "must be an OpenSSH public key on one line: its type (ssh-ed25519, ssh-rsa, ecdsa-sha2-…, sk-…), its data, a comment";
const pgdgRelease = 'must be "9" or a minor release of Enterprise Linux 9, like "9.8"';
const fingerprint = "must be the fingerprint of an OpenPGP key: 40 hexadecimal digits, spaces allowed";
const wholeKey = (type: string) =>
    `must be a whole ${type} key: its data is cut off or not that of such a key; copy the line again`;
const mirror =
    "must be an http:// or https:// URL without a slash at its end, on port 80 or 443 (the ones security groups open)";
const diskTypes = "must be one of network-hdd, network-ssd, network-ssd-nonreplicated, network-ssd-io-m3";
const script =
    "must be the text of a script: 1 to 65536 characters, lines that end with a line feed alone, and an absolute path behind #! if it begins with that";
const quota = (needed: number) =>
    `must be at least ${needed}, which this configuration needs: configure less, or have the quota raised and set its new value here`;

/** A configuration, and the only message that it causes. */
const table: readonly (readonly [input: Record<string, unknown>, message: string])[] = [
    // Keys
    [{ databaseNode: 3 }, "databaseNode: is not a setting; did you mean databaseNodes?"],
    [{ ClusterName: "main" }, "ClusterName: is not a setting; did you mean clusterName?"],
    [{ wibble: 1 }, "wibble: is not a setting"],
    // Names
    [
        { clusterName: "Main" },
        'clusterName: "Main" must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter',
    ],
    [
        { clusterName: "1main" },
        'clusterName: "1main" must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter',
    ],
    [
        { clusterName: "main-" },
        'clusterName: "main-" must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter',
    ],
    [
        { clusterName: `a${"-b".repeat(15)}` },
        `clusterName: "a${"-b".repeat(15)}" must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter`,
    ],
    [
        { clusterName: 7 },
        "clusterName: 7 must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter",
    ],
    [
        { labels: { Team: "db" } },
        'labels.Team: "db" must have a name of 1 to 63 lower-case letters, digits and - _ . / \\ @, beginning with a letter',
    ],
    [
        { labels: { team: "The DBAs" } },
        'labels.team: "The DBAs" must be at most 63 lower-case letters, digits and - _ . / \\ @',
    ],
    [{ labels: { role: "db" } }, 'labels.role: "db" cannot be set: the program sets this label itself'],
    [{ labels: "db" }, 'labels: "db" must be a map of names to texts'],
    // Zones
    [
        { zones: ["ru-central1-c"] },
        'zones[0]: "ru-central1-c" must be one of ru-central1-a, ru-central1-b, ru-central1-d',
    ],
    [{ zones: ["ru-central1-a", "ru-central1-a"] }, 'zones[1]: "ru-central1-a" must not be repeated'],
    [{ zones: [] }, "zones: [] must be a list of 1 to 3 zones out of ru-central1-a, ru-central1-b, ru-central1-d"],
    // Network
    [
        { networkCidr: "10.10.0.0" },
        'networkCidr: "10.10.0.0" must be an IPv4 range in CIDR notation, like 192.0.2.0/24',
    ],
    [
        { networkCidr: "fd00::/48" },
        'networkCidr: "fd00::/48" must be an IPv4 range in CIDR notation, like 192.0.2.0/24',
    ],
    [
        { networkCidr: "10.10.0.1/16" },
        'networkCidr: "10.10.0.1/16" must not have bits set behind its prefix; did you mean 10.10.0.0/16?',
    ],
    [{ networkCidr: "10.10.0.0/26" }, 'networkCidr: "10.10.0.0/26" must be a range from /16 to /25'],
    [{ networkCidr: "10.0.0.0/8" }, 'networkCidr: "10.0.0.0/8" must be a range from /16 to /25'],
    [
        { networkCidr: "8.8.0.0/16" },
        'networkCidr: "8.8.0.0/16" must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16',
    ],
    [
        { networkCidr: "172.32.0.0/16" },
        'networkCidr: "172.32.0.0/16" must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16',
    ],
    [{ adminCidrs: [] }, "adminCidrs: [] must be a list of 1 to 50 IPv4 ranges that may open SSH to the jump host"],
    [
        { adminCidrs: ["0.0.0.0/0"] },
        'adminCidrs[0]: "0.0.0.0/0" must be /8 or smaller: it would open SSH to the whole Internet; set allowSshFromAnywhere to true to allow that',
    ],
    [
        { adminCidrs: ["0.0.0.0/1"] },
        'adminCidrs[0]: "0.0.0.0/1" must be /8 or smaller: it would open SSH to the whole Internet; set allowSshFromAnywhere to true to allow that',
    ],
    [
        { adminCidrs: "203.0.113.10" },
        'adminCidrs[0]: "203.0.113.10" must be an IPv4 range in CIDR notation, like 192.0.2.0/24',
    ],
    [
        { adminCidrs: ["203.0.113.0/24", "203.0.113.10/32"] },
        'adminCidrs: ["203.0.113.0/24","203.0.113.10/32"] must not overlap: 203.0.113.0/24 and 203.0.113.10/32',
    ],
    [
        { clientCidrs: ["10.20.0.0/16", "10.20.1.0/24"] },
        'clientCidrs: ["10.20.0.0/16","10.20.1.0/24"] must not overlap: 10.20.0.0/16 and 10.20.1.0/24',
    ],
    [
        { clientCidrs: ["203.0.113.0/24"] },
        'clientCidrs[0]: "203.0.113.0/24" must be private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16): the endpoints have no public address',
    ],
    [
        { clientCidrs: ["0.0.0.0/0"] },
        'clientCidrs[0]: "0.0.0.0/0" must be private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16): the endpoints have no public address',
    ],
    [{ allowSshFromAnywhere: "yes" }, 'allowSshFromAnywhere: "yes" must be true or false'],
    // Login
    [{ sshUser: "root" }, 'sshUser: "root" is reserved: choose another user name'],
    ...[
        "users",
        "disk",
        "input",
        "tape",
        "ftp",
        "polkitd",
        "systemd-journal",
        "ssh_keys",
        "cloud-user",
        "almalinux",
        "etcd",
    ].map((name) => [{ sshUser: name }, `sshUser: "${name}" is reserved: choose another user name`] as const),
    [
        { sshUser: "Admin" },
        'sshUser: "Admin" must be a Linux user name: a lower-case letter or _, then at most 30 lower-case letters, digits, _ or -',
    ],
    [{ sshPublicKeys: [] }, "sshPublicKeys: [] must be a list of 1 to 50 OpenSSH public keys of administrators"],
    [{ sshPublicKeys: ["ssh-ed25519 AAAA"] }, `sshPublicKeys[0]: "ssh-ed25519 AAAA" ${wholeKey("ssh-ed25519")}`],
    [
        { sshPublicKeys: [publicKey.replace("GcMVpQbq0Qx1", "")] },
        `sshPublicKeys[0]: "ssh-ed25519 [hidden] admin@example.org" ${wholeKey("ssh-ed25519")}`,
    ],
    [
        { sshPublicKeys: [publicKey.replace("ssh-ed25519", "ssh-rsa")] },
        `sshPublicKeys[0]: "ssh-rsa [hidden] admin@example.org" ${wholeKey("ssh-rsa")}`,
    ],
    [{ sshPublicKeys: ["-----BEGIN OPENSSH PRIVATE KEY----- b3Blbn"] }, `sshPublicKeys[0]: [a private key] ${sshKey}`],
    [
        {
            sshPublicKeys: `${publicKey}\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAAB3Nza\n-----END OPENSSH PRIVATE KEY-----\n`,
        },
        `sshPublicKeys[1]: [a private key] ${sshKey}`,
    ],
    [
        { sshPublicKeys: `${publicKey},${publicKey}` },
        `sshPublicKeys[0]: "ssh-ed25519 [hidden] admin@example.org,ssh-ed25519 [hidden] admin@example.org" ${sshKey}`,
    ],
    // Images and packages
    [
        { imageFamily: "AlmaLinux 9" },
        'imageFamily: "AlmaLinux 9" must be the name of an image family, like almalinux-9',
    ],
    [{ imageId: "almalinux-9" }, 'imageId: "almalinux-9" must be the id of an image: 20 lower-case letters and digits'],
    [{ pgdgMirror: "ftp://mirror.example.org/pgdg" }, `pgdgMirror: "ftp://mirror.example.org/pgdg" ${mirror}`],
    [{ epelMirror: "https://mirror.example.org/epel/" }, `epelMirror: "https://mirror.example.org/epel/" ${mirror}`],
    [
        { almalinuxMirror: "http://mirror.example.org:8080/almalinux" },
        `almalinuxMirror: "http://mirror.example.org:8080/almalinux" ${mirror}`,
    ],
    [{ pgdgRelease: "8" }, `pgdgRelease: "8" ${pgdgRelease}`],
    [{ pgdgRelease: "9.8/../9" }, `pgdgRelease: "9.8/../9" ${pgdgRelease}`],
    [{ epelKeyFingerprint: "3228467C" }, `epelKeyFingerprint: "3228467C" ${fingerprint}`],
    [
        { pgdgKeyFingerprint: `${"A".repeat(40)} ${"B".repeat(40)}` },
        `pgdgKeyFingerprint: "${"A".repeat(40)} ${"B".repeat(38)}… ${fingerprint}`,
    ],
    [{ timeZone: "Moscow" }, 'timeZone: "Moscow" must be a time zone of the tz database, like Europe/Moscow or UTC'],
    [{ ntpServers: ["ntp_1"] }, 'ntpServers[0]: "ntp_1" must be a host name or an IPv4 address'],
    [{ ntpServers: ["10.0.0.300"] }, 'ntpServers[0]: "10.0.0.300" must be a host name or an IPv4 address'],
    [{ securityUpdates: 1 }, "securityUpdates: 1 must be true or false"],
    // Machines
    [{ platformId: "standard-v9" }, 'platformId: "standard-v9" must be one of standard-v2, standard-v3, highfreq-v3'],
    [
        { databaseNodes: 4 },
        "databaseNodes: 4 must be 3 or 5: each node is an etcd member too, and an even number survives no more failures than one fewer",
    ],
    [
        { databaseNodes: "two" },
        'databaseNodes: "two" must be 3 or 5: each node is an etcd member too, and an even number survives no more failures than one fewer',
    ],
    [
        { databaseCores: 3 },
        "databaseCores: 3 must be one of 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96 on platform standard-v3 at 100 %",
    ],
    [{ databaseCores: 2.5 }, "databaseCores: 2.5 must be a whole number from 2 to 96 (vCPUs)"],
    [
        { databaseMemoryGib: 15 },
        "databaseMemoryGib: 15 must be a multiple of 4 from 4 to 64 for 4 cores at 100 % on platform standard-v3",
    ],
    [{ databaseMemoryGib: "lots" }, 'databaseMemoryGib: "lots" must be a number of GiB from 1 to 1280'],
    [{ jumpHostCoreFraction: 30 }, "jumpHostCoreFraction: 30 must be 5 or 20 or 50 or 100 (percent)"],
    [{ jumpHostCoreFraction: 5 }, "jumpHostCoreFraction: 5 must be one of 20, 50, 100 on platform standard-v3"],
    [
        { loadBalancerCores: 8, loadBalancerCoreFraction: 20 },
        "loadBalancerCores: 8 must be one of 2, 4 on platform standard-v3 at 20 %",
    ],
    [{ databaseDataDiskSizeGib: 5 }, "databaseDataDiskSizeGib: 5 must be a whole number from 10 to 4096 (GiB)"],
    [{ databaseDataDiskType: "nvme" }, `databaseDataDiskType: "nvme" ${diskTypes}`],
    [
        { databaseDataDiskType: "network-ssd-nonreplicated", databaseDataDiskSizeGib: 100 },
        "databaseDataDiskSizeGib: 100 must be a multiple of 93 for network-ssd-nonreplicated",
    ],
    [{ loadBalancers: 5 }, "loadBalancers: 5 must be a whole number from 1 to 4"],
    [
        { loadBalancerMaxConnections: 30000 },
        "loadBalancerMaxConnections: 30000 must be a whole number from 100 to 20000 (each takes two of the 50,000 connections Yandex allows a machine)",
    ],
    [{ readyTimeoutMinutes: 0 }, "readyTimeoutMinutes: 0 must be a whole number from 1 to 60 (minutes)"],
    // Quotas
    [{ databaseNodes: 5 }, `quotas.ssdGib: 200 ${quota(300)}`],
    [{ databaseDataDiskSizeGib: 100 }, `quotas.ssdGib: 200 ${quota(360)}`],
    [{ databaseCores: 12, databaseMemoryGib: 24 }, `quotas.vcpus: 32 ${quota(40)}`],
    [{ databaseMemoryGib: 64 }, `quotas.memoryGib: 128 ${quota(196)}`],
    [{ quotas: { machines: 4 } }, `quotas.machines: 4 ${quota(5)}`],
    [{ loadBalancers: 2, quotas: { networkLoadBalancers: 0 } }, `quotas.networkLoadBalancers: 0 ${quota(1)}`],
    [
        { quotas: { cpus: 64 } },
        'quotas: {"cpus":…} has unknown cpus; known are networks, subnets, securityGroups, publicAddresses, machines, vcpus, memoryGib, disks, ssdGib, hddGib, fastSsdGib, placementGroups, networkLoadBalancers',
    ],
    // PostgreSQL
    [{ postgresqlVersion: 13 }, "postgresqlVersion: 13 must be 17, the only version that the program is tested with"],
    [
        { postgresqlParameters: { shared_bufers: "1GB" } },
        'postgresqlParameters.shared_bufers: "1GB" cannot be set: PostgreSQL 17 has no parameter shared_bufers; did you mean shared_buffers?',
    ],
    [{ postgresqlParameters: { port: 5433 } }, "postgresqlParameters.port: 5433 cannot be set: port is set by Patroni"],
    [
        { postgresqlParameters: { synchronous_standby_names: "*" } },
        'postgresqlParameters.synchronous_standby_names: "*" cannot be set: synchronous_standby_names is set by Patroni; use synchronousMode',
    ],
    [
        { postgresqlParameters: { SSL: "off" } },
        'postgresqlParameters.SSL: "off" cannot be set: SSL is set by the program',
    ],
    [
        { postgresqlParameters: { fsync: false } },
        "postgresqlParameters.fsync: false cannot be set: fsync must stay on, or a power loss destroys data",
    ],
    [
        { postgresqlParameters: { wal_sender_timeout: "5s" } },
        'postgresqlParameters.wal_sender_timeout: "5s" cannot be set: wal_sender_timeout follows the profile; use timingOverrides',
    ],
    [
        { postgresqlParameters: { logging_collector: "on" } },
        'postgresqlParameters.logging_collector: "on" cannot be set: logging_collector is set by the program: the log is in the journal',
    ],
    [
        { postgresqlParameters: { timezone: "UTC" } },
        'postgresqlParameters.timezone: "UTC" cannot be set: timezone follows timeZone',
    ],
    [
        { postgresqlParameters: { max_connections: 20 } },
        "postgresqlParameters.max_connections: 20 must be a whole number from 25 to 262143",
    ],
    [
        { users: [{ name: "health_check", databases: ["app"] }] },
        'users[0].name: "health_check" is reserved: choose another user name',
    ],
    [
        { postgresqlParameters: { synchronous_commit: "off" } },
        'postgresqlParameters.synchronous_commit: "off" must be on or remote_apply while synchronousMode is quorum, or acknowledged rows can be lost',
    ],
    [{ postgresqlParameters: { jit: "maybe" } }, 'postgresqlParameters.jit: "maybe" must be on or off'],
    [
        { postgresqlParameters: { work_mem: "16 megabytes" } },
        'postgresqlParameters.work_mem: "16 megabytes" must be an amount from 64kB to 2147483647kB, with a unit (TB, GB, MB, kB, B; without one it counts kB)',
    ],
    [
        { postgresqlParameters: { random_page_cost: "low" } },
        'postgresqlParameters.random_page_cost: "low" must be a number of at least 0',
    ],
    [
        { postgresqlParameters: { wal_level: "minimal" } },
        'postgresqlParameters.wal_level: "minimal" must be replica or logical',
    ],
    [
        { postgresqlParameters: { max_wal_senders: 2 } },
        "postgresqlParameters.max_wal_senders: 2 must be a whole number from 6 to 262143",
    ],
    [
        { postgresqlParameters: { work_mem: [1] } },
        "postgresqlParameters.work_mem: [1] must be a text, a number, true or false",
    ],
    [
        { postgresqlParameters: { shared_buffers: "12GB" } },
        'postgresqlParameters.shared_buffers: "12GB" must be at most 60 % of databaseMemoryGib: 9830MB',
    ],
    [
        { postgresqlParameters: { max_slot_wal_keep_size: "30GB" } },
        'postgresqlParameters.max_slot_wal_keep_size: "30GB" must leave room: with max_wal_size 4096MB it would be more than 75 % of databaseDataDiskSizeGib',
    ],
    [{ databases: [{ name: "my-app", owner: "app" }] }, `databases[0].name: "my-app" ${sqlIdentifier}`],
    [
        { databases: [{ name: "postgres", owner: "app" }] },
        'databases[0].name: "postgres" is reserved: choose another database name',
    ],
    [{ databases: [{ name: "app" }] }, `databases[0].owner: ${sqlIdentifier}`],
    [
        {
            databases: [
                { name: "app", owner: "app" },
                { name: "app", owner: "app" },
            ],
        },
        'databases[1].name: "app" must not be repeated',
    ],
    [{ databases: "app" }, 'databases[0]: "app" must be a map with name and owner'],
    [
        { databases: [{ name: "app", owner: "replicator" }] },
        'databases[0].owner: "replicator" is reserved: choose another user name',
    ],
    [
        { users: [{ name: "pg_reader", databases: ["app"] }] },
        'users[0].name: "pg_reader" is reserved: choose another user name',
    ],
    [
        { users: [{ name: "reader", databases: ["shop"] }] },
        'users[0].databases[0]: "shop" must be one of the databases: app',
    ],
    [{ users: [{ name: "reader", databases: [] }] }, "users[0].databases: [] must be a list of 1 to 50 databases"],
    [
        { users: [{ name: "reader", databases: ["app"], replication: "sure" }] },
        'users[0].replication: "sure" must be true or false',
    ],
    [{ logicalSlots: "cdc" }, 'logicalSlots[0]: "cdc" must be a map with name and database'],
    [
        { postgresqlParameters: {}, logicalSlots: [{ name: "cdc", database: "app" }] },
        'logicalSlots: [{"name":…,"database":…,"plugin":…}] must be empty without the parameter wal_level: logical',
    ],
    [
        { ...logical, logicalSlots: [{ name: "CDC", database: "app" }] },
        'logicalSlots[0].name: "CDC" must be 1 to 63 lower-case letters, digits or _',
    ],
    [
        { ...logical, logicalSlots: [{ name: "cdc", database: "shop" }] },
        'logicalSlots[0].database: "shop" must be one of the databases: app',
    ],
    [
        { ...logical, logicalSlots: [{ name: "cdc", database: "app", plugin: "wal2json" }] },
        'logicalSlots[0].plugin: "wal2json" must be one of pgoutput, test_decoding',
    ],
    [
        { ...logical, clusterName: "my-main", logicalSlots: [{ name: "my_main_db_1", database: "app" }] },
        'logicalSlots[0].name: "my_main_db_1" is reserved: it is a node\'s own slot',
    ],
    [
        {
            ...logical,
            logicalSlots: ["a", "b", "c", "c"].map((name) => ({ name, database: "app" })),
        },
        'logicalSlots[3].name: "c" must not be repeated',
    ],
    [
        {
            postgresqlParameters: { wal_level: "logical", max_wal_senders: 11 },
            logicalSlots: ["a", "b", "c", "d", "e"].map((name) => ({ name, database: "app" })),
        },
        "postgresqlParameters.max_replication_slots: 10 must be at least 11 with 5 logicalSlots",
    ],
    [
        { users: [{ name: "reader", databases: ["app"], password: "x" }] },
        'users[0]: {"name":…,"databases":…,"password":…} has unknown password; known are name, databases, replication',
    ],
    // High availability
    [{ profile: "quick" }, 'profile: "quick" must be one of fast, normal, safe'],
    [
        { synchronousMode: "false" },
        'synchronousMode: "false" must be one of quorum, strict, off: in the stack\'s file "off" needs its quotes, or YAML makes it false',
    ],
    [{ synchronousMode: "on" }, 'synchronousMode: "on" must be one of quorum, strict, off'],
    [
        { profile: "fast", timingOverrides: { patroni: { ttlSeconds: 15 } } },
        "timingOverrides.patroni.ttlSeconds: 15 must be at least 20 (Patroni's own limit)",
    ],
    [
        { timingOverrides: { patroni: { retryTimeoutSeconds: 12 } } },
        "timingOverrides.patroni.ttlSeconds: 25 must be at least loopWaitSeconds + 2 × retryTimeoutSeconds = 27 (Patroni's rule)",
    ],
    [
        {
            timingOverrides: {
                patroni: { loopWaitSeconds: 8, retryTimeoutSeconds: 5, watchdogSafetyMarginSeconds: 7 },
            },
        },
        "timingOverrides.patroni.ttlSeconds: 25 must be more than 10 + loopWaitSeconds + watchdogSafetyMarginSeconds = 25 in profile normal, so that a machine frozen for 10 s by live migration stays leader (profile fast allows less)",
    ],
    [
        { timingOverrides: { etcd: { heartbeatMilliseconds: 500 } } },
        "timingOverrides.etcd.electionMilliseconds: 1000 must be at least 5 × heartbeatMilliseconds = 2500 (etcd's own limit)",
    ],
    [
        { timingOverrides: { etcd: { electionMilliseconds: 5000 } } },
        "timingOverrides.etcd.electionMilliseconds: 5000 must be at most half of patroni.retryTimeoutSeconds = 4000, or an election of etcd costs the primary its leadership",
    ],
    [
        { timingOverrides: { haproxy: { fastCheckIntervalMilliseconds: 2000 } } },
        "timingOverrides.haproxy.fastCheckIntervalMilliseconds: 2000 must be at most checkIntervalMilliseconds = 1000",
    ],
    [
        { timingOverrides: { tcp: { keepaliveIdleSeconds: 170 } } },
        "timingOverrides.tcp.keepaliveIdleSeconds: 170 must make keepaliveIdleSeconds + keepaliveIntervalSeconds × keepaliveCount, now 185, more than 10 (live migration) and less than 180 (Yandex drops idle connections)",
    ],
    [
        { timingOverrides: { tcp: { userTimeoutMilliseconds: 5000 } } },
        "timingOverrides.tcp.userTimeoutMilliseconds: 5000 must be more than 10000, so that a connection survives live migration",
    ],
    [
        { timingOverrides: { replication: { timeoutSeconds: 300 } } },
        "timingOverrides.replication.timeoutSeconds: 300 must be more than 10 (live migration) and less than 180 (Yandex drops idle connections)",
    ],
    [
        { timingOverrides: { haproxy: { fall: 0 } } },
        "timingOverrides.haproxy.fall: 0 must be a whole number from 1 to 10",
    ],
    [
        { timingOverrides: { patroni: { ttl: 30 } } },
        'timingOverrides.patroni: {"ttl":…} has unknown ttl; known are ttlSeconds, loopWaitSeconds, retryTimeoutSeconds, primaryStartTimeoutSeconds, primaryStopTimeoutSeconds, watchdogSafetyMarginSeconds',
    ],
    [
        { timingOverrides: { tcp: { retransmissions: 4 } } },
        "timingOverrides.tcp.retransmissions: 4 must make 0.2 s × (2 ^ (retransmissions + 1) − 1), now 6.2 s, more than 10 s, so that a connection survives live migration",
    ],
    [{ timingOverrides: "fast" }, 'timingOverrides: "fast" must be a map of patroni, etcd, haproxy, tcp, replication'],
    [{ maxReplicaLagMib: -1 }, "maxReplicaLagMib: -1 must be a whole number from 1 to 10240 (MiB)"],
    [
        { users: '[{"name": "reader"' },
        "users: [invalid JSON] must be a list of at most 100 maps with name and databases",
    ],
    ...["Russian", "ru_RU.UTF-8", "ru-ru", "xx-XX", ""].map((locale): [Record<string, unknown>, string] => [
        { databases: [{ name: "app", owner: "app", locale }] },
        `databases[0].locale: "${locale}" must be a language tag that ICU knows, like ru-RU, de or en-US-u-kn`,
    ]),
    [
        { patroniCallbacks: { on_failover: "true" } },
        'patroniCallbacks: {"on_failover":…} has unknown on_failover; known are on_start, on_stop, on_restart, on_role_change, on_reload',
    ],
    [
        { patroniCallbacks: "/usr/local/bin/notify" },
        "patroniCallbacks: [hidden] must be a map of on_start, on_stop, on_restart, on_role_change, on_reload to scripts",
    ],
    [{ patroniCallbacks: { on_start: " \n" } }, `patroniCallbacks.on_start: [hidden] ${script}`],
    [{ patroniCallbacks: { on_stop: ["echo"] } }, `patroniCallbacks.on_stop: [hidden] ${script}`],
    [{ patroniCallbacks: { on_restart: "echo one\r\necho two" } }, `patroniCallbacks.on_restart: [hidden] ${script}`],
    [
        { patroniCallbacks: { on_role_change: "#!python3\nprint()" } },
        `patroniCallbacks.on_role_change: [hidden] ${script}`,
    ],
    // PgBouncer
    [{ pgbouncerServerConnection: "plain" }, 'pgbouncerServerConnection: "plain" must be one of tls, socket'],
    [
        { pgbouncerPoolMode: "connection" },
        'pgbouncerPoolMode: "connection" must be one of session, transaction, statement',
    ],
    [
        { pgbouncerPoolSize: 388 },
        "pgbouncerPoolSize: 388 must fit: 388 × 1 pairs of user and database must be at most max_connections 400 less 13 for Patroni, checks and administrators = 387",
    ],
    [
        { postgresqlParameters: { max_connections: 100 }, pgbouncerPoolSize: 100 },
        "pgbouncerPoolSize: 100 must fit: 100 × 1 pairs of user and database must be at most max_connections 100 less 13 for Patroni, checks and administrators = 87",
    ],
    [
        { users: [{ name: "reader", databases: ["app"] }], pgbouncerPoolSize: 200 },
        "pgbouncerPoolSize: 200 must fit: 200 × 2 pairs of user and database must be at most max_connections 400 less 13 for Patroni, checks and administrators = 387",
    ],
    [
        { pgbouncerPoolSize: "many" },
        'pgbouncerPoolSize: "many" must be a whole number from 1 to 5000 (connections, or auto)',
    ],
    [
        { pgbouncerMaxClientConnections: 100 },
        "pgbouncerMaxClientConnections: 100 must be at least pgbouncerPoolSize = 387",
    ],
];

describe("validation errors", () => {
    it.each(table)("%j", (input, message) => {
        expect(mistakes(input)).toEqual([message]);
    });

    it("are at least forty different ones", () => {
        expect(new Set(table.map(([, message]) => message)).size).toBe(table.length);
        expect(table.length).toBeGreaterThanOrEqual(40);
    });

    it("are all reported at once", () => {
        // One mistake for each key, without those that need other keys to be right.
        const byItself = table.filter(
            ([input, message]) =>
                Object.keys(input).length === 1 &&
                !/quotas|must fit|PoolSize =|on platform|leave room|60 %/.test(message),
        );
        const one = new Map(byItself.map(([input, message]) => [Object.keys(input)[0]!, { input, message }]));
        const reported = mistakes(
            Object.assign({}, ...[...one.values()].map(({ input }) => input)) as Record<string, unknown>,
        );
        expect(one.size).toBeGreaterThan(35);
        expect(reported).toEqual(expect.arrayContaining([...one.values()].map(({ message }) => message)));
    });
});

describe("parseSettings", () => {
    const defaults = parseSettings(required);

    it("requires only the keys and addresses of the administrators", () => {
        expect(defaults.clusterName).toBe("main");
        expect(defaults.machines.database.count).toBe(3);
        expect(defaults.highAvailability).toMatchObject({
            timings: { patroni: { ttlSeconds: profiles.normal.patroni.ttlSeconds } },
            synchronousMode: "quorum",
        });
        expect(defaults.network.clientCidrs).toEqual([defaults.network.cidr]);
        expect(defaults.deletionProtection).toBe(true);
    });

    it("lets another node replace a crashed primary at once if one has all acknowledged rows", () => {
        const startTimeout = (raw: Record<string, unknown>) =>
            parseSettings({ ...required, ...raw }).highAvailability.timings.patroni.primaryStartTimeoutSeconds;
        expect(startTimeout({})).toBe(0);
        expect(startTimeout({ synchronousMode: "strict", profile: "safe" })).toBe(0);
        expect(startTimeout({ synchronousMode: "off" })).toBe(10);
        expect(startTimeout({ timingOverrides: { patroni: { primaryStartTimeoutSeconds: 20 } } })).toBe(20);
    });

    it("accepts values as text, as Pulumi delivers them", () => {
        const settings = parseSettings({
            adminCidrs: '["203.0.113.10/32"]',
            sshPublicKeys: publicKey,
            databaseNodes: "5",
            deletionProtection: "false",
            quotas: '{"ssdGib": 400}',
            imageId: "",
            pgbouncerPoolSize: "50",
            databases: '[{"name": "otus", "owner": "otus"}]',
        });
        expect(settings.machines.database.count).toBe(5);
        expect(settings.deletionProtection).toBe(false);
        expect(settings.image).toEqual({ family: "almalinux-9" });
        expect(settings.pgbouncer.poolSize).toBe(50);
        expect(settings.postgresql.users).toEqual([{ name: "otus", databases: ["otus"], replication: false }]);
    });

    it("accepts a plain list of ranges and a file of keys", () => {
        const settings = parseSettings({
            adminCidrs: "203.0.113.10/32, 198.51.100.0/24",
            sshPublicKeys: `${publicKey}\n${publicKey}\n`,
        });
        expect(settings.network.adminCidrs).toEqual(["203.0.113.10/32", "198.51.100.0/24"]);
        expect(settings.ssh.publicKeys).toEqual([publicKey, publicKey]);
    });

    it("opens SSH to the Internet only if a second setting allows it", () => {
        expect(mistakes({ adminCidrs: ["0.0.0.0/0"] })).toHaveLength(1);
        expect(
            parseSettings({ ...required, adminCidrs: ["0.0.0.0/0"], allowSshFromAnywhere: true }).network.adminCidrs,
        ).toEqual(["0.0.0.0/0"]);
    });

    it("adds every owner to the users, with the databases to which it may connect", () => {
        const settings = parseSettings({
            ...required,
            databases: [
                { name: "shop", owner: "shop" },
                { name: "audit", owner: "auditor" },
            ],
            users: [
                { name: "shop", databases: ["audit"], replication: true },
                { name: "reader", databases: ["shop"] },
            ],
        });
        expect(settings.postgresql.users).toEqual([
            { name: "shop", databases: ["shop", "audit"], replication: true },
            { name: "auditor", databases: ["audit"], replication: false },
            { name: "reader", databases: ["shop"], replication: false },
        ]);
    });

    it("lets configured parameters override computed ones, in upper or lower case", () => {
        const { parameters } = parseSettings({
            ...required,
            postgresqlParameters: { WORK_MEM: "32MB", "pg_stat_statements.max": 10000, datestyle: "ISO, DMY" },
        }).postgresql;
        expect(parameters).toMatchObject({
            work_mem: "32MB",
            "pg_stat_statements.max": 10000,
            DateStyle: "ISO, DMY",
            shared_buffers: "4096MB",
        });
        expect(parameters).not.toHaveProperty("WORK_MEM");
    });

    it("gives PostgreSQL the time zone of the machines", () => {
        const { postgresql, operatingSystem } = parseSettings({ ...required, timeZone: "Europe/Moscow" });
        expect(operatingSystem.timeZone).toBe("Europe/Moscow");
        expect(postgresql.parameters).toMatchObject({ TimeZone: "Europe/Moscow", log_timezone: "Europe/Moscow" });
    });

    it("returns values that are frozen at any depth", () => {
        const everything = (value: unknown): unknown[] =>
            typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(everything)] : [];
        expect(everything(defaults).every(Object.isFrozen)).toBe(true);
    });

    it("accepts a fingerprint with spaces, as gpg prints it", () => {
        const { epel, pgdg } = parseSettings({
            ...required,
            epelKeyFingerprint: `${"ab12 ".repeat(5)} ${"cd34 ".repeat(5)}`,
        }).mirrors;
        expect(epel.keyFingerprint).toBe("AB12".repeat(5) + "CD34".repeat(5));
        expect(pgdg).toEqual({
            url: "https://download.postgresql.org/pub/repos/yum",
            keyFingerprint: "D4BF08AE67A0B4C7A1DBCCD240BCA2B408B40D20",
            release: "9",
        });
    });

    it("returns settings that the address plan accepts", () => {
        expect(addressPlan(defaults).nodes.database.map(({ address }) => address)).toEqual([
            "10.10.0.10",
            "10.10.32.11",
            "10.10.64.12",
        ]);
    });

    it("accepts the machines of the testbed", () => {
        const small = parseSettings({
            ...required,
            databaseCores: 2,
            databaseMemoryGib: 2,
            databaseDataDiskSizeGib: 10,
            almalinuxMirror: "http://repo.testbed/almalinux",
            epelMirror: "http://repo.testbed/epel",
            pgdgMirror: "http://repo.testbed/pgdg",
        });
        expect(small.mirrors.pgdg.url).toBe("http://repo.testbed/pgdg");
        expect(small.pgbouncer.poolSize).toBe(37);
    });
});

describe("a declaration", () => {
    const declarations = Object.entries(keys);

    it("belongs to one subject", () => {
        const names = subjects.flatMap((subject) => Object.keys(subject.keys));
        expect(names.toSorted()).toEqual(Object.keys(keys).toSorted());
        expect(new Set(subjects.map(({ title }) => title)).size).toBe(subjects.length);
    });

    it.each(declarations)("of %s has a description of whole sentences", (_, { description }) => {
        expect(description).toMatch(/^[^\n]{10,}\.$/);
    });

    it.each(declarations)("of %s has a default that is valid, unless the key is required", (name, declaration) => {
        expect(declaration.kind.safeParse(declaration.default).success).toBe(!(name in required));
        expect(declaration.description.startsWith("Required. ")).toBe(name in required);
    });

    it("is what Pulumi.yaml gives Pulumi, which would demand a key without a default", () => {
        const { config } = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as {
            config: Record<string, { description: string; default: unknown }>;
        };
        for (const [name, { description, default: value }] of declarations) {
            expect(config[name], name).toEqual({ description: expect.stringContaining(description), default: value });
        }
        expect(Object.keys(config)).toHaveLength(declarations.length);
    });

    it("names no rule's key that does not exist", () => {
        const named = subjects.flatMap(({ rules }) => rules.flatMap((rule) => rule.keys));
        expect(named.filter((name) => !(name in keys))).toEqual([]);
    });
});

describe("the provider's source", () => {
    // A bare name means OpenTofu's registry, which has had no release of a Russian cloud's provider since August 2024.
    const source = "registry.terraform.io/yandex-cloud/yandex";

    it("names the registry that has the provider", () => {
        const { packages } = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as {
            packages: { yandex: { parameters: string[] } };
        };
        expect(packages.yandex.parameters.slice(0, 2)).toEqual([source, "0.213.0"]);
    });

    it("is the folder to which tools/setup links the compiled provider", () => {
        const links = execFileSync("bash", ["-c", "export PULUMI_HOME=/home; . tools/steps.sh; pulumi_links"], {
            cwd: root,
            encoding: "utf8",
        });
        expect(links).toContain(`/dynamic_tf_plugins/${source}/0.213.0/`);
    });
});

describe("Pulumi.dev.yaml", () => {
    const stack = parse(readFileSync(join(root, "Pulumi.dev.yaml"), "utf8")) as { config: Record<string, unknown> };
    const own = Object.fromEntries(
        Object.entries(stack.config).flatMap(([key, value]) =>
            key.startsWith("postgres-ha:") ? [[key.slice("postgres-ha:".length), value]] : [],
        ),
    );

    it("is valid with the required settings, and fits the quotas of a new account", () => {
        expect(mistakes(own)).toEqual([]);
        const settings = parseSettings({ ...required, ...own });
        // The figures in the file's first lines.
        expect(demand({ ...settings, ownNetwork: true })).toMatchObject({
            machines: 5,
            vcpus: 16,
            memoryGib: 52,
            ssdGib: 180,
            hddGib: 40,
            publicAddresses: 1,
        });
    });
});

describe("readSettings", () => {
    it("reads the project's keys and no others", async () => {
        await pulumi.runtime.setMocks(
            { newResource: ({ inputs }) => ({ id: "id", state: inputs }), call: ({ inputs }) => inputs },
            "postgres-ha",
            "dev",
        );
        pulumi.runtime.setAllConfig({
            "yandex:zone": "ru-central1-a",
            "postgres-ha:adminCidrs": '["203.0.113.10/32"]',
            "postgres-ha:sshPublicKeys": JSON.stringify([publicKey]),
            "postgres-ha:loadBalancers": "2",
        });
        const settings: Settings = readSettings();
        expect(settings.machines.loadBalancer.count).toBe(2);
        pulumi.runtime.setAllConfig({ "postgres-ha:loadBalancer": "2" });
        expect(() => readSettings()).toThrow("loadBalancer: is not a setting; did you mean loadBalancers?");
    });
});
