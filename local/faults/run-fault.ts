import { healAll } from "../../testbed/machines/fault-control.ts";
import type { Outputs } from "../outputs.ts";
import { site } from "../this-testbed.ts";
import { Cluster } from "../cluster.ts";
import { messageOf } from "../workload/client-session.ts";
import { type Effect, effectOf, seconds, type Span } from "../workload/gaps.ts";
import { type Attempt, monotonicMilliseconds } from "../workload/records.ts";
import { type Verification, verify } from "../workload/verification.ts";
import { Workload } from "../workload/workload.ts";
import type { Fault } from "./fault.ts";

/** The result of one run of a fault. */
export interface FaultResult extends Effect, Verification {
    readonly fault: string;
    /** From the fault's end (from its beginning, if it ends by itself) until the cluster is whole. */
    readonly redundancySeconds: number;
    /** Whether another node is leader than before. */
    readonly leaderMoved: boolean;
}

/** The moments of a run for its picture, in ms of the monotonic clock. */
export interface Trace {
    readonly attempts: readonly Attempt[];
    readonly injected: number;
    readonly ended?: number;
    readonly whole: number;
    /** The first and the last moment of the evaluation. */
    readonly span: Span;
    /** Wall clock minus monotonic clock, in ms. */
    readonly wallOffset: number;
}

/** The run fails if, this long after the fault, writes do not flow or the cluster is not whole. */
const patienceSeconds = 180;

/**
 * Starts the workload, causes and ends the fault, waits until the cluster is whole, and compares all nodes with the
 * acknowledgements.
 * @throws Error if the cluster does not become whole
 */
export async function runFault(fault: Fault, outputs: Outputs): Promise<{ result: FaultResult; trace: Trace }> {
    const cluster = new Cluster(outputs);
    await cluster.whole(patienceSeconds);
    await fault.prepare?.(cluster);
    const leaderBefore = (await cluster.roles()).leader;
    const workload = await Workload.start(outputs, 15 * 60, fault.clients?.(cluster));
    try {
        const injected = monotonicMilliseconds();
        const end = await fault.inject(cluster);
        let ended: number | undefined;
        try {
            if (fault.lasts === "until writes flow") {
                await new Promise((resolve) => setTimeout(resolve, 1000));
                await workload.flowing(2, patienceSeconds);
            } else if (fault.lasts !== undefined) {
                const until = injected + fault.lasts * 1000;
                await new Promise((resolve) => setTimeout(resolve, Math.max(0, until - monotonicMilliseconds())));
            }
        } finally {
            if (end) {
                ended = monotonicMilliseconds();
                await end();
            }
        }
        // The effect of a fault can be delayed, so the cluster must stay whole for some seconds.
        const whole = await cluster.whole(patienceSeconds, 4);
        await workload.flowing(2, patienceSeconds);
        const span = { from: injected - 1000, to: monotonicMilliseconds() };
        const attempts = await workload.stop();
        const verification = await verify(outputs, attempts);
        const leaderMoved = (await cluster.roles()).leader !== leaderBefore;
        return {
            result: {
                fault: fault.name,
                ...effectOf(attempts, span),
                redundancySeconds: seconds(whole - (ended ?? injected)),
                leaderMoved,
                ...verification,
            },
            trace: {
                attempts,
                injected,
                ...(ended === undefined ? {} : { ended }),
                whole,
                span,
                wallOffset: Date.now() - monotonicMilliseconds(),
            },
        };
    } catch (error) {
        throw new Error(`${fault.name}: ${messageOf(error)}\n${await cluster.report()}`, { cause: error });
    } finally {
        await workload.stop();
        await healAll(site);
    }
}
