/**
 * Computes PostgreSQL's parameters from the size of its machine.
 *
 * Sources: [D] PostgreSQL 17 documentation, "Resource Consumption", "Write Ahead Log", "Query Planning";
 * [T] PGTune's rules for OLTP; [W] PostgreSQL wiki, "Tuning Your PostgreSQL Server" and "Number Of Database
 * Connections". A rule without a source states its reason.
 */

import { GIB, MIB } from "./amounts.ts";

export type ParameterValue = string | number | boolean;
/** Names and values as in postgresql.conf. */
export type PostgresqlParameters = Readonly<Record<string, ParameterValue>>;

/** What the parameters are computed from. */
export interface DatabaseMachineSize {
    readonly memoryGib: number;
    readonly cores: number;
    readonly dataDiskSizeGib: number;
    /** Rotating disks have slow random reads. */
    readonly dataDiskIsSsd: boolean;
}

/** Memory of the kernel, etcd, Patroni, PgBouncer and sshd on a database node. */
const reservedMemoryMib = 512;

/** The parameters whose values the program chooses. */
export function postgresqlSizing({
    memoryGib,
    cores,
    dataDiskSizeGib,
    dataDiskIsSsd,
}: DatabaseMachineSize): PostgresqlParameters {
    const memoryMib = memoryGib * 1024;
    const diskMib = dataDiskSizeGib * 1024;
    // A quarter of the memory. The page cache uses the rest [D][T][W].
    const sharedBuffersMib = Math.floor(memoryMib / 4);
    const freeMib = memoryMib - sharedBuffersMib - reservedMemoryMib;
    // PgBouncer pools sessions, so most connections are busy. 25 for each GiB leave 40 MiB to each.
    const maxConnections = clamp(Math.floor(memoryGib * 25), 50, 500);
    // If all connections sort with three plan nodes at once, they must fit into the free memory [T].
    const workMemMib = clamp(Math.floor(freeMib / (3 * maxConnections)), 4, 64);
    // Index builds are rare and few [T]. Autovacuum's workers run at the same time, so each gets a quarter of it.
    const maintenanceWorkMemMib = clamp(Math.floor(memoryMib / 16), 64, 2048);
    // Much WAL between checkpoints makes checkpoints rare. 16 GiB still replay within minutes after a crash.
    const maxWalMib = clamp(Math.floor(diskMib / 10), 512, 16 * 1024);
    // One query may use half of the cores, at most four [T].
    const workersPerQuery = clamp(Math.floor(cores / 2), 1, 4);

    return {
        shared_buffers: mib(sharedBuffersMib),
        huge_pages: "try",
        // A hint for the planner: shared buffers and page cache, three quarters of the memory that is not reserved [D][T].
        effective_cache_size: mib(Math.floor((memoryMib - reservedMemoryMib) * 0.75)),
        work_mem: mib(workMemMib),
        maintenance_work_mem: mib(maintenanceWorkMemMib),
        autovacuum_work_mem: mib(Math.max(32, Math.floor(maintenanceWorkMemMib / 4))),
        max_connections: maxConnections,
        superuser_reserved_connections: 3,

        max_wal_size: mib(maxWalMib),
        min_wal_size: mib(Math.floor(maxWalMib / 4)),
        checkpoint_timeout: "10min",
        checkpoint_completion_target: 0.9,
        wal_compression: "lz4",
        // Slots keep the WAL that replicas need. Beyond a quarter of the disk a lost replica loses its slot, so the primary's disk does not fill up.
        max_slot_wal_keep_size: mib(Math.floor(diskMib / 4)),
        max_wal_senders: 10,
        max_replication_slots: 10,

        // One worker for each core for queries, and eight for the background (logical replication, extensions).
        max_worker_processes: cores + 8,
        max_parallel_workers: cores,
        max_parallel_workers_per_gather: workersPerQuery,
        max_parallel_maintenance_workers: workersPerQuery,
        autovacuum_max_workers: clamp(Math.floor(cores / 2), 3, 8),

        // On SSDs a random read costs nearly as little as a sequential one, and many run at once [D][T].
        random_page_cost: dataDiskIsSsd ? 1.1 : 4,
        effective_io_concurrency: dataDiskIsSsd ? 200 : 2,
        // Compilation speeds up long analytic queries only. It delays short ones.
        jit: "off",

        // Without it, vacuum on the primary cancels queries on a standby.
        hot_standby_feedback: "on",
        // After a failover, commits wait until a standby streams from the new leader. The default of 5 s would prolong that.
        wal_retrieve_retry_interval: "500ms",
        track_io_timing: "on",
        log_lock_waits: "on",
        log_temp_files: mib(64),
        log_autovacuum_min_duration: "10min",
        shared_preload_libraries: "pg_stat_statements",
    };
}

const HUGE_PAGE_BYTES = 2 * MIB;
/** Smaller caches gain too little to make up for memory that nothing else can use. */
const HUGE_PAGES_FROM_BYTES = GIB;
/** Shared memory beside shared_buffers: WAL buffers, locks, slots. */
const SHARED_MEMORY_FACTOR = 1.08;

/** How many huge pages of 2 MiB PostgreSQL's shared memory needs. */
export function hugePages(sharedBuffersBytes: number): number {
    return sharedBuffersBytes < HUGE_PAGES_FROM_BYTES
        ? 0
        : Math.ceil((sharedBuffersBytes * SHARED_MEMORY_FACTOR) / HUGE_PAGE_BYTES);
}

function clamp(value: number, min: number, max: number): number {
    return Math.min(Math.max(value, min), max);
}

function mib(value: number): string {
    return `${value}MB`;
}
