/** PgBouncer, with limits that fit PostgreSQL's `max_connections`. */
import { poolModes, serverConnections, type PoolMode } from "../cluster/names.ts";
import { key, ruleOver, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";
import {
    parameterKeys,
    postgresqlParameters,
    users,
    type ParameterConfiguration,
    type UserConfiguration,
} from "./postgresql.ts";
import { numberOf } from "./postgresql/parameters.ts";

export const pgbouncerKeys = {
    pgbouncerPoolMode: key({
        change: "live",
        kind: kind.oneOf(poolModes),
        default: "session",
        description:
            "When a server connection returns to its pool: after the session, the transaction or the statement.",
    }),
    pgbouncerServerConnection: key({
        change: "live",
        kind: kind.oneOf(serverConnections),
        default: "tls",
        description:
            "How PgBouncer reaches the PostgreSQL of its own machine. tls is verified TLS over the loopback; socket is PostgreSQL's local socket, which no other program can listen on, and costs less processor time (docs/benchmarks.md).",
    }),
    pgbouncerPoolSize: key({
        change: "live",
        kind: kind.auto(kind.whole(1, 5000, "connections, or auto")),
        default: "auto",
        description: "Server connections for each pair of user and database. auto divides what max_connections allows.",
    }),
    pgbouncerMaxClientConnections: key({
        change: "live",
        kind: kind.whole(10, 20_000, "connections"),
        default: 1000,
        description: "Client connections that one PgBouncer accepts, 10 to 20,000. Those that exceed the pool wait.",
    }),
};

type Configuration = Values<typeof pgbouncerKeys> & ParameterConfiguration & UserConfiguration;
const rule = ruleOver<Configuration>();

/**
 * Connections that PgBouncer leaves free. PostgreSQL reserves 3 for superusers, Patroni holds 2 or 3, and PgBouncer's own
 * lookup of users holds 1 for each database. The rest is for checks and administrators.
 */
export const connectionsBesidePooler = 13;

export const pgbouncer: Subject = {
    title: "PgBouncer",
    keys: pgbouncerKeys,
    rules: [
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
                if (Number.isNaN(maxConnections)) return; // the parameter's own rule reports it
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
    ],
};

/** The settings of PgBouncer. */
export function pgbouncerSettings(configuration: Configuration) {
    const size = poolerSize(configuration);
    return {
        pgbouncer: {
            poolMode: configuration.pgbouncerPoolMode,
            serverConnection: configuration.pgbouncerServerConnection,
            /** Server connections per user and database pair. */
            poolSize: poolSize(configuration),
            /** Server connections of one database, all its pools together (`max_db_connections`). */
            maxDatabaseConnections: maxDatabaseConnections(size),
            /** Server connections of one PgBouncer, all databases together; the rest of max_connections is for Patroni, checks and administrators. */
            maxServerConnections: poolerConnections(size.maxConnections),
            /** Client connections one PgBouncer accepts. */
            maxClientConnections: configuration.pgbouncerMaxClientConnections,
        },
    };
}

/** What PgBouncer's limits are computed from. */
interface PoolerSize {
    readonly poolMode: PoolMode;
    readonly maxConnections: number;
    /** Pairs of user and database that may connect; each has a pool of its own. */
    readonly pools: number;
    readonly databases: number;
    readonly cores: number;
}

type PoolerConfiguration = ParameterConfiguration & UserConfiguration & Pick<Configuration, "pgbouncerPoolMode">;

/** `maxConnections` is NaN where the configured value is no number. */
function poolerSize(configuration: PoolerConfiguration): PoolerSize {
    return {
        poolMode: configuration.pgbouncerPoolMode,
        maxConnections: numberOf("max_connections", postgresqlParameters(configuration)["max_connections"]) ?? NaN,
        pools: users(configuration).reduce((total, user) => total + user.databases.length, 0),
        databases: configuration.databases.length,
        cores: configuration.databaseCores,
    };
}

function poolSize(configuration: PoolerConfiguration & Pick<Configuration, "pgbouncerPoolSize">): number {
    return configuration.pgbouncerPoolSize ?? defaultPoolSize(poolerSize(configuration));
}

/** Server connections that all pools of one PgBouncer may hold together. */
function poolerConnections(maxConnections: number): number {
    return Math.max(0, maxConnections - connectionsBesidePooler);
}

/**
 * Server connections of one pool. In session mode a client keeps its server connection until it leaves, so the pools
 * share all connections. In the other modes a connection is held for a transaction, and more than ten connections for
 * each core only wait for each other.
 */
export function defaultPoolSize({ poolMode, maxConnections, pools, cores }: PoolerSize): number {
    const share = Math.floor(poolerConnections(maxConnections) / pools);
    return poolMode === "session" ? share : Math.min(share, Math.max(20, cores * 10));
}

/** Server connections of one database, so that all databases together stay below max_connections. */
export function maxDatabaseConnections({ maxConnections, databases }: PoolerSize): number {
    return Math.floor(poolerConnections(maxConnections) / databases);
}
