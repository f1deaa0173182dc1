import { ports } from "./names.ts";
import type { AddressPlan } from "./address-plan.ts";

/** How an application reaches one database as one user. The values hold the password. */
export interface ConnectionStrings {
    readonly user: string;
    readonly database: string;
    readonly password: string;
    /** The leader, through the load balancers: their common address first, where they have one, then each. */
    readonly readWrite: string;
    /** Replicas, in the same way. */
    readonly readOnly: string;
    /** The leader, straight to the nodes: the client finds it by itself and needs no load balancer. */
    readonly multiHost: string;
}

/**
 * libpq URIs that verify the server's certificate and name. The certificate authority's file is the
 * client's business: `sslrootcert` or PGSSLROOTCERT.
 */
export function connectionStrings(
    plan: AddressPlan,
    database: string,
    user: string,
    password: string,
): ConnectionStrings {
    const uri = (hosts: readonly { fqdn: string }[], port: number, parameters = "") =>
        `postgresql://${user}:${password}@${hosts.map(({ fqdn }) => `${fqdn}:${port}`).join(",")}/${database}?sslmode=verify-full${parameters}&${limits}`;
    const joined = plan.networkLoadBalancer && { fqdn: plan.networkLoadBalancer.address };
    const entrances = [...(joined ? [joined] : []), ...plan.nodes.loadBalancer];
    return {
        user,
        database,
        password,
        readWrite: uri(entrances, ports.leader),
        readOnly: uri(entrances, ports.replicas),
        multiHost: uri(plan.nodes.database, ports.pgbouncer, "&target_session_attrs=read-write"),
    };
}

/**
 * How long a client waits for a machine that is silent, as one that lost its power or its network: without these libpq waits
 * as long as the kernel, more than two minutes for a new connection (measured: 134 s). PgBouncer accepts them from drivers
 * that pass them on.
 *
 * - A new connection goes on to the next address after 3 s. While a network load balancer takes note that a zone has lost
 *   its last load balancer, which Yandex gives it up to two minutes for, that zone's packets to it are lost as well.
 * - A statement that waits for its answer: probes after 5 s, three of them 3 s apart.
 * - One whose own packets are not acknowledged: 10 s.
 */
const limits = [
    "connect_timeout=3",
    "keepalives_idle=5",
    "keepalives_interval=3",
    "keepalives_count=3",
    "tcp_user_timeout=10000",
].join("&");
