/** What a client of the workload tried, and what became of it. */
export interface Attempt {
    readonly kind: "write" | "read";
    /** Number of the client among those of its kind. */
    readonly client: number;
    /** Number of the attempt of this client, from 1. A write's row holds it; none is ever tried twice. */
    readonly sequence: number;
    /** When it began and ended, in ms of the computer's monotonic clock. */
    readonly started: number;
    readonly ended: number;
    /**
     * - acknowledged: the server said that it is committed (or gave the rows read);
     * - failed: it was never sent, or the server said that it was rolled back;
     * - unknown: sent, and no answer tells what became of it.
     */
    readonly outcome: "acknowledged" | "failed" | "unknown";
    /** Why it was not acknowledged. */
    readonly error?: string;
    /** For a read: whether a replica answered. */
    readonly fromReplica?: boolean;
}

/** One of the places that a client may connect to. */
export interface Server {
    /** The name that its certificate is verified for. */
    readonly host: string;
    readonly port: number;
}

/** Where clients of a kind connect to. */
export interface Target {
    /** Tried in this order until one takes the session. */
    readonly servers: readonly Server[];
    /** Whether a server that is in recovery is left for the next one, as with `target_session_attrs=read-write`. */
    readonly needsLeader: boolean;
}

/** How a client logs in. */
export interface Login {
    readonly database: string;
    readonly user: string;
    readonly password: string;
    /** PEM of the authority that the servers' certificates are verified with. */
    readonly caCertificate: string;
    /** How long a client waits for a connection, and for an answer. */
    readonly timeoutMilliseconds: number;
}

/** What the workload's process is told on the first line of its standard input. */
export interface WorkloadPlan extends Login {
    readonly write: Target;
    readonly read: Target;
    readonly writers: number;
    readonly readers: number;
    /** Pause of a client after each attempt that succeeded. */
    readonly pauseMilliseconds: number;
    /** Pause after one that did not. */
    readonly backoffMilliseconds: number;
    /** The process ends by itself after so long. */
    readonly deadlineSeconds: number;
}

/** The table that the writers fill; it has no unique key, so that a row that came twice would be seen twice. */
export const table = "fault_writes";

/** Milliseconds of the computer's monotonic clock: the same in every process and in every machine's journal. */
export function monotonicMilliseconds(): number {
    return Number(process.hrtime.bigint() / 1000n) / 1000;
}
