import { type SettingChange, nameOf } from "../../local/changes/change.ts";
import { runChange, type ChangeResult, type RefusalResult } from "../../local/changes/run-change.ts";
import { local } from "../../local/commands.ts";
import { messageOf } from "../../local/workload/client-session.ts";
import { addResult, readResults, writeResults } from "../results.ts";

/** A change whose `up` failed, or after which the cluster was not whole. */
export interface FailureResult {
    readonly change: string;
    readonly failure: string;
}

export type Result = ChangeResult | RefusalResult | FailureResult;

export const changeResults = "changes";

export interface ChangeBenchOptions {
    readonly changes: readonly SettingChange[];
    /** Whether to keep the results of earlier runs of the same changes. */
    readonly add: boolean;
    /** No change starts after this time. */
    readonly limitSeconds?: number;
}

/** Runs changes and stores what they did. @throws Error if the cluster cannot be brought back after a failed one */
export async function benchChanges({ changes, add, limitSeconds }: ChangeBenchOptions): Promise<void> {
    const started = Date.now();
    await local();
    for (const change of changes) {
        const name = nameOf(change);
        if (limitSeconds !== undefined && Date.now() - started > limitSeconds * 1000)
            return console.log(`stopped before ${name}: the time limit is reached`);
        if (!add)
            writeResults(
                changeResults,
                readResults<Result>(changeResults).filter((result) => result.change !== name),
            );
        for (const result of await resultsOf(change)) {
            addResult<Result>(changeResults, result);
            console.log(line(result));
        }
    }
}

async function resultsOf(change: SettingChange): Promise<readonly Result[]> {
    try {
        return await runChange(change);
    } catch (error) {
        return [{ change: nameOf(change), failure: messageOf(error).slice(-2000) }];
    }
}

function line(result: Result): string {
    if ("failure" in result) return `${result.change}: FAILED: ${result.failure}`;
    if ("refused" in result)
        return `${result.change}: ${result.refused ? "refused" : "NOT refused"}: ${result.message}`;
    const { change, direction, preview, missing, replaced } = result;
    return [
        `${change}, ${direction}: up ${result.upSeconds} s`,
        `write gap ${result.writeGapSeconds} s (slowest ${result.slowestWriterGapSeconds}), read gap ${result.readGapSeconds} s`,
        `errors ${result.clientErrors}, switchovers ${result.switchovers}, replaced ${replaced.join(" ") || "none"}`,
        `not in force on ${missing.join(" ") || "none"}, next up ${result.nextUpChangesNothing ? "unchanged" : "CHANGES"}`,
        `acknowledged ${result.acknowledged}, lost ${result.lost}, twice ${result.duplicated}, differ ${result.replicasDiffer}`,
        `preview: ${[...preview.machines, ...preview.effects].join("; ") || "nothing"}`,
    ].join("; ");
}
