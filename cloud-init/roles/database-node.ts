import type { Timings } from "../../cluster/timings.ts";
import { base, type BaseInputs } from "../services/base.ts";
import { nodeTls, sqlRoles, tlsGroup, type Peer } from "../../cluster/names.ts";
import { etcd } from "../services/etcd.ts";
import { mergeParts, type MachineConfiguration, type ServicePart } from "../machine/configuration.ts";
import { patroni, type DynamicConfiguration, type PatroniSecrets } from "../services/patroni.ts";
import { patroniCallbacks, type PatroniCallbacks } from "../services/patroni-callbacks.ts";
import { pgbouncer, type PgbouncerInputs, type PgbouncerSecrets } from "../services/pgbouncer.ts";
import { binDirectory, dataDirectory, dataMountPoint, postgresql } from "../services/postgresql.ts";
import { refresh, script, scriptDirectory } from "../machine/scripts.ts";

export interface DatabaseNodeInputs {
    readonly base: Omit<BaseInputs, "allowTcpForwarding">;
    readonly clusterName: string;
    readonly self: Peer;
    readonly members: readonly Peer[];
    /** Where applications come in; the check writes and reads through each. */
    readonly loadBalancers: readonly Peer[];
    readonly postgresqlVersion: number;
    readonly hugePages: number;
    readonly watchdog: boolean;
    /** Administrator's account. */
    readonly adminUser: string;
    readonly timings: Timings;
    readonly dynamic: Omit<DynamicConfiguration, "timings">;
    readonly callbacks: PatroniCallbacks;
    /** Who must be able to connect, and where. */
    readonly users: readonly { readonly name: string; readonly databases: readonly string[] }[];
    readonly pgbouncer: Omit<PgbouncerInputs, "timings" | "adminUser" | "postgresqlVersion">;
}

export interface DatabaseNodeSecrets extends PatroniSecrets, PgbouncerSecrets {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
}

/** etcd, Patroni with PostgreSQL, and PgBouncer on one machine. */
export function databaseNode(inputs: DatabaseNodeInputs, secrets: DatabaseNodeSecrets): MachineConfiguration {
    const { self, members, clusterName, timings } = inputs;
    return mergeParts([
        base({ ...inputs.base, allowTcpForwarding: false }),
        certificate(secrets),
        etcd({
            clusterName,
            self,
            members,
            timings: timings.etcd,
            tcpRetransmissions: timings.tcp.retransmissions,
            dataMountPoint,
            postgresqlDataDirectory: dataDirectory(inputs.postgresqlVersion),
        }),
        postgresql({ version: inputs.postgresqlVersion, hugePages: inputs.hugePages }),
        patroni(
            {
                clusterName,
                self,
                members,
                postgresqlVersion: inputs.postgresqlVersion,
                dynamic: { ...inputs.dynamic, timings: timings.patroni },
                watchdog: inputs.watchdog,
                adminUser: inputs.adminUser,
            },
            secrets,
        ),
        patroniCallbacks(inputs.callbacks),
        pgbouncer(
            {
                ...inputs.pgbouncer,
                adminUser: inputs.adminUser,
                postgresqlVersion: inputs.postgresqlVersion,
                timings: timings.tcp,
            },
            secrets,
        ),
        administration(inputs, secrets),
    ]);
}

/** Certificate and key change together; etcd reads them anew at each handshake, the others on reload. */
function certificate(secrets: DatabaseNodeSecrets): ServicePart {
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
function administration(inputs: DatabaseNodeInputs, secrets: DatabaseNodeSecrets): ServicePart {
    const { members, loadBalancers, users, dynamic, postgresqlVersion } = inputs;
    const cluster = {
        members,
        loadBalancers,
        users,
        synchronousMode: dynamic.synchronousMode,
        binDirectory: binDirectory(postgresqlVersion),
        dataDirectory: dataDirectory(postgresqlVersion),
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
