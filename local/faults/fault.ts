import type { Cluster } from "../cluster.ts";
import type { ClientPlace } from "../workload/workload.ts";

/** One thing that can go wrong, and how it ends. */
export interface Fault {
    /** Name on the command line and of the files. */
    readonly name: string;
    /** For people, in the tables. */
    readonly title: string;
    /** How the clients connect. @default through the load balancer, from the cluster's first zone */
    readonly clients?: (cluster: Cluster) => ClientPlace;
    /** Brings the cluster into the state that the fault is about; writes do not flow yet. */
    readonly prepare?: (cluster: Cluster) => Promise<void>;
    /** Makes it happen. @returns what ends it, if it does not end by itself */
    readonly inject: (cluster: Cluster) => Promise<End | void>;
    /**
     * How long it lasts before it is ended: seconds, or until writes have flowed steadily again.
     * @default it ends by itself
     */
    readonly lasts?: number | "until writes flow";
    /** What the longest time without writes should be at most, in 95 of 100 runs; by profile where it depends on it. */
    readonly writeGapGoalSeconds?: number | Readonly<Record<string, number>>;
}

export type End = () => Promise<void>;

/** For faults of several steps: when one fails, those before it are undone. @returns `undo`, which ends the fault */
export async function orUndo(undo: End, steps: () => Promise<void>): Promise<End> {
    try {
        await steps();
        return undo;
    } catch (error) {
        await undo();
        throw error;
    }
}
