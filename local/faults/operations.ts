/** An administrator's own operations. */
import { switchover } from "../machines.ts";
import type { Fault } from "./fault.ts";

/** @param toCandidate whether the switchover names the new leader */
const underLoad =
    (toCandidate: boolean): Fault["inject"] =>
    async (cluster) => {
        const { leader, replicas } = await cluster.roles();
        await switchover(replicas[0]!, leader, toCandidate ? replicas[0] : undefined);
    };

export const operationFaults: readonly Fault[] = [
    { name: "switchover", title: "Switchover under load", writeGapGoalSeconds: 1, inject: underLoad(false) },
    {
        name: "switchover-to-candidate",
        title: "Switchover to a named candidate",
        writeGapGoalSeconds: 1,
        inject: underLoad(true),
    },
];
