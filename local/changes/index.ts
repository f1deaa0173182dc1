/** For every setting a change of its value on a running cluster, in the order of README. */
import { nameOf, type SettingChange } from "./change.ts";
import { inCloud, inPatroni, inPgbouncer, inPostgresql, inState, onEach } from "./places.ts";

const everywhere = ["jumpHost", "database", "loadBalancer"] as const;

export const settingChanges: readonly SettingChange[] = [
    { key: "clusterName", value: "other", expected: { refusal: 'clusterName: "other" must stay "main": ' } },
    {
        key: "zones",
        value: ["ru-central1-b", "ru-central1-a", "ru-central1-d"],
        expected: { refusal: "must stay [" },
    },
    {
        key: "labels",
        value: { team: "dba" },
        expected: { seen: inCloud("instances", /^main-/), shows: '"team":"dba"' },
    },
    {
        key: "deletionProtection",
        value: true,
        expected: { seen: inState(/ComputeInstance::main-db-\d$/), shows: '"protect":true' },
    },
    {
        key: "readyTimeoutMinutes",
        value: 20,
        expected: { seen: inState(/Command::main-(check|members)$/), shows: "1200" },
    },
    {
        key: "networkId",
        value: "enpanothernetwork000",
        expected: { refusal: 'networkId: "enpanothernetwork000" must stay "": ' },
    },
    {
        key: "routeTableId",
        variant: "without a network of the user's",
        value: "enpanotherroutes0000",
        expected: { refusal: "must stand together with networkId, whose route table it is" },
    },
    {
        key: "networkCidr",
        value: "10.20.0.0/16",
        expected: { refusal: 'networkCidr: "10.20.0.0/16" must stay "10.10.0.0/16": ' },
    },
    {
        key: "adminCidrs",
        value: (present: unknown) => [...(present as string[]), "198.51.100.0/24"],
        expected: { seen: inCloud("securityGroups", /jump/), shows: "198.51.100.0/24" },
    },
    {
        key: "allowSshFromAnywhere",
        value: true,
        together: { adminCidrs: ["0.0.0.0/1", "128.0.0.0/1"] },
        expected: { seen: inCloud("securityGroups", /jump/), shows: "128.0.0.0/1" },
    },
    {
        key: "clientCidrs",
        value: ["10.10.0.0/16", "10.99.0.0/16"],
        expected: { seen: onEach(["database", "loadBalancer"], "nft list ruleset"), shows: "10.99.0.0/16" },
    },
    { key: "sshUser", value: "somebody", expected: { refusal: 'sshUser: "somebody" must stay "pgadmin": ' } },
    {
        key: "sshPublicKeys",
        value: (present: unknown) => [
            ...(present as string[]),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMN0kfOWlsGP0cQC4mtwEpRa0MF6gFqIn4bMyEhbTXr1 second",
        ],
        expected: {
            seen: onEach(everywhere, "cat /home/pgadmin/.ssh/authorized_keys"),
            shows: "AAAAIMN0kfOWlsGP0cQC4mtwEpRa0MF6gFqIn4bMyEhbTXr1",
        },
    },
    {
        key: "almalinuxMirror",
        value: "http://repo.testbed:80/almalinux",
        expected: {
            seen: onEach(everywhere, "cat /etc/yum.repos.d/almalinux-baseos.repo"),
            shows: "repo.testbed:80/almalinux",
        },
    },
    {
        key: "epelMirror",
        value: "http://repo.testbed:80/epel",
        standsFor: ["epelKeyFingerprint"],
        expected: {
            seen: onEach(["database"], "cat /etc/yum.repos.d/*.repo"),
            shows: "repo.testbed:80/epel",
        },
    },
    {
        key: "pgdgMirror",
        value: "http://repo.testbed:80/pgdg",
        standsFor: ["pgdgKeyFingerprint", "pgdgRelease"],
        expected: {
            seen: onEach("database", "cat /etc/yum.repos.d/*.repo"),
            shows: "repo.testbed:80/pgdg",
        },
    },
    {
        key: "securityUpdates",
        value: true,
        expected: {
            seen: onEach(everywhere, "systemctl is-enabled dnf-automatic.timer || true"),
            shows: "enabled",
        },
    },
    {
        key: "timeZone",
        value: "Europe/Moscow",
        expected: { seen: onEach(everywhere, "readlink /etc/localtime"), shows: "Europe/Moscow" },
    },
    {
        key: "ntpServers",
        value: ["ntp1.vniiftri.ru"],
        expected: { seen: onEach(everywhere, "cat /etc/chrony.conf"), shows: "ntp1.vniiftri.ru" },
    },
    {
        key: "platformId",
        value: "standard-v2",
        expected: { seen: inCloud("instances", /^main-/), shows: '"standard-v2"' },
    },
    {
        key: "databaseNodes",
        value: 5,
        expected: { seen: onEach("database", "patronictl list --format json"), shows: '"main-db-5"' },
    },
    {
        key: "loadBalancers",
        value: 2,
        expected: { seen: inCloud("targetGroups", /^main/), shows: '"10.10.32.6"' },
    },
    {
        key: "jumpHostCores",
        value: 4,
        standsFor: ["jumpHostCoreFraction", "jumpHostMemoryGib"],
        expected: { seen: inCloud("instances", /jump/), shows: '"cores":4' },
    },
    {
        key: "loadBalancerCores",
        value: 4,
        standsFor: ["loadBalancerCoreFraction", "loadBalancerMemoryGib"],
        expected: { seen: inCloud("instances", /-lb-/), shows: '"cores":4' },
    },
    {
        key: "databaseCores",
        value: 4,
        // The platform offers no less for four cores.
        together: { databaseMemoryGib: 4 },
        standsFor: ["databaseCoreFraction"],
        expected: { seen: inCloud("instances", /-db-/), shows: '"cores":4' },
    },
    {
        key: "databaseMemoryGib",
        value: 4,
        expected: { seen: inPostgresql("SHOW shared_buffers"), shows: "1GB" },
    },
    {
        key: "databaseBootDiskSizeGib",
        value: 30,
        standsFor: [
            "databaseBootDiskType",
            "jumpHostBootDiskSizeGib",
            "jumpHostBootDiskType",
            "loadBalancerBootDiskSizeGib",
            "loadBalancerBootDiskType",
            // The testbed has one image only.
            "imageId",
            "imageFamily",
        ],
        expected: { seen: inState(/ComputeInstance::main-db-/), shows: '"size":30' },
    },
    {
        key: "databaseDataDiskSizeGib",
        variant: "smaller",
        value: 9,
        expected: { refusal: "databaseDataDiskSizeGib: 9" },
    },
    {
        key: "databaseDataDiskType",
        value: "network-hdd",
        expected: { refusal: 'databaseDataDiskType: "network-hdd" must stay "network-ssd": ' },
    },
    {
        key: "loadBalancerMaxConnections",
        value: 1500,
        expected: { seen: onEach("loadBalancer", "haproxy-console show info"), shows: "\nMaxconn: 1500\n" },
    },
    { key: "quotas", value: { machines: 20 }, expected: { nothing: "only the preview reads it" } },
    { key: "postgresqlVersion", value: 16, expected: { refusal: "postgresqlVersion: 16" } },
    {
        key: "postgresqlParameters",
        variant: "live",
        value: { work_mem: "9MB" },
        expected: { seen: inPostgresql("SHOW work_mem"), shows: "9MB" },
    },
    {
        key: "postgresqlParameters",
        variant: "restart",
        value: { max_connections: 70 },
        expected: { seen: inPostgresql("SHOW max_connections"), shows: "70" },
    },
    {
        key: "databases",
        value: [
            { name: "app", owner: "app" },
            { name: "billing", owner: "billing" },
        ],
        expected: {
            seen: inPostgresql("SELECT string_agg(datname, ' ') FROM pg_database"),
            shows: "billing",
            stays: true,
        },
    },
    {
        key: "users",
        value: [{ name: "reporting", databases: ["app"] }],
        expected: {
            seen: inPostgresql("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = 'reporting'"),
            shows: "reporting|t",
        },
    },
    {
        key: "logicalSlots",
        value: [{ name: "cdc", database: "app" }],
        given: { postgresqlParameters: { wal_level: "logical" } },
        expected: { seen: inPatroni, shows: "cdc:" },
    },
    { key: "profile", value: "fast", expected: { seen: inPatroni, shows: "ttl: 20\n" } },
    {
        key: "timingOverrides",
        variant: "haproxy",
        value: { haproxy: { fall: 3 } },
        expected: { seen: onEach("loadBalancer", "cat /etc/haproxy/haproxy.cfg"), shows: "fall 3" },
    },
    {
        key: "timingOverrides",
        variant: "etcd",
        value: { etcd: { electionMilliseconds: 3000 } },
        expected: {
            seen: onEach("database", "grep election /etc/etcd/*"),
            shows: "3000",
        },
    },
    {
        key: "synchronousMode",
        variant: "strict",
        value: "strict",
        expected: { seen: inPatroni, shows: "synchronous_mode_strict: true" },
    },
    {
        key: "synchronousMode",
        variant: "off",
        value: "off",
        expected: { seen: inPatroni, shows: "synchronous_mode: false" },
    },
    {
        key: "maxFailoverLagMib",
        value: 4,
        given: { synchronousMode: "off" },
        expected: { seen: inPatroni, shows: "maximum_lag_on_failover: 4194304" },
    },
    {
        key: "patroniCallbacks",
        value: { on_reload: "true\n" },
        expected: { seen: onEach("database", "ls /etc/postgres-ha/callbacks || true"), shows: "on_reload" },
    },
    {
        key: "maxReplicaLagMib",
        value: 32,
        expected: { seen: onEach("loadBalancer", "cat /etc/haproxy/haproxy.cfg"), shows: "lag=32MB" },
    },
    {
        key: "keepReadsOnLaggingReplica",
        value: true,
        expected: {
            seen: onEach("loadBalancer", "cat /etc/haproxy/haproxy.cfg"),
            shows: "The replica lags",
        },
    },
    {
        key: "pgbouncerPoolMode",
        value: "transaction",
        expected: { seen: inPgbouncer("pool_mode"), shows: "pool_mode|transaction" },
    },
    {
        key: "pgbouncerServerConnection",
        value: "socket",
        expected: { seen: inPgbouncer("server_tls_sslmode"), shows: "server_tls_sslmode|disable" },
    },
    {
        key: "pgbouncerPoolSize",
        value: 10,
        expected: { seen: inPgbouncer("default_pool_size"), shows: "default_pool_size|10|" },
    },
    {
        key: "pgbouncerMaxClientConnections",
        value: 500,
        expected: { seen: inPgbouncer("max_client_conn"), shows: "max_client_conn|500|" },
    },
];

/** @throws Error that lists the names if no change has this name */
export function settingChangeNamed(name: string): SettingChange {
    const change = settingChanges.find((candidate) => nameOf(candidate) === name);
    if (!change) throw new Error(`unknown change ${name}; the changes are ${settingChanges.map(nameOf).join(", ")}`);
    return change;
}
