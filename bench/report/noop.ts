import { type NoopResult, noopResults } from "../noop.ts";
import { readResults } from "../results.ts";
import { median, summarize } from "../statistics.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, seconds, table } from "./table.ts";

const name = "noop";

export function noopPart(): ReportPart {
    const samples = readResults<NoopResult>(noopResults);
    const of = (program: NoopResult["program"]): number[] =>
        samples.filter((sample) => sample.program === program).map((sample) => sample.seconds);
    if (of("cluster").length === 0 || of("empty").length === 0) return { name, text: notMeasured };
    const rows = (["cluster", "empty"] as const).map((program) => {
        const summary = summarize(of(program));
        return [
            program === "cluster" ? "the cluster's program" : "an empty program with the same providers",
            of(program).length,
            seconds(summary.median),
            seconds(summary.worst),
        ];
    });
    const text = `${table(["", "runs", "median, s", "worst, s"], rows)}

That is ${(median(of("cluster")) / median(of("empty"))).toFixed(2)} times the empty program.
${provenance(samples)}`;
    return { name, text };
}
