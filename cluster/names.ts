/** Names, ports and paths that several parts of one cluster share. */

/** A machine as the others see it. */
export interface Peer {
    /** Its host name, which is also a database node's name in etcd and Patroni. */
    readonly name: string;
    readonly fqdn: string;
    /** Private IPv4 address. */
    readonly address: string;
}

/** The ports, the same in every cluster. */
export const ports = {
    ssh: 22,
    etcdClient: 2379,
    etcdPeer: 2380,
    postgresql: 5432,
    pgbouncer: 6432,
    patroni: 8008,
    leader: 5000,
    replicas: 5001,
    statistics: 7000,
    /**
     * Ports of a load balancer that a network load balancer forwards to, if there are several load balancers. An internal
     * one reserves its targets' ports: no other client reaches them. So 5000 and 5001 stay open besides.
     */
    balancedLeader: 5010,
    balancedReplicas: 5011,
    balancerHealth: 5012,
} as const;

/** Group of the accounts that may read the machine's private key. */
export const tlsGroup = "postgres-ha-tls";

/**
 * The machine's certificate and key. One pair serves etcd, Patroni, PostgreSQL and PgBouncer: it
 * belongs to root, and PostgreSQL accepts a key of root's that its group can read (0640).
 */
export const nodeTls = {
    ca: "/etc/postgres-ha/tls/ca.crt",
    certificate: "/etc/postgres-ha/tls/node.crt",
    key: "/etc/postgres-ha/tls/node.key",
} as const;

/** SQL roles of the cluster's own; applications cannot use these names. */
export const sqlRoles = {
    superuser: "postgres",
    replication: "replicator",
    rewind: "rewinder",
    poolerLookup: "pgbouncer_lookup",
    healthCheck: "health_check",
    /** A group without rights: its members are the roles that the setting `users` has, or had. */
    listedUsers: "postgres_ha_users",
} as const;

/** The database that is always there: for what belongs to no application. */
export const maintenanceDatabase = "postgres";

/** What Patroni calls a script back for (its manual, "YAML Configuration Settings", `callbacks`). */
export const callbackActions = ["on_start", "on_stop", "on_restart", "on_role_change", "on_reload"] as const;
export type CallbackAction = (typeof callbackActions)[number];

/** How PgBouncer reaches the PostgreSQL of its own machine: verified TLS over the loopback, or PostgreSQL's local socket. */
export const serverConnections = ["tls", "socket"] as const;
export type ServerConnection = (typeof serverConnections)[number];

export const poolModes = ["session", "transaction", "statement"] as const;
export type PoolMode = (typeof poolModes)[number];

/** quorum: a commit waits for one standby; strict: writes also stop while there is no standby; off: asynchronous. */
export const synchronousModes = ["quorum", "strict", "off"] as const;
export type SynchronousMode = (typeof synchronousModes)[number];

export const profileNames = ["fast", "normal", "safe"] as const;
export type ProfileName = (typeof profileNames)[number];
