import { entrances, peer } from "../../cluster/address-plan.ts";
import { nodeTls, sqlRoles, tlsGroup, type Peer } from "../../cluster/names.ts";
import { mergeParts, type MachineConfiguration, type ServicePart } from "../machine/configuration.ts";
import { refresh, script, scriptDirectory } from "../machine/scripts.ts";
import { etcd } from "../services/etcd.ts";
import { patroni, type PatroniSecrets } from "../services/patroni.ts";
import { patroniCallbacks } from "../services/patroni-callbacks.ts";
import { pgbouncer, type PgbouncerSecrets } from "../services/pgbouncer.ts";
import { binDirectory, dataDirectory, dataMountPoint, postgresql } from "../services/postgresql.ts";
import { basePart, type Certificate, type MachineSource } from "./machine-source.ts";

export interface DatabaseNodeSecrets extends Certificate, PatroniSecrets, PgbouncerSecrets {}

/** etcd, Patroni with PostgreSQL, and PgBouncer on one machine. */
export function databaseNode(source: MachineSource, secrets: DatabaseNodeSecrets): MachineConfiguration {
    const { settings, plan, node } = source;
    const { clusterName, highAvailability, ssh } = settings;
    const { timings, synchronousMode } = highAvailability;
    const { majorVersion, hugePages, parameters } = settings.postgresql;
    const cluster = { clusterName, self: peer(node), members: plan.nodes.database.map(peer) };
    return mergeParts([
        basePart("database", source, secrets),
        certificate(secrets),
        etcd({
            ...cluster,
            timings: timings.etcd,
            tcpRetransmissions: timings.tcp.retransmissions,
            dataMountPoint,
            postgresqlDataDirectory: dataDirectory(majorVersion),
        }),
        postgresql({ version: majorVersion, hugePages }),
        patroni(
            {
                ...cluster,
                postgresqlVersion: majorVersion,
                dynamic: {
                    timings: timings.patroni,
                    maximumLagOnFailoverBytes: highAvailability.maxFailoverLagMib * MIB,
                    synchronousMode,
                    synchronousNodeCount: 1,
                    parameters,
                },
                watchdog: highAvailability.watchdog,
                adminUser: ssh.user,
            },
            secrets,
        ),
        patroniCallbacks(highAvailability.callbacks),
        pgbouncer(
            { ...settings.pgbouncer, adminUser: ssh.user, postgresqlVersion: majorVersion, timings: timings.tcp },
            secrets,
        ),
        administration(source, secrets),
    ]);
}

const MIB = 1024 ** 2;

/** Certificate and key change together; etcd reads them anew at each handshake, the others on reload. */
function certificate(secrets: Certificate): ServicePart {
    const reload = [refresh("reload", "patroni.service"), refresh("reload", "pgbouncer.service")];
    return {
        groups: [tlsGroup],
        files: [
            { path: nodeTls.certificate, content: secrets.certificatePem, secret: true, onChange: reload },
            {
                path: nodeTls.key,
                content: secrets.privateKeyPem,
                owner: `root:${tlsGroup}`,
                mode: "0640",
                secret: true,
                onChange: reload,
            },
        ],
    };
}

/** What the cluster-wide Commands need on a node: scripts, the lists of machines and users, the superuser's password. */
function administration({ settings, plan }: MachineSource, secrets: PatroniSecrets): ServicePart {
    const { majorVersion, users } = settings.postgresql;
    const cluster = {
        members: plan.nodes.database.map(peer),
        loadBalancers: entrances(plan),
        users,
        synchronousMode: settings.highAvailability.synchronousMode,
        binDirectory: binDirectory(majorVersion),
        dataDirectory: dataDirectory(majorVersion),
    };
    return {
        files: [
            script("create-database-objects.sh"),
            script("reconcile-members.sh"),
            script("check-cluster.py"),
            script("end-of-wal.py"),
            script("peer-packages.py"),
            {
                path: "/etc/postgres-ha/cluster.json",
                content: `${JSON.stringify(cluster, undefined, 2)}\n`,
            },
            {
                path: "/etc/postgres-ha/superuser.pgpass",
                content: `*:*:*:${sqlRoles.superuser}:${secrets.superuserPassword}\n`,
                owner: "postgres:postgres",
                mode: "0600",
                secret: true,
            },
        ],
    };
}

/** Runs on one database node with the SQL of `databaseObjectsSql` on standard input. */
export function createDatabaseObjectsCommand(members: readonly Peer[], deadlineSeconds: number): string {
    return `sudo ${scriptDirectory}/create-database-objects ${deadlineSeconds} ${members.map((member) => member.address).join(" ")}`;
}

/** Runs on one of the nodes that stay: takes the others out of the cluster. */
export function reconcileMembersCommand(members: readonly Peer[], deadlineSeconds: number): string {
    return `sudo ${scriptDirectory}/reconcile-members ${deadlineSeconds} ${members.map((member) => member.name).join(" ")}`;
}

/** Runs on one database node with `{"password": …}` of the health check's role on standard input. */
export function checkClusterCommand(deadlineSeconds: number): string {
    return `sudo ${scriptDirectory}/check-cluster ${deadlineSeconds}`;
}
