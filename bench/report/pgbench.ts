import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { repository } from "../../local/this-testbed.ts";
import { pgbenchResults } from "../pgbench/bench.ts";
import { clientCounts, type Measurement, type PgbenchResult, type Way, ways } from "../pgbench/measurement.ts";
import { type Origin, readResults } from "../results.ts";
import { median } from "../statistics.ts";
import { type BarGroup, renderBars } from "./bars.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, table } from "./table.ts";

type Sample = PgbenchResult & Origin;

const scripts = {
    "tpcb-like": { title: "TPC-B" },
    "select-only": { title: "select-only" },
} as const;
const wayTitles: Readonly<Record<Way, string>> = {
    direct: "PostgreSQL",
    pgbouncer: "PgBouncer",
    socket: "PgBouncer over the socket",
    haproxy: "HAProxy and PgBouncer",
};
const picture = "images/pgbench.svg";

/** Throughput on each way, and the cost of a commit that waits for a standby. */
export function pgbenchParts(): ReportPart[] {
    const samples = readResults<PgbenchResult>(pgbenchResults);
    const [first] = samples;
    if (!first) return ["throughput", "commit-cost"].map((name) => ({ name, text: notMeasured }));
    const rows = (Object.keys(scripts) as Measurement["script"][]).flatMap((script) =>
        [true, false].flatMap((tls) => clientCounts.map((clients) => throughputRow(samples, { script, tls, clients }))),
    );
    const commits = clientCounts.map((clients) => commitRow(samples, clients));
    const throughput = table(
        throughputColumns,
        rows.filter((row) => row.length > 0),
    );
    const origin = `Scale ${first.scale}, ${first.seconds} s a run.\n${provenance(samples)}`;
    return [
        { name: "throughput", text: `${throughput}\n\n${origin}` },
        {
            name: "commit-cost",
            text: table(
                ["clients", "rounds", "quorum, tps", "asynchronous, tps", "ratio"],
                commits.filter((row) => row.length > 0),
            ),
        },
    ];
}

const throughputColumns = [
    "",
    "TLS",
    "clients",
    "rounds",
    ...ways.map((way) => wayTitles[way]),
    "ratio, PgBouncer",
    "ratio, over the socket",
    "ratio, HAProxy and PgBouncer",
];

const figures = (samples: readonly Sample[], wanted: Partial<Measurement>): readonly Sample[] =>
    samples.filter((sample) =>
        Object.entries(wanted).every(([key, value]) => sample[key as keyof Measurement] === value),
    );

function throughputRow(
    samples: readonly Sample[],
    wanted: Pick<Measurement, "script" | "tls" | "clients">,
): (string | number)[] {
    const of = (way: Way) => figures(samples, { ...wanted, waitsFor: "standby", way });
    if (of("direct").length === 0) return [];
    return [
        scripts[wanted.script].title,
        wanted.tls ? "verify-full" : "no",
        wanted.clients,
        of("direct").length,
        ...ways.map((way) => range(of(way))),
        ratio(of("pgbouncer"), of("direct")),
        ratio(of("socket"), of("direct")),
        ratio(of("haproxy"), of("direct")),
    ];
}

function commitRow(samples: readonly Sample[], clients: number): (string | number)[] {
    const [quorum, local] = (["standby", "disk"] as const).map((waitsFor) =>
        figures(samples, { script: "tpcb-like", way: "direct", tls: true, clients, waitsFor }),
    ) as [Sample[], Sample[]];
    if (quorum.length === 0 || local.length === 0) return [];
    return [clients, quorum.length, range(quorum), range(local), ratio(quorum, local)];
}

const transactions = (samples: readonly Sample[]): number[] =>
    samples.map(({ transactionsPerSecond }) => transactionsPerSecond);

function range(samples: readonly Sample[]): string {
    const values = transactions(samples);
    if (values.length === 0) return "";
    return `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;
}

/** The median of the rounds' ratios. Samples of one round were measured one after another, so they are comparable. */
function ratio(samples: readonly Sample[], base: readonly Sample[]): string {
    const ratios = samples.flatMap(({ round, transactionsPerSecond }) => {
        const beside = base.find((sample) => sample.round === round);
        return beside ? [transactionsPerSecond / beside.transactionsPerSecond] : [];
    });
    return ratios.length === 0 ? "" : median(ratios).toFixed(2);
}

/** Draws the throughput with TLS, if there are samples. */
export function writePgbenchPicture(): void {
    const samples = readResults<PgbenchResult>(pgbenchResults);
    if (samples.length === 0) return;
    const panels = (Object.keys(scripts) as Measurement["script"][]).map((script) => ({
        title: `${scripts[script].title}, with TLS: transactions a second`,
        groups: clientCounts.flatMap((clients): BarGroup[] => {
            const bars = ways.flatMap((way) => {
                const values = transactions(figures(samples, { script, clients, way, tls: true, waitsFor: "standby" }));
                return values.length === 0
                    ? []
                    : [
                          {
                              name: wayTitles[way],
                              value: median(values),
                              least: Math.min(...values),
                              most: Math.max(...values),
                          },
                      ];
            });
            return bars.length === 0 ? [] : [{ name: clients === 1 ? "1 client" : `${clients} clients`, bars }];
        }),
    }));
    const file = join(repository, "docs", picture);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, renderBars(panels));
}
