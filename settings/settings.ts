/**
 * The whole configuration of one stack, resolved: defaults filled in, sizes and timings computed,
 * every rule checked. Components and cloud-init take their values from here and nowhere else.
 */
import type { PatroniCallbacks } from "../cloud-init/services/patroni-callbacks.ts";
import type { PostgresqlParameters } from "./postgresql-sizing.ts";
import type { Timings } from "../cluster/timings.ts";
import type { diskTypes } from "./schema.ts";

export interface Settings {
    /** Prefix of every name in the cloud, of host names, and Patroni's scope. */
    readonly clusterName: string;
    /** Availability zones in the order nodes are placed: node k is in zone (k − 1) mod zones. */
    readonly zones: readonly string[];
    readonly network: NetworkSettings;
    readonly ssh: SshSettings;
    readonly image: ImageSettings;
    readonly mirrors: MirrorSettings;
    /** Yandex Compute platform of every machine. */
    readonly platformId: string;
    readonly jumpHost: MachineSettings;
    readonly database: DatabaseMachineSettings;
    readonly loadBalancer: LoadBalancerSettings;
    readonly postgresql: PostgresqlSettings;
    readonly pgbouncer: PgbouncerSettings;
    readonly highAvailability: HighAvailabilitySettings;
    readonly operatingSystem: OperatingSystemSettings;
    /** Labels of every cloud resource that can carry any. */
    readonly labels: Readonly<Record<string, string>>;
    /** Protect database machines and their data disks from deletion. */
    readonly deletionProtection: boolean;
    /** How long a machine, and then the cluster, may take to become ready before `up` fails with its log. */
    readonly readyTimeoutMinutes: number;
}

export interface NetworkSettings {
    /** Address range of the cluster's own network; see cluster/address-plan.ts for its division. */
    readonly cidr: string;
    /** Who may open SSH to the jump host's public address. */
    readonly adminCidrs: readonly string[];
    /** Who may open 5000 and 5001 on the load balancers and 6432 on the database nodes (private addresses). */
    readonly clientCidrs: readonly string[];
}

export interface SshSettings {
    /** Login name of the administrator on every machine. */
    readonly user: string;
    /** Public keys (OpenSSH format) of people who may log in; the program adds a key of its own. */
    readonly publicKeys: readonly string[];
}

export interface ImageSettings {
    /** Family in Yandex's folder `standard-images`; its newest image is taken once and then kept. */
    readonly family: string;
    /** This very image instead of the family's newest. */
    readonly id?: string;
}

/** Base URLs of package repositories, without a slash at the end. */
export interface MirrorSettings {
    /** The folder that holds `9/BaseOS/x86_64/os`; undefined leaves the image's own mirror list alone. */
    readonly almalinux?: string;
    /** The folder that holds `9/Everything/x86_64` and `RPM-GPG-KEY-EPEL-9`. */
    readonly epel: SignedMirror;
    /** The folder that holds `17/redhat/…`, `common/redhat/…`, `extras/redhat/…` and `keys/PGDG-RPM-GPG-KEY-RHEL`. */
    readonly pgdg: SignedMirror & {
        /** Enterprise Linux's release in the names of PGDG's folders: "9", or a minor one like "9.8". */
        readonly release: string;
    };
}

export interface SignedMirror {
    readonly url: string;
    /** 40 upper-case hexadecimal digits. What the mirror gives as its key counts only if it is this one. */
    readonly keyFingerprint: string;
}

export type DiskType = (typeof diskTypes)[number];

export interface DiskSettings {
    readonly sizeGib: number;
    readonly type: DiskType;
}

export interface MachineSettings {
    /** Number of vCPUs. */
    readonly cores: number;
    /** Guaranteed share of each vCPU, in percent. */
    readonly coreFraction: number;
    readonly memoryGib: number;
    readonly bootDisk: DiskSettings;
}

export interface DatabaseMachineSettings extends MachineSettings {
    /** Number of database nodes; each also runs an etcd member, hence odd. */
    readonly nodes: 3 | 5;
    /** PostgreSQL's own disk; etcd stays on the boot disk. */
    readonly dataDisk: DiskSettings;
}

export interface LoadBalancerSettings extends MachineSettings {
    /** Number of HAProxy machines. */
    readonly count: number;
    /** A replica that is further behind than this gets no reads on port 5001. */
    readonly maxReplicaLagMib: number;
    /** Connections one HAProxy machine takes, both ports together. */
    readonly maxConnections: number;
}

export interface PostgresqlSettings {
    readonly majorVersion: 17;
    /** Every parameter the program sets, as Patroni gets it: computed from the machine's size, then the configured ones on top. */
    readonly parameters: PostgresqlParameters;
    readonly databases: readonly DatabaseSettings[];
    /** Owners of the databases, and further users; the program generates their passwords. */
    readonly users: readonly UserSettings[];
}

export interface DatabaseSettings {
    readonly name: string;
    /** One of `users`. */
    readonly owner: string;
}

export interface UserSettings {
    readonly name: string;
    /** Databases this user may connect to (those it owns included). */
    readonly databases: readonly string[];
}

export interface PgbouncerSettings {
    readonly poolMode: "session" | "transaction" | "statement";
    readonly serverConnection: ServerConnection;
    /** Server connections per user and database pair. */
    readonly poolSize: number;
    /** Server connections of one database, all its pools together (`max_db_connections`). */
    readonly maxDatabaseConnections: number;
    /** Server connections of one PgBouncer, all databases together; the rest of max_connections is for Patroni, checks and administrators. */
    readonly maxServerConnections: number;
    /** Client connections one PgBouncer accepts. */
    readonly maxClientConnections: number;
}

/** How PgBouncer reaches the PostgreSQL of its own machine: verified TLS over the loopback, or PostgreSQL's local socket. */
export type ServerConnection = "tls" | "socket";

export type SynchronousMode = "quorum" | "strict" | "off";
export type ProfileName = "fast" | "normal" | "safe";

export interface HighAvailabilitySettings {
    readonly profile: ProfileName;
    /** The profile's timings with the configured overrides. */
    readonly timings: Timings;
    /** quorum: commit waits for one of the standbys; strict: writes stop when there is no standby; off: asynchronous. */
    readonly synchronousMode: SynchronousMode;
    /** A replica further behind than this never becomes leader (matters only when synchronousMode is off). */
    readonly maxFailoverLagMib: number;
    /** Scripts that run when Patroni starts, stops, restarts or reloads PostgreSQL or changes its role. */
    readonly callbacks: PatroniCallbacks;
}

export interface OperatingSystemSettings {
    /** tz database name. */
    readonly timeZone: string;
    readonly ntpServers: readonly string[];
    /** Install security updates every night (nothing restarts by itself). */
    readonly securityUpdates: boolean;
}
