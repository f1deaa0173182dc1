import { type CreationResult, creationResults } from "../creation/bench.ts";
import { readResults } from "../results.ts";
import { median, summarize } from "../statistics.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, seconds, table } from "./table.ts";

const ways = { pulumi: "`pulumi up`", script: "script (the floor)" } as const;

export function creationParts(): ReportPart[] {
    const samples = readResults<CreationResult>(creationResults);
    const of = (way: CreationResult["way"]) => samples.filter((sample) => sample.way === way);
    // An interrupted measurement has samples of one way only.
    if (of("pulumi").length === 0 || of("script").length === 0)
        return ["creation", "creation-steps"].map((name) => ({ name, text: notMeasured }));
    const medians = {
        pulumi: median(of("pulumi").map((sample) => sample.seconds)),
        script: median(of("script").map((sample) => sample.seconds)),
    };
    const totals = (["pulumi", "script"] as const).map((way) => {
        const summary = summarize(of(way).map((sample) => sample.seconds));
        return [ways[way], of(way).length, seconds(summary.median), seconds(summary.worst)];
    });
    const names = [...new Set(samples.flatMap(({ milestones }) => Object.keys(milestones)))];
    const moment = (way: CreationResult["way"], name: string): string => {
        const moments = of(way).flatMap(({ milestones }) => milestones[name] ?? []);
        return moments.length === 0 ? "" : seconds(median(moments));
    };
    const steps = names
        .map((name) => [name, moment("pulumi", name), moment("script", name)])
        .sort((a, b) => Number(a[1] || a[2]) - Number(b[1] || b[2]));
    const creation = `${table(["", "runs", "median, s", "worst, s"], totals)}

\`pulumi up\` takes ${(medians.pulumi / medians.script).toFixed(2)} times the floor.
${provenance(samples)}`;
    return [
        { name: "creation", text: creation },
        { name: "creation-steps", text: table(["", ways.pulumi, ways.script], steps) },
    ];
}
