/** From checked configuration to settings: computed values laid out for their readers. */
import { defaultPoolSize, maxDatabaseConnections, poolerConnections, type PoolerSize } from "./pgbouncer-sizing.ts";
import { mergeParameters, numberOf } from "./postgresql-parameters.ts";
import { postgresqlSizing, type PostgresqlParameters } from "./postgresql-sizing.ts";
import { resolveTimings, type Timings, withSynchronousMode } from "../cluster/timings.ts";
import type { Configuration } from "./schema.ts";
import type {
    DatabaseMachineSettings,
    LoadBalancerSettings,
    MachineSettings,
    Settings,
    UserSettings,
} from "./settings.ts";

export function resolve(configuration: Configuration): Settings {
    const { jumpHost, database, loadBalancer } = machines(configuration);
    return {
        clusterName: configuration.clusterName,
        zones: configuration.zones,
        network: {
            cidr: configuration.networkCidr,
            adminCidrs: configuration.adminCidrs,
            clientCidrs: configuration.clientCidrs.length > 0 ? configuration.clientCidrs : [configuration.networkCidr],
        },
        ssh: { user: configuration.sshUser, publicKeys: configuration.sshPublicKeys },
        image: {
            family: configuration.imageFamily,
            ...(configuration.imageId === undefined ? {} : { id: configuration.imageId }),
        },
        mirrors: {
            ...(configuration.almalinuxMirror === undefined ? {} : { almalinux: configuration.almalinuxMirror }),
            epel: { url: configuration.epelMirror, keyFingerprint: bareFingerprint(configuration.epelKeyFingerprint) },
            pgdg: {
                url: configuration.pgdgMirror,
                keyFingerprint: bareFingerprint(configuration.pgdgKeyFingerprint),
                release: configuration.pgdgRelease,
            },
        },
        platformId: configuration.platformId,
        jumpHost,
        database,
        loadBalancer,
        postgresql: {
            majorVersion: configuration.postgresqlVersion,
            parameters: {
                ...postgresqlParameters(configuration),
                TimeZone: configuration.timeZone,
                log_timezone: configuration.timeZone,
            },
            databases: configuration.databases,
            users: users(configuration),
        },
        pgbouncer: {
            poolMode: configuration.pgbouncerPoolMode,
            serverConnection: configuration.pgbouncerServerConnection,
            poolSize: poolSize(configuration),
            maxDatabaseConnections: maxDatabaseConnections(poolerSize(configuration)),
            maxServerConnections: poolerConnections(poolerSize(configuration).maxConnections),
            maxClientConnections: configuration.pgbouncerMaxClientConnections,
        },
        highAvailability: {
            profile: configuration.profile,
            timings: resolveTimings(
                configuration.profile,
                withSynchronousMode(configuration.synchronousMode, configuration.timingOverrides),
            ),
            synchronousMode: configuration.synchronousMode,
            maxFailoverLagMib: configuration.maxFailoverLagMib,
            callbacks: configuration.patroniCallbacks,
        },
        operatingSystem: {
            timeZone: configuration.timeZone,
            ntpServers: configuration.ntpServers,
            securityUpdates: configuration.securityUpdates,
        },
        labels: configuration.labels,
        deletionProtection: configuration.deletionProtection,
        readyTimeoutMinutes: configuration.readyTimeoutMinutes,
    };
}

/** As gpg prints it for programs. */
function bareFingerprint(fingerprint: string): string {
    return fingerprint.replaceAll(" ", "").toUpperCase();
}

export type MachineRole = "jumpHost" | "database" | "loadBalancer";
type MachineKey = `${MachineRole}${"Cores" | "CoreFraction" | "MemoryGib" | "BootDiskSizeGib" | "BootDiskType"}`;

/** Reads the keys of one role only. */
export function machine(role: MachineRole, configuration: Pick<Configuration, MachineKey>): MachineSettings {
    return {
        cores: configuration[`${role}Cores`],
        coreFraction: configuration[`${role}CoreFraction`],
        memoryGib: configuration[`${role}MemoryGib`],
        bootDisk: { sizeGib: configuration[`${role}BootDiskSizeGib`], type: configuration[`${role}BootDiskType`] },
    };
}

type FleetKey =
    | MachineKey
    | "databaseNodes"
    | "databaseDataDiskSizeGib"
    | "databaseDataDiskType"
    | "loadBalancers"
    | "loadBalancerMaxConnections"
    | "maxReplicaLagMib";

export function machines(configuration: Pick<Configuration, FleetKey>): {
    jumpHost: MachineSettings;
    database: DatabaseMachineSettings;
    loadBalancer: LoadBalancerSettings;
} {
    return {
        jumpHost: machine("jumpHost", configuration),
        database: {
            ...machine("database", configuration),
            nodes: configuration.databaseNodes,
            dataDisk: { sizeGib: configuration.databaseDataDiskSizeGib, type: configuration.databaseDataDiskType },
        },
        loadBalancer: {
            ...machine("loadBalancer", configuration),
            count: configuration.loadBalancers,
            maxReplicaLagMib: configuration.maxReplicaLagMib,
            maxConnections: configuration.loadBalancerMaxConnections,
        },
    };
}

type ParameterConfiguration = Pick<
    Configuration,
    | "databaseMemoryGib"
    | "databaseCores"
    | "databaseDataDiskSizeGib"
    | "databaseDataDiskType"
    | "postgresqlParameters"
    | "profile"
    | "timingOverrides"
>;

export function postgresqlParameters(configuration: ParameterConfiguration): PostgresqlParameters {
    const computed = postgresqlSizing({
        memoryGib: configuration.databaseMemoryGib,
        cores: configuration.databaseCores,
        dataDiskSizeGib: configuration.databaseDataDiskSizeGib,
        dataDiskIsSsd: configuration.databaseDataDiskType !== "network-hdd",
    });
    const timed = connectionParameters(resolveTimings(configuration.profile, configuration.timingOverrides));
    return mergeParameters({ ...computed, ...timed }, configuration.postgresqlParameters);
}

function connectionParameters({ tcp, replication }: Timings): PostgresqlParameters {
    return {
        tcp_keepalives_idle: tcp.keepaliveIdleSeconds,
        tcp_keepalives_interval: tcp.keepaliveIntervalSeconds,
        tcp_keepalives_count: tcp.keepaliveCount,
        tcp_user_timeout: `${tcp.userTimeoutMilliseconds}ms`,
        wal_sender_timeout: `${replication.timeoutSeconds}s`,
        wal_receiver_timeout: `${replication.timeoutSeconds}s`,
    };
}

/** Owners of databases and the users named besides, each with all databases it may connect to. */
function users({ databases, users: named }: Pick<Configuration, "databases" | "users">): readonly UserSettings[] {
    const names = [...new Set([...databases.map(({ owner }) => owner), ...named.map(({ name }) => name)])];
    return names.map((name) => ({
        name,
        databases: databases
            .filter(
                (database) =>
                    database.owner === name ||
                    named.some((user) => user.name === name && user.databases.includes(database.name)),
            )
            .map((database) => database.name),
    }));
}

type PoolerConfiguration = ParameterConfiguration &
    Pick<Configuration, "databases" | "users" | "pgbouncerPoolMode" | "pgbouncerPoolSize">;

export function poolerSize(configuration: PoolerConfiguration): PoolerSize {
    return {
        poolMode: configuration.pgbouncerPoolMode,
        maxConnections: numberOf("max_connections", postgresqlParameters(configuration)["max_connections"]) ?? NaN,
        pools: users(configuration).reduce((total, user) => total + user.databases.length, 0),
        databases: configuration.databases.length,
        cores: configuration.databaseCores,
    };
}

export function poolSize(configuration: PoolerConfiguration): number {
    return configuration.pgbouncerPoolSize ?? defaultPoolSize(poolerSize(configuration));
}
