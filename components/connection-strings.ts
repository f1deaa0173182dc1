import { ports } from "../cloud-init/cluster";
import type { AddressPlan } from "./address-plan";

/** How an application reaches one database as one user. The values hold the password. */
export interface ConnectionStrings {
    readonly user: string;
    readonly database: string;
    readonly password: string;
    /** The leader, through the load balancers. */
    readonly readWrite: string;
    /** Replicas, through the load balancers. */
    readonly readOnly: string;
    /** The leader, straight to the nodes: the client finds it by itself and needs no load balancer. */
    readonly multiHost: string;
}

/**
 * libpq URIs that verify the server's certificate and name. The certificate authority's file is the
 * client's business: `sslrootcert` or PGSSLROOTCERT.
 */
export function connectionStrings(plan: AddressPlan, database: string, user: string, password: string): ConnectionStrings {
    const uri = (hosts: readonly { fqdn: string }[], port: number, parameters = "") =>
        `postgresql://${user}:${password}@${hosts.map(({ fqdn }) => `${fqdn}:${port}`).join(",")}/${database}?sslmode=verify-full${parameters}`;
    return {
        user,
        database,
        password,
        readWrite: uri(plan.loadBalancers, ports.leader),
        readOnly: uri(plan.loadBalancers, ports.replicas),
        multiHost: uri(plan.databases, ports.pgbouncer, "&target_session_attrs=read-write"),
    };
}
