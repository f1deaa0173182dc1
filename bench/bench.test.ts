import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { repository } from "../local/this-testbed.ts";
import type { Attempt } from "../local/workload/records.ts";
import { renderTimeline } from "./faults/timeline.ts";
import { clientCounts, parsePgbench, plannedRound } from "./pgbench/measurement.ts";
import { renderBars } from "./report/bars.ts";
import { report } from "./report/index.ts";
import { percentile, summarize } from "./statistics.ts";

const write = (ended: number): Attempt => ({
    kind: "write",
    client: 1,
    sequence: ended,
    started: ended - 1,
    ended,
    outcome: "acknowledged",
});

describe("statistics", () => {
    test("name a value that was measured", () => {
        const samples = [5, 1, 4, 2, 3];
        expect(summarize(samples)).toEqual({ median: 3, p95: 5, worst: 5 });
        expect(percentile(samples, 0.2)).toBe(1);
        expect(percentile([7], 0.95)).toBe(7);
        expect(() => percentile([], 0.5)).toThrow("no samples");
    });
});

describe("a run of a fault", () => {
    test("becomes a picture with bars, the fault's moment and the events", () => {
        const attempts = Array.from({ length: 100 }, (_, index) => write(1000 + index * 100));
        const trace = {
            attempts,
            injected: 4000,
            ended: 6000,
            whole: 7000,
            span: { from: 3000, to: 9000 },
            wallOffset: 0,
        };
        const picture = renderTimeline("A <fault>", trace, [{ at: 4500, machine: "db-1", text: "becomes leader" }]);
        expect(picture).toContain("A &lt;fault>");
        expect(picture).toContain("0.0 s  the fault");
        expect(picture).toContain("0.5 s  db-1: becomes leader");
        expect(picture).toContain("3.0 s  the cluster is whole");
        // 2 s before the fault to 2 s after the cluster is whole, ten bars a second.
        expect(picture.match(/M[\d.]+ [\d.]+v/g)).toHaveLength(70);
    });
});

describe("pgbench", () => {
    const output = (failed: number) => `transaction type: <builtin: select only>
number of transactions actually processed: 41234
number of failed transactions: ${failed} (0.000%)
latency average = 1.940 ms
initial connection time = 9.214 ms
tps = 4123.456789 (without initial connection time)
`;
    test("gives its throughput and latency", () => {
        expect(parsePgbench(output(0))).toEqual({ transactionsPerSecond: 4123.456789, latencyMilliseconds: 1.94 });
    });
    test("compares nothing when transactions failed or a figure is missing", () => {
        expect(() => parsePgbench(output(3))).toThrow("3 transactions failed");
        expect(() => parsePgbench(output(0).replace(/^tps.*$/m, ""))).toThrow("pgbench printed no ");
    });
    test("measures everything once a round, and each second round backwards", () => {
        const [first, second] = [plannedRound(1), plannedRound(2)];
        expect(second).toEqual([...first].reverse());
        expect(new Set(first.map((measurement) => JSON.stringify(measurement))).size).toBe(first.length);
        // Two scripts, with TLS four ways, without it three; and one commit that does not wait.
        expect(first).toHaveLength(clientCounts.length * (2 * (4 + 3) + 1));
    });
    test("measures what is compared side by side", () => {
        for (const round of [1, 2]) {
            const groups = plannedRound(round).map(({ clients, script, tls }) => `${clients} ${script} ${tls}`);
            const changes = groups.filter((group, index) => group !== groups[index - 1]);
            expect(changes).toHaveLength(new Set(groups).size);
        }
    });
    test("becomes a picture with a bar for each figure, no taller than its plot", () => {
        const bar = (name: string, value: number) => ({ name, value, least: value / 2, most: value * 2 });
        const picture = renderBars([
            { title: "TPC-B", groups: [{ name: "8 clients", bars: [bar("direct", 100), bar("pooled", 90)] }] },
        ]);
        const heights = [
            ...picture.matchAll(
                /<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)" fill="#(?:2471a3|b9770e)"\/>/g,
            ),
        ].map(([, height]) => Number(height));
        // Two bars, as high as their share of the largest sample, and the legend's two squares.
        expect(heights).toEqual([100, 90, 11, 11]);
        expect(picture).toContain(">8 clients<");
    });
});

describe("docs/benchmarks.md", () => {
    const document = readFileSync(join(repository, "docs/benchmarks.md"), "utf8");

    test("has the tables of the results in bench/results/ (npm run bench -- report)", () => {
        expect(report(document)).toBe(document);
    });

    test("must have a place for each table", () => {
        expect(() => report(document.replace("<!-- generated: noop -->\n", ""))).toThrow("must be there once");
    });
});
