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
        `postgresql://${user}:${password}@${hosts.map(({ fqdn }) => `${fqdn}:${port}`).join(",")}/${database}?sslmode=verify-full${parameters}`;
    const joined = plan.networkLoadBalancer && { fqdn: plan.networkLoadBalancer.address };
    const entrances = [...(joined ? [joined] : []), ...plan.nodes.loadBalancer];
    const patience = joined ? `&connect_timeout=${CONNECT_TIMEOUT_SECONDS}` : "";
    return {
        user,
        database,
        password,
        readWrite: uri(entrances, ports.leader, patience),
        readOnly: uri(entrances, ports.replicas, patience),
        multiHost: uri(plan.nodes.database, ports.pgbouncer, "&target_session_attrs=read-write"),
    };
}

/**
 * When libpq goes on to the next address. While a network load balancer takes note that a zone has lost its last
 * load balancer, which Yandex gives it up to two minutes for, that zone's packets to it are lost without an answer.
 */
const CONNECT_TIMEOUT_SECONDS = 3;
