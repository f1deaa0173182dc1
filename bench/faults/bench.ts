import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stackOutputs } from "../../local/commands.ts";
import { repository } from "../../local/this-testbed.ts";
import { addResult, readResults, writeResults } from "../results.ts";
import { type Variant, withVariant } from "../variants.ts";
import { eventsOf } from "./events.ts";
import type { Fault } from "../../local/faults/fault.ts";
import { type FaultResult, runFault } from "../../local/faults/run-fault.ts";
import { renderTimeline } from "./timeline.ts";

export interface FaultBenchOptions {
    readonly faults: readonly Fault[];
    readonly runs: number;
    readonly variant: Variant;
    /** Whether to keep the results of earlier runs of the same faults. */
    readonly add: boolean;
    /** No run starts after this time. Missing runs can be added later. */
    readonly limitSeconds?: number;
}

export const resultsName = (variant: Variant): string => `faults-${variant.name}`;
export const pictureOf = (fault: string, variant: Variant): string => `images/faults/${fault}-${variant.name}.svg`;

/** Runs faults and stores the results. @throws Error after a run in which the cluster did not become whole */
export async function benchFaults({ faults, runs, variant, add, limitSeconds }: FaultBenchOptions): Promise<void> {
    const name = resultsName(variant);
    if (!add)
        writeResults<FaultResult>(
            name,
            readResults<FaultResult>(name).filter(({ fault }) => !faults.some((one) => one.name === fault)),
        );
    const started = Date.now();
    await withVariant(variant, async () => {
        const outputs = await stackOutputs();
        for (let run = 1; run <= runs; run++) {
            for (const fault of faults) {
                if (limitSeconds !== undefined && Date.now() - started > limitSeconds * 1000)
                    return console.log(`stopped before run ${run} of ${fault.name}: the time limit is reached`);
                const { result, trace } = await runFault(fault, outputs);
                addResult(name, result);
                console.log(line(result, run));
                const file = join(repository, "docs", pictureOf(fault.name, variant));
                mkdirSync(join(file, ".."), { recursive: true });
                writeFileSync(
                    file,
                    renderTimeline(`${fault.title} (profile ${variant.title})`, trace, await eventsOf(trace)),
                );
            }
        }
    });
}

function line(result: FaultResult, run: number): string {
    const integrity = [
        `acknowledged ${result.acknowledged}`,
        `lost ${result.lost}`,
        `twice ${result.duplicated}`,
        `resurrected ${result.resurrected}`,
        `replicas differ ${result.replicasDiffer}`,
    ].join(", ");
    return `${result.fault} #${run}: write gap ${result.writeGapSeconds} s (slowest writer ${result.slowestWriterGapSeconds} s), read gap ${result.readGapSeconds} s, errors ${result.clientErrors}, whole after ${result.redundancySeconds} s, leader ${result.leaderMoved ? "moved" : "stayed"}; ${integrity}`;
}
