import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import {
    createDatabaseObjectsCommand,
    databaseNode,
    reconcileMembersCommand,
} from "../cloud-init/roles/database-node.ts";
import { databaseObjectsSql } from "../cloud-init/services/database-objects.ts";
import type { Node } from "../cluster/address-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { configureMachine, remoteCommand } from "./commands.ts";
import type { Credentials } from "./credentials.ts";
import type { JumpHost } from "./jump-host.ts";
import { Machine, type ClusterContext } from "./machine.ts";
import { revision } from "./revision.ts";
import type { SshTarget } from "./ssh.ts";

export interface DatabaseClusterArgs {
    readonly context: ClusterContext;
    readonly authority: CertificateAuthority;
    readonly credentials: Credentials;
    readonly jumpHost: JumpHost;
}

/** The nodes of the cluster: etcd, Patroni with PostgreSQL and PgBouncer on each. */
export class DatabaseCluster extends pulumi.ComponentResource {
    readonly machines: readonly Machine[];
    /** All nodes configured, those that are no longer planned taken out, roles and databases created. */
    readonly ready: readonly command.remote.Command[];
    /** Of roles and databases, see revision.ts. */
    readonly objectsRevision: pulumi.Output<string>;
    /** A node that answers, for what any of them can do. */
    readonly anyNode: SshTarget;

    constructor(name: string, args: DatabaseClusterArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:DatabaseCluster", name, {}, opts);
        const { context, jumpHost } = args;
        const child = { parent: this };

        const placement = placementGroups(name, context, child);
        this.machines = context.plan.nodes.database.map((node) => this.machine(node, args, placement[node.zone]));

        const throughJumpHost = jumpHost.open(`${name}-reachable`, this.machines, child);
        const configured = this.machines.map((machine) =>
            configureMachine(machine, jumpHost.ssh, { ...child, dependsOn: throughJumpHost }),
        );
        const sql = databaseObjects(args);
        this.objectsRevision = revision(`${name}-objects`, { sql }, child);
        const revisions = this.machines.map((machine) => machine.revision);
        this.anyNode = jumpHost.findAny(`${name}-any`, this.machines, [...revisions, this.objectsRevision], {
            ...child,
            dependsOn: throughJumpHost,
        });
        const deadlineSeconds = this.machines[0]!.readyTimeoutSeconds;
        const onAnyNode = {
            machine: jumpHost.machine,
            target: this.anyNode,
            jumpHost: jumpHost.ssh,
            triggers: this.machines.map(({ instance }) => instance.id),
        };
        this.ready = [
            // Nodes that are no longer planned leave the cluster. Pulumi deletes their machines after everything else.
            remoteCommand(
                `${name}-members`,
                { ...onAnyNode, create: reconcileMembersCommand(deadlineSeconds), revisions, deadlineSeconds },
                { ...child, dependsOn: configured },
            ),
            remoteCommand(
                `${name}-objects`,
                {
                    ...onAnyNode,
                    create: createDatabaseObjectsCommand(deadlineSeconds),
                    revisions: [this.objectsRevision],
                    stdin: pulumi.secret(sql),
                    deadlineSeconds: deadlineSeconds + SQL_SECONDS,
                },
                { ...child, dependsOn: configured },
            ),
        ];
        this.registerOutputs({});
    }

    private machine(node: Node, args: DatabaseClusterArgs, placementGroupId?: pulumi.Output<string>): Machine {
        const { context, authority, credentials } = args;
        const { settings, plan } = context;
        // Clients verify the name or address that they connect to: with a load balancer, the load balancer's.
        const names = [node, ...plan.nodes.loadBalancer];
        const shared = plan.networkLoadBalancer === undefined ? [] : [plan.networkLoadBalancer.address];
        const certificate = authority.issue(node.hostname, {
            commonName: node.fqdn,
            dnsNames: [...names.map(({ fqdn }) => fqdn), node.hostname, "localhost"],
            ipAddresses: [...names.map(({ address }) => address), "127.0.0.1", ...shared],
            client: true,
        });
        const configuration = pulumi
            .output({
                caPem: authority.certificatePem,
                deployPublicKey: context.deployKey.publicKeyOpenssh,
                ...certificate,
                superuserPassword: credentials.superuser,
                replicationPassword: credentials.replication,
                rewindPassword: credentials.rewind,
                lookupPassword: credentials.poolerLookup,
            })
            .apply((secrets) => databaseNode({ settings, plan, node }, secrets));
        return new Machine(
            node.hostname,
            {
                context,
                node,
                role: "database",
                configuration,
                dataDisk: settings.dataDisk,
                placementGroupId,
                protect: settings.deletionProtection,
            },
            { parent: this },
        );
    }
}

/** The SQL that makes roles and databases. */
function databaseObjects({ context, credentials }: DatabaseClusterArgs): pulumi.Output<string> {
    const { users, databases } = context.settings.postgresql;
    return pulumi
        .all([credentials.poolerLookup, credentials.healthCheck, pulumi.all(credentials.users)])
        .apply(([lookupPassword, healthCheckPassword, passwords]) =>
            databaseObjectsSql({
                users: users.map((user) => ({ ...user, password: passwords[user.name]! })),
                databases,
                lookupPassword,
                healthCheckPassword,
            }),
        );
}

/** The script's own limit for its last try of the SQL. */
const SQL_SECONDS = 120;

/** A spread placement group puts each machine into another rack of *one* zone. It helps only where two nodes share a zone. */
function placementGroups(name: string, { plan, labels }: ClusterContext, opts: pulumi.CustomResourceOptions) {
    const zones = plan.nodes.database.map(({ zone }) => zone);
    const shared = [...new Set(zones.filter((zone, index) => zones.indexOf(zone) !== index))];
    const group = (groupName: string) =>
        new yandex.ComputePlacementGroup(groupName, { name: groupName, labels }, opts).id;
    return Object.fromEntries(shared.map((zone) => [zone, group(`${name}-${zone}`)]));
}
