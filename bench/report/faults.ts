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
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, seconds, table } from "./table.ts";

type Sample = FaultResult & Origin;

const samplesOf = (variant: Variant): readonly Sample[] => readResults<FaultResult>(resultsName(variant));

/** Median, 95th percentile and worst value. A single run has only its value. */
function distribution(
    samples: readonly Sample[],
    key: "writeGapSeconds" | "readGapSeconds" | "redundancySeconds",
): string {
    const { median, p95, worst } = summarize(samples.map((sample) => sample[key]));
    return samples.length === 1 ? seconds(worst) : [median, p95, worst].map(seconds).join(" / ");
}

const sum = (samples: readonly Sample[], key: "acknowledged" | "lost" | "duplicated" | "clientErrors"): number =>
    samples.reduce((total, sample) => total + sample[key], 0);

/** A comparison of the profiles, and a table of all faults for each profile. */
export function faultParts(): ReportPart[] {
    return [profileComparison(), ...variants.map(faultsOf)];
}

/** The same losses of power under each profile. */
function profileComparison(): ReportPart {
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
    const head = ["fault", "profile", "runs", "write gap, s", "rows acknowledged", "lost"];
    return { name: "profile-comparison", text: rows.length === 0 ? notMeasured : table(head, rows) };
}

/** The table of all faults that were measured with these settings. */
function faultsOf(variant: Variant): ReportPart {
    const name = resultsName(variant);
    const all = samplesOf(variant);
    if (all.length === 0) return { name, text: notMeasured };
    const rows = faults.flatMap((fault) => {
        const samples = all.filter((sample) => sample.fault === fault.name);
        return samples.length === 0 ? [] : [row(fault, variant, samples)];
    });
    return { name, text: `${table(faultColumns, rows)}\n\n${provenance(all)}` };
}

const faultColumns = [
    "fault",
    "runs",
    "write gap, s",
    "goal",
    "read gap, s",
    "whole again, s",
    "client errors a run",
    "leader moved",
    "rows acknowledged",
    "lost",
    "twice",
];

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
