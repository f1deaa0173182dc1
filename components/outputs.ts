import * as pulumi from "@pulumi/pulumi";

import { applicationRules } from "../cluster/flows.ts";
import { ports } from "../cluster/names.ts";
import type { Node } from "../cluster/address-plan.ts";
import { roleNames } from "../cluster/roles.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { ClusterCheck } from "./cluster-check.ts";
import { connectionStrings, type ConnectionStrings } from "../cluster/connection-strings.ts";
import type { Credentials } from "./credentials.ts";
import type { DatabaseCluster } from "./database-cluster.ts";
import type { JumpHost } from "./jump-host.ts";
import type { LoadBalancer } from "./load-balancer.ts";
import type { ClusterContext } from "./machine.ts";
import { knownHosts, sshConfiguration } from "../cluster/ssh-configuration.ts";

export interface OutputSources {
    readonly context: ClusterContext;
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
 * The stack's outputs: the contract with applications. The endpoints are published only after the check has succeeded.
 * Renaming an output breaks the stacks that read it.
 */
export function clusterOutputs(sources: OutputSources) {
    const { authority, credentials, jumpHost, cluster, loadBalancer, check } = sources;
    const { settings, plan } = sources.context;
    const [first] = plan.nodes.loadBalancer;
    const { networkLoadBalancer } = plan;
    const entrance =
        networkLoadBalancer === undefined
            ? { host: first.fqdn, address: first.address }
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
        statisticsUrl: check.gate(plan.nodes.loadBalancer.map(({ fqdn }) => `https://${fqdn}:${ports.statistics}/`)),
        connections: pulumi.secret(check.gate(connections)),
        caCertificate: authority.certificatePem,
        sshConfig: jumpHost.publicAddress.apply((jumpHostPublicAddress) =>
            sshConfiguration({ plan, user: settings.ssh.user, jumpHostPublicAddress }),
        ),
        sshKnownHosts: pulumi
            .all(machines.map(({ node, hostKey }) => ({ hostname: node.hostname, hostKey })))
            .apply(knownHosts),
        jumpHostAddress: jumpHost.publicAddress,
        networkId: sources.context.network.networkId,
        subnetIds: pulumi.all(sources.context.network.subnetIds),
        applicationRules: applicationRules(plan),
        nodes: inside.flatMap((role) => plan.nodes[role]).map(publicNode),
    };
}

/** The roles whose machines have no public address. */
const inside = roleNames.filter((role) => role !== "jumpHost");

function publicNode({ hostname, fqdn, zone, address }: Node) {
    return { hostname, fqdn, zone, address };
}
