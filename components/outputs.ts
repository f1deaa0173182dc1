import * as pulumi from "@pulumi/pulumi";

import { ports } from "../cluster/names.ts";
import type { Settings } from "../settings/index.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { ClusterCheck } from "./cluster-check.ts";
import { connectionStrings, type ConnectionStrings } from "../cluster/connection-strings.ts";
import type { Credentials } from "./credentials.ts";
import type { DatabaseCluster } from "./database-cluster.ts";
import type { JumpHost } from "./jump-host.ts";
import type { LoadBalancer } from "./load-balancer.ts";
import { knownHosts, sshConfiguration } from "../cluster/ssh-configuration.ts";

export interface OutputSources {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    readonly authority: CertificateAuthority;
    readonly credentials: Credentials;
    readonly jumpHost: JumpHost;
    readonly cluster: DatabaseCluster;
    readonly loadBalancer: LoadBalancer;
    readonly check: ClusterCheck;
}

/** Where something listens. */
export interface Endpoint {
    /** What a client dials and verifies: a name that resolves inside the cloud network, or the address itself. */
    readonly host: string;
    readonly address: string;
    readonly port: number;
}

/**
 * The stack's outputs: the contract with applications. The endpoints are published only after the
 * check saw them work; renaming one breaks whoever reads it.
 */
export function clusterOutputs(sources: OutputSources) {
    const { settings, plan, authority, credentials, jumpHost, cluster, loadBalancer, check } = sources;
    const [first] = plan.loadBalancers;
    const { networkLoadBalancer } = plan;
    const entrance =
        networkLoadBalancer === undefined
            ? { host: first!.fqdn, address: first!.address }
            : { host: networkLoadBalancer.address, address: networkLoadBalancer.address };
    const endpoint = (port: number): Endpoint => ({ ...entrance, port });
    const machines = [jumpHost.machine, ...cluster.machines, ...loadBalancer.machines];
    const connections = pulumi
        .all(credentials.users)
        .apply((passwords) =>
            settings.postgresql.users.flatMap((user) =>
                user.databases.map((database): ConnectionStrings =>
                    connectionStrings(plan, database, user.name, passwords[user.name]!),
                ),
            ),
        );
    return {
        leaderEndpoint: check.gate(endpoint(ports.leader)),
        replicaEndpoint: check.gate(endpoint(ports.replicas)),
        statisticsUrl: check.gate(plan.loadBalancers.map(({ fqdn }) => `https://${fqdn}:${ports.statistics}/`)),
        connections: pulumi.secret(check.gate(connections)),
        caCertificate: authority.certificatePem,
        sshConfig: jumpHost.publicAddress.apply((jumpHostPublicAddress) =>
            sshConfiguration({ plan, user: settings.ssh.user, jumpHostPublicAddress }),
        ),
        sshKnownHosts: pulumi
            .all(machines.map(({ node, hostKey }) => ({ hostname: node.hostname, hostKey })))
            .apply(knownHosts),
        jumpHostAddress: jumpHost.publicAddress,
        nodes: [...plan.databases, ...plan.loadBalancers].map(publicNode),
    };
}

function publicNode({ hostname, fqdn, zone, address }: Node) {
    return { hostname, fqdn, zone, address };
}
