/** An `up` that changes the size of all database nodes, killed at a random moment, and the next one. */
import { away, watchAbsences } from "../local/absences.ts";
import { Cluster } from "../local/cluster.ts";
import { inCloud } from "../local/changes/places.ts";
import { local, pulumi, stackOutputs, testbed } from "../local/commands.ts";
import { killedUp } from "../local/killed-up.ts";
import { setInStack, stackSetting } from "../local/stack-settings.ts";
import { type Effect, effectOf } from "../local/workload/gaps.ts";
import { monotonicMilliseconds } from "../local/workload/records.ts";
import { type Verification, verify } from "../local/workload/verification.ts";
import { Workload } from "../local/workload/workload.ts";
import { addResult, writeResults } from "./results.ts";

export interface KilledUpResult extends Effect, Verification {
    /** After which time the engine and its plug-ins were killed. */
    readonly killedAfterSeconds: number;
    /** Machines that did not run when it was killed. */
    readonly awayWhenKilled: readonly string[];
    /** Machines that the next `up` asked to start in the cloud, because the provider cannot. */
    readonly startedByHand: readonly string[];
    /** How many database machines were away at once, at most. */
    readonly mostAway: number;
    /** Whether all nodes have the new size after the next `up`. */
    readonly completed: boolean;
}

export const killedUpResults = "killed-ups";

/** What an undisturbed one takes, measured here: moments are drawn from this time. */
const UP_SECONDS = 110;

export async function benchKilledUps(runs: number): Promise<void> {
    await local();
    writeResults<KilledUpResult>(killedUpResults, []);
    const before = stackSetting("databaseMemoryGib");
    const restore = setInStack({});
    try {
        for (let run = 1; run <= runs; run++) {
            const gib = run % 2 === 1 ? 4 : Number(before);
            const result = await killedRun(gib);
            addResult(killedUpResults, result);
            console.log(`killed up #${run} (to ${gib} GiB): ${JSON.stringify(result)}`);
        }
    } finally {
        restore();
        await local();
    }
}

async function killedRun(memoryGib: number): Promise<KilledUpResult> {
    const outputs = await stackOutputs();
    setInStack({ databaseMemoryGib: memoryGib });
    const workload = await Workload.start(outputs, 30 * 60);
    const stopWatching = watchAbsences();
    const began = monotonicMilliseconds();
    try {
        const killedAfterSeconds = Math.round(3 + Math.random() * (UP_SECONDS - 3));
        await killedUp("", () => new Promise((resolve) => setTimeout(resolve, killedAfterSeconds * 1000)));
        const awayWhenKilled = await away();
        const startedByHand = await nextUp();
        await new Cluster(outputs).whole(180, 2);
        await workload.flowing(2, 180);
        const span = { from: began, to: monotonicMilliseconds() };
        const attempts = await workload.stop();
        const nodes = Object.values(await inCloud("instances", /-db-/)());
        return {
            killedAfterSeconds,
            awayWhenKilled,
            startedByHand,
            mostAway: Math.max(0, ...(await stopWatching()).map((names) => names.length)),
            completed: nodes.every((node) => node.includes(`"memory":${memoryGib * 1024 ** 3},`)),
            ...effectOf(attempts, span),
            ...(await verify(outputs, attempts)),
        };
    } finally {
        await stopWatching();
        await workload.stop();
    }
}

/** What a person does after a killed `up`. @returns the machines that had to be started in the cloud first */
async function nextUp(): Promise<string[]> {
    const started: string[] = [];
    for (;;) {
        await pulumi("cancel", "--yes", "--stack", "local");
        const { exitCode, output } = await pulumi("up", "--yes", "--skip-preview", "--stack", "local");
        if (exitCode === 0) return started;
        const [, name] = /yc compute instance start ([\w-]+)/.exec(output) ?? [];
        if (name === undefined || started.includes(name)) throw new Error(output.slice(-4000));
        await testbed("cloud-start", name);
        started.push(name);
    }
}
