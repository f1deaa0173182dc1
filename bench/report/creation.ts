import { type CreationResult, creationResults } from "../creation/bench.ts";
import { readResults } from "../results.ts";
import { median, summarize } from "../statistics.ts";
import { provenance, seconds, table } from "./table.ts";

const ways = { pulumi: "`pulumi up`", script: "script (the floor)" } as const;

export function creationSection(): string {
    const samples = readResults<CreationResult>(creationResults);
    const of = (way: CreationResult["way"]) => samples.filter((sample) => sample.way === way);
    // An interrupted bench leaves one without the other.
    if (of("pulumi").length === 0 || of("script").length === 0) return "";
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
    return `## From nothing to the first write

\`pulumi up\` from an empty stack until an application's first write through port 5000 (which is possible while \`up\` still
checks), against a script that boots the same machines from the same user-data all at once, sends the secrets over SSH in
parallel, makes roles and databases and writes, without Pulumi and the cloud's API. Both try to write again and again. ${provenance(samples)}

${table(["", "runs", "median, s", "worst, s"], totals)}

\`pulumi up\` takes ${(medians.pulumi / medians.script).toFixed(2)} times the floor (goal 1.2). Where the time goes, median seconds since the start, of the last
machine to get there (what \`pulumi up\` is behind, it is behind before machines run; see *From nothing to the first write* above):

${table(["", ways.pulumi, ways.script], steps)}
`;
}
