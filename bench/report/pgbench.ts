import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { repository } from "../../local/this-testbed.ts";
import { pgbenchResults } from "../pgbench/bench.ts";
import { clientCounts, type Measurement, type PgbenchResult, type Way, ways } from "../pgbench/measurement.ts";
import { type Origin, readResults } from "../results.ts";
import { median } from "../statistics.ts";
import { type BarGroup, renderBars } from "./bars.ts";
import { provenance, table } from "./table.ts";

type Sample = PgbenchResult & Origin;

const scripts = {
    "tpcb-like": { title: "TPC-B", goal: 0.9 },
    "select-only": { title: "select-only", goal: 0.75 },
} as const;
const wayTitles: Readonly<Record<Way, string>> = {
    direct: "PostgreSQL",
    pgbouncer: "PgBouncer",
    socket: "PgBouncer over the socket",
    haproxy: "HAProxy and PgBouncer",
};
const picture = "images/pgbench.svg";

export function pgbenchSection(): string {
    const samples = readResults<PgbenchResult>(pgbenchResults);
    if (samples.length === 0) return "";
    writePicture(samples);
    const rows = (Object.keys(scripts) as Measurement["script"][]).flatMap((script) =>
        [true, false].flatMap((tls) => clientCounts.map((clients) => throughputRow(samples, { script, tls, clients }))),
    );
    const commits = clientCounts.map((clients) => commitRow(samples, clients));
    const [{ scale, seconds }] = samples as [Sample];
    return `## Throughput through pooler and load balancer

pgbench, transactions a second: median (smallest to largest) of the rounds. Client, leader, replicas and load balancer share
this computer's cores, so each program in the way also takes from PostgreSQL what it needs: on machines of their own
the shares are larger. The ratio is the median of each round's, to PostgreSQL alone with the same encryption; goals
0.9 for TPC-B and 0.75 for select-only. Scale ${scale}, ${seconds} s a run, runs that are compared side by side,
every second round in the opposite order. The client runs in a network of its own in the cloud's. Straight to PostgreSQL, and
without TLS, only the bench connects: it opens the way for its own address and closes it again. PgBouncer's own connection
to PostgreSQL is verified TLS over the loopback, or, over the socket, \`pgbouncerServerConnection: socket\`. ${provenance(samples)}

![Transactions a second, with TLS](${picture})

${table(
    [
        "",
        "TLS",
        "clients",
        "rounds",
        ...ways.map((way) => wayTitles[way]),
        "ratio, PgBouncer",
        "ratio, over the socket",
        "ratio, HAProxy and PgBouncer",
    ],
    rows.filter((row) => row.length > 0),
)}

What a commit that waits for a standby costs, TPC-B straight to PostgreSQL with TLS, against one that waits for the leader's disk
only (\`synchronous_commit = local\`, as \`synchronousMode: off\` does):

${table(
    ["clients", "rounds", "quorum, tps", "asynchronous, tps", "ratio"],
    commits.filter((row) => row.length > 0),
)}
`;
}

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

/** Round by round, since those of one round were measured side by side. */
function ratio(samples: readonly Sample[], base: readonly Sample[]): string {
    const ratios = samples.flatMap(({ round, transactionsPerSecond }) => {
        const beside = base.find((sample) => sample.round === round);
        return beside ? [transactionsPerSecond / beside.transactionsPerSecond] : [];
    });
    return ratios.length === 0 ? "" : median(ratios).toFixed(2);
}

function writePicture(samples: readonly Sample[]): void {
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
