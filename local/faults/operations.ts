/** An administrator's own operations. */
import { onMachine } from "../machines.ts";
import type { Fault } from "./fault.ts";

/** @param candidate whether the switchover names the new leader */
const switchover =
    (candidate: boolean): Fault["inject"] =>
    async (cluster) => {
        const { leader, replicas } = await cluster.roles();
        const to = candidate ? ["--candidate", replicas[0]!] : [];
        await onMachine(
            replicas[0]!,
            "patronictl",
            "-c",
            "/etc/patroni",
            "switchover",
            "--leader",
            leader,
            ...to,
            "--force",
        );
    };

export const operationFaults: readonly Fault[] = [
    { name: "switchover", title: "Switchover under load", writeGapGoalSeconds: 1, inject: switchover(false) },
    {
        name: "switchover-to-candidate",
        title: "Switchover to a named candidate",
        writeGapGoalSeconds: 1,
        inject: switchover(true),
    },
];
