import { existsSync } from "node:fs";
import { join } from "node:path";

import { repository } from "../../local/this-testbed.ts";
import { faultNamed, faults } from "../../local/faults/index.ts";
import { pictureOf, resultsName } from "../faults/bench.ts";
import type { Fault } from "../../local/faults/fault.ts";
import type { FaultResult } from "../../local/faults/run-fault.ts";
import { type Origin, readResults } from "../results.ts";
import { summarize } from "../statistics.ts";
import { type Variant, variants } from "../variants.ts";
import { provenance, seconds, table } from "./table.ts";

type Sample = FaultResult & Origin;

const samplesOf = (variant: Variant): readonly Sample[] => readResults<FaultResult>(resultsName(variant));

/** Median, 95th percentile and worst; of a single run, its value. */
function distribution(
    samples: readonly Sample[],
    key: "writeGapSeconds" | "readGapSeconds" | "redundancySeconds",
): string {
    const { median, p95, worst } = summarize(samples.map((sample) => sample[key]));
    return samples.length === 1 ? seconds(worst) : [median, p95, worst].map(seconds).join(" / ");
}

const sum = (samples: readonly Sample[], key: "acknowledged" | "lost" | "duplicated" | "clientErrors"): number =>
    samples.reduce((total, sample) => total + sample[key], 0);

/** The same losses of power under each profile, side by side. */
export function comparisonSection(): string {
    const compared = ["leader-power-loss", "leader-power-loss-with-etcd-leader"].map(faultNamed);
    const rows = compared.flatMap((fault) =>
        variants.flatMap((variant) => {
            const samples = samplesOf(variant).filter((sample) => sample.fault === fault.name);
            if (samples.length === 0) return [];
            return [
                [
                    fault.title,
                    variant.title,
                    samples.length,
                    distribution(samples, "writeGapSeconds"),
                    sum(samples, "acknowledged"),
                    sum(samples, "lost"),
                ],
            ];
        }),
    );
    if (rows.length === 0) return "";
    return `## A lost machine, profile by profile

Time without writes: median / 95th percentile / worst, in seconds. The defaults of autobase stand for the usual
Patroni settings; only its timings are taken (ttl 30, loop_wait 10, retry_timeout 10, etcd election 5 s, HAProxy inter
3 s, fastinter 1 s, fall 3, rise 4), on the same machines with the same synchronous commit.

${table(["fault", "profile", "runs", "write gap, s", "rows acknowledged", "lost"], rows)}
`;
}

/** A table of all faults for each profile that was measured. */
export function faultSections(): string[] {
    return variants.map((variant) => {
        const all = samplesOf(variant);
        if (all.length === 0) return "";
        const rows = faults.flatMap((fault) => {
            const samples = all.filter((sample) => sample.fault === fault.name);
            return samples.length === 0 ? [] : [row(fault, variant, samples)];
        });
        return `## Faults, profile ${variant.title}

Four clients write a row each 20 ms through port 5000 and two read through 5001, all with verify-full, time-outs of 2 s
and a new attempt 50 ms after a failure. A gap is the longest time in which nobody's write (read) was acknowledged.
Whole again: from the fault's end until there is one leader, every replica streams, commits wait for a standby, and
etcd and HAProxy see all nodes. Where there were several runs: median / 95th percentile / worst. Afterwards every row
is looked for on every node: *lost* are acknowledged ones that are missing, *twice* those that are there more than once.
${provenance(all)}

${table(["fault", "runs", "write gap, s", "goal", "read gap, s", "whole again, s", "client errors a run", "leader moved", "rows acknowledged", "lost", "twice"], rows)}
`;
    });
}

function row(fault: Fault, variant: Variant, samples: readonly Sample[]): (string | number)[] {
    const picture = pictureOf(fault.name, variant);
    const goal =
        typeof fault.writeGapGoalSeconds === "object"
            ? fault.writeGapGoalSeconds[variant.name]
            : fault.writeGapGoalSeconds;
    const moved = samples.filter(({ leaderMoved }) => leaderMoved).length;
    return [
        existsSync(join(repository, "docs", picture)) ? `[${fault.title}](${picture})` : fault.title,
        samples.length,
        distribution(samples, "writeGapSeconds"),
        goal === undefined ? "" : `≤ ${goal}`,
        distribution(samples, "readGapSeconds"),
        distribution(samples, "redundancySeconds"),
        Math.round(sum(samples, "clientErrors") / samples.length),
        moved === 0 ? "no" : moved === samples.length ? "yes" : `${moved} of ${samples.length}`,
        sum(samples, "acknowledged"),
        sum(samples, "lost"),
        sum(samples, "duplicated"),
    ];
}
