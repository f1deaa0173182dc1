import { stringify } from "yaml";

import type { Timings } from "../../cluster/timings.ts";
import type { PostgresqlParameters } from "../../settings/postgresql/sizing.ts";
import { dropIn } from "./base.ts";
import { maintenanceDatabase, nodeTls, ports, sqlRoles, tlsGroup, type Peer } from "../../cluster/names.ts";
import type { FileEntry, MachineFile, ServicePart } from "../machine/configuration.ts";
import { callbackCommands, callbackDirectory } from "./patroni-callbacks.ts";
import { socketDirectory } from "./pgbouncer.ts";
import {
    administratorMap,
    binDirectory,
    dataDirectory,
    dataMountPoint,
    hostBasedAuthentication,
    localEndpoint,
    localParameters,
    postgresUser,
} from "./postgresql.ts";
import { bootCommand, guardCommand, timedCommand, watchingCommand } from "../machine/command-units.ts";
import { programCommand } from "../machine/program.ts";
import { refresh } from "../machine/scripts.ts";

export interface PatroniInputs {
    /** Patroni's scope: the cluster's name. */
    readonly clusterName: string;
    readonly self: Peer;
    readonly members: readonly Peer[];
    readonly postgresqlVersion: number;
    readonly dynamic: DynamicConfiguration;
    /** Operating system account that may become the superuser over the local socket. */
    readonly adminUser: string;
    /** Whether a watchdog device is used where the kernel offers one. */
    readonly watchdog: boolean;
}

/** What Patroni keeps in etcd for the whole cluster. */
export interface DynamicConfiguration {
    readonly timings: Timings["patroni"];
    readonly maximumLagOnFailoverBytes: number;
    readonly synchronousMode: "quorum" | "strict" | "off";
    /** Standbys that must confirm a commit. */
    readonly synchronousNodeCount: number;
    /** Slots that Patroni makes, and keeps at their consumer's position on every node. */
    readonly logicalSlots: readonly { readonly name: string; readonly database: string; readonly plugin: string }[];
    readonly parameters: PostgresqlParameters;
    /** Names of those that take effect only after a restart. */
    readonly restartParameters: readonly string[];
}

export interface PatroniSecrets {
    readonly superuserPassword: string;
    readonly replicationPassword: string;
    readonly rewindPassword: string;
}

/** Patroni reads every file of its directory. */
export const patroniPaths = {
    configurationDirectory: "/etc/patroni",
    dynamicConfiguration: "/etc/postgres-ha/patroni-dynamic.json",
    nodeConfiguration: "/etc/patroni/node.yml",
    callbackDirectory,
} as const;
const DIRECTORY = patroniPaths.configurationDirectory;

/** A running Patroni learns it, too. */
const describeNode = programCommand("describe-node", "--reload");

/** Patroni on one node. Its secrets have a file of their own. */
export function patroni(inputs: PatroniInputs, secrets: PatroniSecrets): ServicePart {
    return {
        packages: ["patroni", "patroni-etcd"],
        users: [{ ...postgresUser, homeDirectory: dataMountPoint, shell: "/bin/bash", groups: [tlsGroup] }],
        units: ["describe-node.path", "come-back.service"],
        unitsWithSecrets: ["patroni.service", "replica-guard.timer", "unreachable-peers.service"],
        files: [
            {
                path: patroniPaths.dynamicConfiguration,
                content: `${JSON.stringify(dynamicConfiguration(inputs.dynamic), undefined, 2)}\n`,
                entries: dynamicEntries(inputs.dynamic),
            },
            {
                path: `${DIRECTORY}/patroni.yml`,
                content: stringify(nodeConfiguration(inputs), { lineWidth: 0 }),
                onChange: [refresh("reload", "patroni.service")],
            },
            {
                path: `${DIRECTORY}/secrets.yml`,
                content: stringify(secretConfiguration(secrets)),
                owner: "postgres:postgres",
                mode: "0600",
                secret: true,
                onChange: [refresh("reload", "patroni.service")],
            },
            service(inputs),
            {
                path: "/etc/profile.d/postgres-ha-patroni.sh",
                content: [
                    // The file without the secrets: what patronictl does needs only a certificate.
                    `export PATRONICTL_CONFIG_FILE=${DIRECTORY}/patroni.yml`,
                    // libpq tries both folders in turn: port 5432 is in the first, 6432 in the second.
                    `export PGHOST=${localEndpoint.socketDirectory},${socketDirectory} PGUSER=${sqlRoles.superuser} PGDATABASE=${maintenanceDatabase}`,
                    "",
                ].join("\n"),
            },
            ...watchingCommand({
                name: "describe-node",
                command: describeNode,
                description: "Let Patroni tell which packages this node has",
                // Every transaction of dnf ends with a write to it. rpm's own database is written to by mere queries, too.
                path: "/var/lib/dnf/history.sqlite",
            }),
            ...timedCommand({
                name: "replica-guard",
                command: programCommand("replica-guard"),
                description: "Copy a replica anew that lacks WAL which the leader has removed",
                after: "patroni.service",
                everySeconds: 30,
                timeoutSeconds: 60,
            }),
            ...bootCommand({
                name: "come-back",
                command: programCommand("come-back"),
                description: "Let the next machine be stopped once this node is well again",
                after: "network-online.target",
            }),
            ...guardCommand({
                name: "unreachable-peers",
                command: programCommand("unreachable-peers"),
                description: "Refuse connections to nodes that do not answer",
                after: "nftables.service network-online.target",
                cleanUp: "-/usr/sbin/nft delete table inet unreachable_peers",
            }),
        ],
    };
}

/**
 * More than any lag: a pebibyte. In the synchronous modes only a standby with all acknowledged commits may become leader.
 * Patroni's limit also counts WAL that was never acknowledged. During a bulk load it could disqualify every standby, so it is
 * switched off there.
 */
const anyLagBytes = 1024 ** 5;

/** What the preview says of each value of the dynamic configuration. */
function dynamicEntries(dynamic: DynamicConfiguration): readonly FileEntry[] {
    const { postgresql: _, slots, ...own } = dynamicConfiguration(dynamic);
    return [
        ...Object.entries(own).map(([name, value]) => ({
            name: `Patroni ${name}`,
            value: String(value),
            consequence: "reload of Patroni",
        })),
        ...Object.entries(slots).map(([name, { database, plugin }]) => ({
            name: `slot ${name}`,
            value: `${plugin} in ${database}`,
            consequence: "restart of PostgreSQL on all replicas together, where it is new",
        })),
        ...Object.entries(dynamic.parameters).map(([name, value]) => ({
            name: `PostgreSQL ${name}`,
            value: String(value),
            consequence: dynamic.restartParameters.includes(name)
                ? "restart of PostgreSQL, node after node"
                : "reload of PostgreSQL",
        })),
    ];
}

/** Patroni's dynamic configuration in its own names. */
export function dynamicConfiguration(dynamic: DynamicConfiguration) {
    return {
        ttl: dynamic.timings.ttlSeconds,
        loop_wait: dynamic.timings.loopWaitSeconds,
        retry_timeout: dynamic.timings.retryTimeoutSeconds,
        primary_start_timeout: dynamic.timings.primaryStartTimeoutSeconds,
        primary_stop_timeout: dynamic.timings.primaryStopTimeoutSeconds,
        maximum_lag_on_failover: dynamic.synchronousMode === "off" ? dynamic.maximumLagOnFailoverBytes : anyLagBytes,
        check_timeline: true,
        // Without etcd the leader goes on as long as every replica answers it.
        failsafe_mode: true,
        synchronous_mode: dynamic.synchronousMode === "quorum" ? "quorum" : dynamic.synchronousMode === "strict",
        synchronous_mode_strict: dynamic.synchronousMode === "strict",
        synchronous_node_count: dynamic.synchronousNodeCount,
        slots: Object.fromEntries(
            dynamic.logicalSlots.map(({ name, database, plugin }) => [name, { type: "logical", database, plugin }]),
        ),
        postgresql: {
            use_pg_rewind: true,
            use_slots: true,
            parameters: dynamic.parameters,
        },
    };
}

/** The node's own configuration. Validated by `patroni --validate-config` in the tests. */
export function nodeConfiguration(inputs: PatroniInputs): object {
    const { self, members, clusterName, postgresqlVersion } = inputs;
    const verified = { sslmode: "verify-full", sslrootcert: nodeTls.ca };
    return {
        scope: clusterName,
        namespace: "/service",
        name: self.name,
        log: { level: "INFO", format: "%(levelname)s: %(message)s" },
        restapi: {
            listen: `0.0.0.0:${ports.patroni}`,
            connect_address: `${self.address}:${ports.patroni}`,
            certfile: nodeTls.certificate,
            keyfile: nodeTls.key,
            cafile: nodeTls.ca,
            // Anybody may read; what changes something needs a certificate of a member.
            verify_client: "optional",
        },
        ctl: { cacert: nodeTls.ca, certfile: nodeTls.certificate, keyfile: nodeTls.key },
        etcd3: {
            protocol: "https",
            hosts: members.map((member) => `${member.address}:${ports.etcdClient}`),
            cacert: nodeTls.ca,
            cert: nodeTls.certificate,
            key: nodeTls.key,
        },
        bootstrap: {
            dcs: dynamicConfiguration(inputs.dynamic),
            initdb: [{ encoding: "UTF8" }, { "locale-provider": "libc" }, { locale: "C.UTF-8" }, "data-checksums"],
        },
        postgresql: {
            listen: `0.0.0.0:${ports.postgresql}`,
            connect_address: `${self.address}:${ports.postgresql}`,
            data_dir: dataDirectory(postgresqlVersion),
            bin_dir: binDirectory(postgresqlVersion),
            pgpass: "/run/patroni/pgpass",
            use_unix_socket: true,
            use_unix_socket_repl: true,
            authentication: {
                superuser: { username: sqlRoles.superuser, ...verified },
                replication: { username: sqlRoles.replication, ...verified },
                rewind: { username: sqlRoles.rewind, ...verified },
            },
            parameters: localParameters(),
            callbacks: callbackCommands(),
            pg_hba: hostBasedAuthentication(members),
            pg_ident: administratorMap(inputs.adminUser),
            basebackup: [{ checkpoint: "fast" }],
            before_stop: fastStop(postgresqlVersion),
            // A former leader that cannot be rewound is copied anew: its data is not lost, the leader has it.
            remove_data_directory_on_rewind_failure: true,
        },
        watchdog: {
            mode: inputs.watchdog ? "automatic" : "off",
            device: "/dev/watchdog",
            safety_margin: inputs.dynamic.timings.watchdogSafetyMarginSeconds,
        },
        tags: { nofailover: false, noloadbalance: false, clonefrom: true, nosync: false },
    };
}

/**
 * Patroni runs this first whenever it stops PostgreSQL, then stops it itself and looks once a second whether it is down
 * (STOP_POLLING_INTERVAL). PostgreSQL needs 0.2 to 0.4 s, so nearly a second of every switchover would be waiting. When
 * this has stopped it, Patroni goes on at once; when it takes longer than a second, nothing but that second was lost.
 */
function fastStop(postgresqlVersion: number): string {
    return `${binDirectory(postgresqlVersion)}/pg_ctl stop --silent --mode=fast --timeout=1 --pgdata=${dataDirectory(postgresqlVersion)}`;
}

function secretConfiguration(secrets: PatroniSecrets): object {
    return {
        postgresql: {
            authentication: {
                superuser: { password: secrets.superuserPassword },
                replication: { password: secrets.replicationPassword },
                rewind: { password: secrets.rewindPassword },
            },
        },
    };
}

/** PGDG ships the unit as Type=simple or notify, and with Restart=no: settle what matters here. */
function service({ watchdog }: PatroniInputs): MachineFile {
    const readyWatchdog = ["+-/usr/sbin/modprobe softdog", `+-/usr/bin/chown ${postgresUser.name} /dev/watchdog`];
    const describe = `+-${programCommand("describe-node")}`;
    return dropIn("patroni.service", {
        Unit: {
            After: "etcd.service network-online.target time-sync.target",
            Wants: "etcd.service",
            // Without the data disk a new cluster would be made on the boot disk.
            AssertPathIsMountPoint: dataMountPoint,
            StartLimitIntervalSec: "0",
        },
        Service: {
            Type: "simple",
            User: postgresUser.name,
            Group: postgresUser.name,
            RuntimeDirectory: ["postgresql", "patroni"],
            RuntimeDirectoryPreserve: "yes",
            ExecStartPre: [...(watchdog ? readyWatchdog : []), describe],
            ExecStart: ["", `/usr/bin/patroni ${DIRECTORY}`],
            // PostgreSQL outlives a crash of Patroni, which finds it again a second later.
            KillMode: "process",
            Restart: "always",
            RestartSec: "1",
            // A clean stop checkpoints first.
            TimeoutStopSec: "300",
            LimitNOFILE: "65536",
            LimitMEMLOCK: "infinity",
            OOMScoreAdjust: "-900",
            Environment: [
                "MALLOC_ARENA_MAX=1",
                // Backends may be killed, the postmaster may not.
                "PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj",
                "PG_OOM_ADJUST_VALUE=0",
            ],
        },
    });
}
