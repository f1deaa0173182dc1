import { entrances, peer } from "../../cluster/address-plan.ts";
import { maintenanceDatabase, nodeTls, ports, sqlRoles, tlsGroup } from "../../cluster/names.ts";
import { mergeParts, type MachineConfiguration, type ServicePart } from "../machine/configuration.ts";
import { descriptionPath, type MachineDescription } from "../machine/description.ts";
import { programCommand, programFiles } from "../machine/program.ts";
import { greeting, refresh, scriptDirectory } from "../machine/scripts.ts";
import { etcd, etcdPaths } from "../services/etcd.ts";
import { patroni, patroniPaths, type PatroniSecrets } from "../services/patroni.ts";
import { patroniCallbacks } from "../services/patroni-callbacks.ts";
import { consoleDatabase, pgbouncer, socketDirectory, type PgbouncerSecrets } from "../services/pgbouncer.ts";
import {
    binDirectory,
    dataDirectory,
    dataMountPoint,
    localEndpoint,
    postgresql,
    postgresUser,
} from "../services/postgresql.ts";
import { basePart, type Certificate, type MachineSource } from "./machine-source.ts";

export interface DatabaseNodeSecrets extends Certificate, PatroniSecrets, PgbouncerSecrets {}

/** etcd, Patroni with PostgreSQL, and PgBouncer on one machine. */
export function databaseNode(source: MachineSource, secrets: DatabaseNodeSecrets): MachineConfiguration {
    const { settings, plan, node } = source;
    const { clusterName, highAvailability, ssh } = settings;
    const { timings, synchronousMode } = highAvailability;
    const { majorVersion, hugePages, parameters, restartParameters, logicalSlots } = settings.postgresql;
    const cluster = { clusterName, self: peer(node), members: plan.nodes.database.map(peer) };
    const services = [
        etcd({
            ...cluster,
            timings: timings.etcd,
            tcpRetransmissions: timings.tcp.retransmissions,
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
                    logicalSlots,
                    parameters,
                    restartParameters,
                },
                watchdog: highAvailability.watchdog,
                adminUser: ssh.user,
            },
            secrets,
        ),
        pgbouncer(
            { ...settings.pgbouncer, adminUser: ssh.user, postgresqlVersion: majorVersion, timings: timings.tcp },
            secrets,
        ),
    ];
    const packages = services.flatMap((part) => part.packages ?? []);
    return mergeParts([
        basePart("database", source, secrets),
        certificate(secrets),
        ...services,
        patroniCallbacks(highAvailability.callbacks),
        program(describe(source, packages), secrets),
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

/** The program, what it knows of the machine, and the superuser's password. */
function program(description: MachineDescription, secrets: PatroniSecrets): ServicePart {
    // They read both when they start.
    const restartGuards = ["unreachable-peers.service", "pgbouncer-guard.service"].map((unit) =>
        refresh("restart", unit),
    );
    return {
        files: [
            ...programFiles(restartGuards),
            {
                path: descriptionPath,
                content: `${JSON.stringify(description, undefined, 2)}\n`,
                onChange: restartGuards,
            },
            {
                path: PASSWORD_FILE,
                content: `*:*:*:${sqlRoles.superuser}:${secrets.superuserPassword}\n`,
                owner: `${postgresUser.name}:${postgresUser.name}`,
                mode: "0600",
                secret: true,
            },
            greeting("database", [`exec ${programCommand("welcome")}`]),
            // configure.sh of version 0.1.0 calls it by this name, once, when it brings the program to a machine.
            {
                path: `${scriptDirectory}/apply-dynamic-configuration`,
                content: `#!/bin/sh\nexec ${programCommand("apply-dynamic-configuration")}\n`,
                mode: "0755",
            },
        ],
    };
}

const PASSWORD_FILE = "/etc/postgres-ha/superuser.pgpass";

function describe({ settings, plan, node }: MachineSource, packages: readonly string[]): MachineDescription {
    const { majorVersion } = settings.postgresql;
    const { superuser, rewind, healthCheck } = sqlRoles;
    return {
        clusterName: settings.clusterName,
        name: node.hostname,
        members: plan.nodes.database.map(peer),
        loadBalancers: entrances(plan),
        synchronousMode: settings.highAvailability.synchronousMode,
        packages,
        watchdog: settings.highAvailability.watchdog,
        ports: {
            etcdClient: ports.etcdClient,
            etcdPeer: ports.etcdPeer,
            postgresql: ports.postgresql,
            pgbouncer: ports.pgbouncer,
            patroni: ports.patroni,
            leader: ports.leader,
            replicas: ports.replicas,
        },
        sqlRoles: { superuser, rewind, healthCheck },
        tls: nodeTls,
        etcd: etcdPaths,
        patroni: patroniPaths,
        postgresql: {
            account: postgresUser.name,
            mountPoint: dataMountPoint,
            dataDirectory: dataDirectory(majorVersion),
            binDirectory: binDirectory(majorVersion),
            socketDirectory: localEndpoint.socketDirectory,
            passwordFile: PASSWORD_FILE,
            database: maintenanceDatabase,
        },
        pgbouncer: { socketDirectory, console: consoleDatabase },
    };
}

/** Runs on any database node, with the SQL of `databaseObjectsSql` on standard input. */
export function createDatabaseObjectsCommand(deadlineSeconds: number): string {
    return `sudo ${programCommand("create-database-objects", deadlineSeconds)}`;
}

/** Runs on any of the nodes that stay: takes the others out of the cluster. */
export function reconcileMembersCommand(deadlineSeconds: number): string {
    return `sudo ${programCommand("reconcile-members", deadlineSeconds)}`;
}

/** Runs on any database node: has a node leave before its machine is stopped, see absence.py. */
export function leaveCommand(hostname: string, deadlineSeconds: number): string {
    return `sudo env REMAINING_SECONDS=${deadlineSeconds} ${programCommand("leave", hostname)}`;
}

/** Runs on any database node and prints {@link ClusterTurns} as JSON. */
export function turnsCommand(): string {
    return `sudo ${programCommand("turns")}`;
}

/** What decides the order in which machines are stopped. */
export interface ClusterTurns {
    /** Host name of the leader. */
    readonly leader: string | null;
    /** Host name of the node that left and has not come back. */
    readonly away: string | null;
}

/** Runs on any database node, with `checkClusterInput` on standard input. */
export function checkClusterCommand(deadlineSeconds: number): string {
    return `sudo ${programCommand("check-cluster", deadlineSeconds)}`;
}

/** Runs on any database node, with {@link differencesInput} on standard input. Prints a line for each, and changes nothing. */
export const differencesCommand = `sudo ${programCommand("differences")}`;

/** @param access pairs of a user and a database it may connect to */
export function differencesInput(access: readonly { readonly user: string; readonly database: string }[]): string {
    return JSON.stringify({ users: access.map(({ user, database }) => ({ name: user, databases: [database] })) });
}

/** @param healthCheckPassword of the health check's role */
export function checkClusterInput(
    healthCheckPassword: string,
    users: readonly { readonly name: string; readonly databases: readonly string[] }[],
    databases: readonly { readonly name: string }[],
): string {
    return JSON.stringify({
        password: healthCheckPassword,
        users: users.map(({ name, databases: own }) => ({ name, databases: own })),
        databases: databases.map(({ name }) => name),
    });
}
