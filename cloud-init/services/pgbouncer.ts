import type { Timings } from "../../cluster/timings.ts";
import { dropIn } from "./base.ts";
import { maintenanceDatabase, nodeTls, ports, sqlRoles, tlsGroup } from "../../cluster/names.ts";
import type { ServicePart } from "../machine/configuration.ts";
import { ADMINISTRATORS, administratorMap, binDirectory, localEndpoint } from "./postgresql.ts";
import { guardCommand } from "../machine/command-units.ts";
import { programCommand } from "../machine/program.ts";
import { refresh } from "../machine/scripts.ts";

export interface PgbouncerInputs {
    readonly poolMode: "session" | "transaction" | "statement";
    /** "tls" is verified TLS over the loopback, "socket" PostgreSQL's local socket, where PgBouncer uses no TLS. */
    readonly serverConnection: "tls" | "socket";
    /** Server connections per user and database. */
    readonly poolSize: number;
    /** Server connections to one database. */
    readonly maxDatabaseConnections: number;
    /** Server connections to all databases. */
    readonly maxServerConnections: number;
    readonly maxClientConnections: number;
    /** Operating system account that may open the console. */
    readonly adminUser: string;
    readonly postgresqlVersion: number;
    readonly timings: Timings["tcp"];
}

export interface PgbouncerSecrets {
    /** Password of the role that may look up other roles' verifiers and nothing else. */
    readonly lookupPassword: string;
}

const CONFIG = "/etc/pgbouncer/pgbouncer.ini";
const USER_LIST = "/etc/pgbouncer/userlist.txt";
const HBA = "/etc/pgbouncer/hba.conf";
const IDENT = "/etc/pgbouncer/ident.conf";

/** Where the console's socket lies: administrators' shells look here too (see `PGHOST` in patroni.ts). */
export const socketDirectory = "/run/pgbouncer";

/**
 * The pooler in front of the node's own PostgreSQL: TLS on the clients' side, and on the server's unless the socket is chosen.
 *
 * It runs only while PostgreSQL accepts connections: its start waits for that, and the guard ends it when PostgreSQL stays
 * away. Without a server PgBouncer would let clients wait for `query_wait_timeout` and then answer them with an error, also
 * the first one afterwards, and libpq, having an answer, would not try the next host of its list.
 */
export function pgbouncer(inputs: PgbouncerInputs, secrets: PgbouncerSecrets): ServicePart {
    const isReady = `${binDirectory(inputs.postgresqlVersion)}/pg_isready --quiet --timeout=0 --host=${localEndpoint.socketDirectory} --port=${localEndpoint.port}`;
    return {
        packages: ["pgbouncer"],
        users: [{ name: "pgbouncer", homeDirectory: "/home/pgbouncer", shell: "/bin/bash", groups: [tlsGroup] }],
        unitsWithSecrets: ["pgbouncer-guard.service"],
        // Its PostgreSQL may still have hours to copy.
        unawaitedUnits: ["pgbouncer.service"],
        files: [
            { path: CONFIG, content: configuration(inputs), onChange: [refresh("reload", "pgbouncer.service")] },
            {
                path: USER_LIST,
                // The superuser is listed, without a password, because PgBouncer knows no other user; see hostBasedAuthentication.
                content: `"${sqlRoles.poolerLookup}" "${secrets.lookupPassword}"\n"${sqlRoles.superuser}" ""\n`,
                owner: "pgbouncer:pgbouncer",
                mode: "0600",
                secret: true,
                onChange: [refresh("reload", "pgbouncer.service")],
            },
            { path: HBA, content: hostBasedAuthentication(), onChange: [refresh("reload", "pgbouncer.service")] },
            {
                path: IDENT,
                content: `${administratorMap(inputs.adminUser).join("\n")}\n`,
                onChange: [refresh("reload", "pgbouncer.service")],
            },
            dropIn("pgbouncer.service", {
                Unit: { StartLimitIntervalSec: "0" },
                Service: {
                    ExecStartPre: `/usr/bin/bash -c 'until ${isReady}; do sleep 0.5; done'`,
                    // The package's 0700 keeps administrators away from the console's socket.
                    RuntimeDirectory: "pgbouncer",
                    RuntimeDirectoryMode: "0755",
                    RuntimeDirectoryPreserve: "yes",
                    // The load balancers look once a second: a pooler that died is back before they give up.
                    Restart: "always",
                    RestartSec: "200ms",
                    // For as many as may be configured, since a running PgBouncer cannot be given more.
                    LimitNOFILE: "65536",
                    OOMScoreAdjust: "-800",
                },
            }),
            ...guardCommand({
                name: "pgbouncer-guard",
                command: programCommand("pgbouncer-guard"),
                description: "End a PgBouncer that does not answer, or whose PostgreSQL is away",
                wants: "pgbouncer.service",
            }),
        ],
    };
}

/**
 * Who may come in. Applications: over TLS, with a password. Administrators: to the console, from this machine, as the
 * operating system knows them. No other user connects over the socket, and none to the console over the network. The role
 * that reads verifiers has one honest client, which asks PostgreSQL itself.
 */
function hostBasedAuthentication(): string {
    return [
        `local ${consoleDatabase} ${sqlRoles.superuser} peer map=${ADMINISTRATORS}`,
        "local all all reject",
        `host all ${sqlRoles.superuser} all reject`,
        `host all ${sqlRoles.poolerLookup} all reject`,
        `host ${consoleDatabase} all all reject`,
        "hostssl all all all scram-sha-256",
        "",
    ].join("\n");
}

/** Parameters of a connection string that concern only the client. */
const clientOnlyParameters = [
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "load_balance_hosts",
    "target_session_attrs",
];

/** PgBouncer's own database, whose statements are SHOW and the like. */
export const consoleDatabase = "pgbouncer";

/** pgbouncer.ini. */
export function configuration(inputs: PgbouncerInputs): string {
    const settings: Record<string, string | number> = {
        listen_addr: "0.0.0.0",
        listen_port: ports.pgbouncer,
        unix_socket_dir: socketDirectory,
        pidfile: `${socketDirectory}/pgbouncer.pid`,
        auth_type: "hba",
        auth_hba_file: HBA,
        auth_ident_file: IDENT,
        admin_users: sqlRoles.superuser,
        auth_file: USER_LIST,
        auth_user: sqlRoles.poolerLookup,
        auth_dbname: maintenanceDatabase,
        auth_query: `SELECT role_name, verifier FROM ${sqlRoles.poolerLookup}.verifier($1)`,
        client_tls_sslmode: "require",
        client_tls_protocols: "secure",
        client_tls_ca_file: nodeTls.ca,
        client_tls_cert_file: nodeTls.certificate,
        client_tls_key_file: nodeTls.key,
        server_tls_sslmode: "verify-full",
        server_tls_protocols: "secure",
        server_tls_ca_file: nodeTls.ca,
        pool_mode: inputs.poolMode,
        default_pool_size: inputs.poolSize,
        max_db_connections: inputs.maxDatabaseConnections,
        // Over all databases, also those that the settings do not know.
        max_user_connections: inputs.maxServerConnections,
        max_client_conn: inputs.maxClientConnections,
        max_prepared_statements: 200,
        server_reset_query: "DISCARD ALL",
        // A server connection that PostgreSQL closed while it restarted must not be handed out.
        server_check_delay: 5,
        server_connect_timeout: 5,
        server_login_retry: 1,
        // An idle connection of one pool is missing in the pools of other databases.
        server_idle_timeout: 60,
        // A client that says nothing counts against max_client_conn.
        client_login_timeout: 15,
        query_wait_timeout: 30,
        tcp_keepalive: 1,
        tcp_keepidle: inputs.timings.keepaliveIdleSeconds,
        tcp_keepintvl: inputs.timings.keepaliveIntervalSeconds,
        tcp_keepcnt: inputs.timings.keepaliveCount,
        tcp_user_timeout: inputs.timings.userTimeoutMilliseconds,
        // What is listed here is accepted and not in force. pgjdbc always sends the first; since PostgreSQL 12 every positive
        // value gives the same text. The others are libpq's own: drivers that do not know them (asyncpg, pgx, lib/pq,
        // postgres.js) send them on from a connection string, and a server has no use for them. Anything else (options,
        // search_path, statement_timeout) is refused, with its name: a migration must not create its tables in another schema
        // than it asked for.
        ignore_startup_parameters: ["extra_float_digits", ...clientOnlyParameters].join(","),
        // Health checks come and go every second.
        log_connections: 0,
        log_disconnections: 0,
        log_pooler_errors: 1,
        stats_period: 600,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
    const host = inputs.serverConnection === "tls" ? localEndpoint.host : localEndpoint.socketDirectory;
    return `[databases]\n* = host=${host} port=${localEndpoint.port}\n\n[pgbouncer]\n${lines.join("\n")}\n`;
}
