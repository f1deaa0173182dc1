/** PgBouncer's limits, coherent with PostgreSQL's `max_connections`. */

/**
 * Connections that PgBouncer leaves free: PostgreSQL keeps 3 for superusers; Patroni holds 2 or 3,
 * PgBouncer's own lookup of users 1 for each database, checks and administrators the rest.
 */
export const connectionsBesidePooler = 13;

export interface PoolerSize {
    readonly poolMode: "session" | "transaction" | "statement";
    readonly maxConnections: number;
    /** Pairs of user and database that may connect; each has a pool of its own. */
    readonly pools: number;
    readonly databases: number;
    readonly cores: number;
}

/** Server connections that all pools of one PgBouncer may hold together. */
export function poolerConnections(maxConnections: number): number {
    return Math.max(0, maxConnections - connectionsBesidePooler);
}

/**
 * Server connections of one pool. In session mode a client keeps its server connection for as long as it
 * stays, so the pools share all there are. Otherwise a connection is held for a transaction, and more of
 * them than ten for each core only wait for one another.
 */
export function defaultPoolSize({ poolMode, maxConnections, pools, cores }: PoolerSize): number {
    const share = Math.floor(poolerConnections(maxConnections) / pools);
    return poolMode === "session" ? share : Math.min(share, Math.max(20, cores * 10));
}

/** PgBouncer's limit for each database, so that all of them together stay below max_connections. */
export function maxDatabaseConnections({ maxConnections, databases }: PoolerSize): number {
    return Math.floor(poolerConnections(maxConnections) / databases);
}
