import type { Cluster } from "../cluster.ts";
import type { ClientPlace } from "../workload/workload.ts";

/** A fault: how to cause it and how to end it. */
export interface Fault {
    /** Name on the command line and in file names. */
    readonly name: string;
    /** Title in the tables. */
    readonly title: string;
    /** Where the clients are and how they connect. @default through the load balancer, from the cluster's first zone */
    readonly clients?: (cluster: Cluster) => ClientPlace;
    /** Brings the cluster into the state that the fault needs, before the workload starts. */
    readonly prepare?: (cluster: Cluster) => Promise<void>;
    /** Causes the fault. @returns a function that ends it, if it does not end by itself */
    readonly inject: (cluster: Cluster) => Promise<End | void>;
    /**
     * When to end the fault: after this many seconds, or when writes flow steadily again.
     * @default it ends by itself
     */
    readonly lasts?: number | "until writes flow";
    /** Upper bound for the write gap in 95 of 100 runs, in seconds; by profile if it depends on the profile. */
    readonly writeGapGoalSeconds?: number | Readonly<Record<string, number>>;
}

export type End = () => Promise<void>;

/** Runs a fault's steps and undoes them if one fails. @returns `undo`, which ends the fault */
export async function orUndo(undo: End, steps: () => Promise<void>): Promise<End> {
    try {
        await steps();
        return undo;
    } catch (error) {
        await undo();
        throw error;
    }
}
