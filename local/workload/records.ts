/** One attempt of a client, and its outcome. */
export interface Attempt {
    readonly kind: "write" | "read";
    /** Number of the client among those of its kind. */
    readonly client: number;
    /** Number of this client's attempt, from 1. A write's row contains it; no attempt is repeated. */
    readonly sequence: number;
    /** Start and end, in ms of the computer's monotonic clock. */
    readonly started: number;
    readonly ended: number;
    /**
     * - acknowledged: the server reported the commit, or returned the rows;
     * - failed: it was never sent, or the server rolled it back;
     * - unknown: it was sent, and there was no clear answer.
     */
    readonly outcome: "acknowledged" | "failed" | "unknown";
    /** Why it was not acknowledged. */
    readonly error?: string;
    /** Whether a replica answered; for reads only. */
    readonly fromReplica?: boolean;
}

/** A server that a client can connect to. */
export interface Server {
    /** The name or address that its certificate must have. */
    readonly host: string;
    readonly port: number;
}

/** The servers for one kind of clients. */
export interface Target {
    /** Tried in this order until one accepts the session. */
    readonly servers: readonly Server[];
    /** Whether to skip servers in recovery, as with `target_session_attrs=read-write`. */
    readonly needsLeader: boolean;
}

/** How a client logs in. */
export interface Login {
    readonly database: string;
    readonly user: string;
    readonly password: string;
    /** Certificate authority of the servers, in PEM. */
    readonly caCertificate: string;
    /** Time limit for a connection, and for each answer. */
    readonly timeoutMilliseconds: number;
}

/** The input of the workload's process. */
export interface WorkloadPlan extends Login {
    readonly write: Target;
    readonly read: Target;
    readonly writers: number;
    readonly readers: number;
    /** Pause of a client after an acknowledged attempt. */
    readonly pauseMilliseconds: number;
    /** Pause of a client after any other attempt. */
    readonly backoffMilliseconds: number;
    /** The process ends by itself after this time. */
    readonly deadlineSeconds: number;
}

/** The table that the writers fill. It has no unique key, so that a duplicated row would be visible. */
export const table = "fault_writes";

/** Milliseconds of the computer's monotonic clock: the same in every process and in every machine's journal. */
export function monotonicMilliseconds(): number {
    return Number(process.hrtime.bigint() / 1000n) / 1000;
}
