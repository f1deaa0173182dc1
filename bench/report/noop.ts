import { type NoopResult, noopResults } from "../noop.ts";
import { readResults } from "../results.ts";
import { median, summarize } from "../statistics.ts";
import { provenance, seconds, table } from "./table.ts";

export function noopSection(): string {
    const samples = readResults<NoopResult>(noopResults);
    const of = (program: NoopResult["program"]): number[] =>
        samples.filter((sample) => sample.program === program).map((sample) => sample.seconds);
    if (of("cluster").length === 0 || of("empty").length === 0) return "";
    const rows = (["cluster", "empty"] as const).map((program) => {
        const summary = summarize(of(program));
        return [
            program === "cluster" ? "the cluster's program" : "an empty program with the same providers",
            of(program).length,
            seconds(summary.median),
            seconds(summary.worst),
        ];
    });
    return `## An \`up\` that changes nothing

\`pulumi up --skip-preview\`. ${provenance(samples)}

${table(["", "runs", "median, s", "worst, s"], rows)}

That is ${(median(of("cluster")) / median(of("empty"))).toFixed(2)} times the empty program (goal 1.5).
`;
}
