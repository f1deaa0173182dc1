import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import {
    createDatabaseObjectsCommand,
    databaseNode,
    reconcileMembersCommand,
    type DatabaseNodeInputs,
} from "../cloud-init/roles/database-node.ts";
import { databaseObjectsSql } from "../cloud-init/services/database-objects.ts";
import type { DiskSettings, MachineSettings, Settings } from "../settings/index.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { configureMachine, remoteCommand } from "./commands.ts";
import type { Credentials } from "./credentials.ts";
import type { JumpHost } from "./jump-host.ts";
import { Machine, type MachineDefaults } from "./machine.ts";
import { member } from "./machine-inputs.ts";
import { revision } from "./revision.ts";

export interface DatabaseClusterArgs {
    readonly defaults: MachineDefaults;
    readonly plan: AddressPlan;
    readonly settings: MachineSettings;
    readonly dataDisk: DiskSettings;
    readonly postgresql: Settings["postgresql"];
    /** Everything of a node's configuration but the node itself. */
    readonly inputs: pulumi.Input<Omit<DatabaseNodeInputs, "self" | "members">>;
    readonly authority: CertificateAuthority;
    readonly credentials: Credentials;
    readonly jumpHost: JumpHost;
    /** Refuse to delete machines and data disks. */
    readonly protect: boolean;
}

/** The nodes of the cluster: etcd, Patroni with PostgreSQL and PgBouncer on each. */
export class DatabaseCluster extends pulumi.ComponentResource {
    readonly machines: readonly Machine[];
    /** All nodes configured, those that are to go taken out, roles and databases created. */
    readonly ready: readonly command.remote.Command[];
    /** Of roles and databases, see revision.ts. */
    readonly objectsRevision: pulumi.Output<string>;

    constructor(name: string, args: DatabaseClusterArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:DatabaseCluster", name, {}, opts);
        const { plan, jumpHost } = args;
        const child = { parent: this };

        const placement = placementGroups(name, plan.databases, args.defaults, child);
        this.machines = plan.databases.map((node) => this.node(node, args, placement[node.zone]));

        const throughJumpHost = jumpHost.open(`${name}-reachable`, this.machines, child);
        const configured = this.machines.map((machine) =>
            configureMachine(machine, jumpHost.ssh, { ...child, dependsOn: throughJumpHost }),
        );
        const sql = databaseObjects(args);
        this.objectsRevision = revision(`${name}-objects`, { sql }, child);
        this.ready = [
            this.reconciledMembers(`${name}-members`, args, { ...child, dependsOn: configured }),
            // Waits for a leader on the node itself, so it need not wait for all of them here.
            this.createdObjects(`${name}-objects`, sql, args, { ...child, dependsOn: configured.slice(0, 1) }),
        ];
        this.registerOutputs({});
    }

    private node(node: Node, args: DatabaseClusterArgs, placementGroupId?: pulumi.Output<string>): Machine {
        const { plan, credentials, defaults } = args;
        // Clients verify what they dialled: a load balancer's name or address, for whoever comes through it.
        const names = [node, ...plan.loadBalancers];
        const balanced = plan.networkLoadBalancer === undefined ? [] : [plan.networkLoadBalancer.address];
        const certificate = args.authority.issue(node.hostname, {
            commonName: node.fqdn,
            dnsNames: [...names.map(({ fqdn }) => fqdn), node.hostname, "localhost"],
            ipAddresses: [...names.map(({ address }) => address), "127.0.0.1", ...balanced],
            client: true,
        });
        const secrets = pulumi.output({
            superuserPassword: credentials.superuser,
            replicationPassword: credentials.replication,
            rewindPassword: credentials.rewind,
            lookupPassword: credentials.poolerLookup,
            certificatePem: certificate.certificatePem,
            privateKeyPem: certificate.privateKeyPem,
        });
        const configuration = pulumi.all([args.inputs, secrets]).apply(([inputs, secretValues]) =>
            databaseNode(
                {
                    ...inputs,
                    self: member(node),
                    members: plan.databases.map(member),
                },
                secretValues,
            ),
        );
        return new Machine(
            node.hostname,
            {
                defaults,
                node,
                role: "database",
                settings: args.settings,
                configuration,
                dataDisk: args.dataDisk,
                placementGroupId,
                protect: args.protect,
            },
            { parent: this },
        );
    }

    /** Nodes that are to go leave the cluster; Pulumi deletes their machines after everything else. */
    private reconciledMembers(
        name: string,
        { plan, jumpHost, defaults }: DatabaseClusterArgs,
        opts: pulumi.CustomResourceOptions,
    ) {
        const deadlineSeconds = defaults.readyTimeoutSeconds;
        return remoteCommand(
            name,
            {
                machine: this.machines[0]!,
                jumpHost: jumpHost.ssh,
                create: reconcileMembersCommand(plan.databases.map(member), deadlineSeconds),
                revisions: this.machines.map((machine) => machine.revision),
                deadlineSeconds,
            },
            opts,
        );
    }

    /** Roles and databases are made through whichever node leads; the first one only runs the command. */
    private createdObjects(
        name: string,
        sql: pulumi.Output<string>,
        { plan, jumpHost, defaults }: DatabaseClusterArgs,
        opts: pulumi.CustomResourceOptions,
    ) {
        const deadlineSeconds = defaults.readyTimeoutSeconds;
        return remoteCommand(
            name,
            {
                machine: this.machines[0]!,
                jumpHost: jumpHost.ssh,
                create: createDatabaseObjectsCommand(plan.databases.map(member), deadlineSeconds),
                revisions: [this.objectsRevision],
                stdin: pulumi.secret(sql),
                deadlineSeconds: deadlineSeconds + SQL_SECONDS,
            },
            opts,
        );
    }
}

/** The SQL that makes roles and databases. */
function databaseObjects({ postgresql, credentials }: DatabaseClusterArgs): pulumi.Output<string> {
    return pulumi
        .all([credentials.poolerLookup, credentials.healthCheck, pulumi.all(credentials.users)])
        .apply(([lookupPassword, healthCheckPassword, passwords]) =>
            databaseObjectsSql({
                users: postgresql.users.map((user) => ({ ...user, password: passwords[user.name]! })),
                databases: postgresql.databases,
                lookupPassword,
                healthCheckPassword,
            }),
        );
}

/** The script's own limit for its last try of the SQL. */
const SQL_SECONDS = 120;

/** A spread placement group puts each machine into another rack of *one* zone: of use only where two nodes share one. */
function placementGroups(
    name: string,
    nodes: readonly Node[],
    defaults: MachineDefaults,
    opts: pulumi.CustomResourceOptions,
) {
    const zones = nodes.map(({ zone }) => zone);
    const shared = [...new Set(zones.filter((zone, index) => zones.indexOf(zone) !== index))];
    return Object.fromEntries(
        shared.map((zone) => {
            const groupName = `${name}-${zone}`;
            return [
                zone,
                new yandex.ComputePlacementGroup(groupName, { name: groupName, labels: defaults.labels }, opts).id,
            ];
        }),
    );
}
