/** What an administrator does on purpose. */
import { onMachine } from "../../test/stand/support/stand";
import type { Fault } from "./fault";

export const operationFaults: readonly Fault[] = [
    {
        name: "switchover",
        title: "Switchover under load",
        writeGapGoalSeconds: 1,
        inject: async (cluster) => {
            const { leader, replicas } = await cluster.roles();
            await onMachine(replicas[0]!, "patronictl", "-c", "/etc/patroni", "switchover", "--leader", leader, "--candidate", replicas[0]!, "--force");
        },
    },
];
