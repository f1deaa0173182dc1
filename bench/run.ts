/** `npm run bench -- WHAT`: measurements on the testbed. Writes results to bench/results/ and tables to docs/benchmarks.md. */
import { parseArgs } from "node:util";

import { benchCreation } from "./creation/bench.ts";
import { faultNamed, faults } from "../local/faults/index.ts";
import { nameOf } from "../local/changes/change.ts";
import { settingChangeNamed, settingChanges } from "../local/changes/index.ts";
import { benchChanges } from "./changes/bench.ts";
import { benchFaults } from "./faults/bench.ts";
import { benchKilledUps } from "./killed-ups.ts";
import { benchMemory } from "./memory.ts";
import { benchNoop } from "./noop.ts";
import { benchPgbench } from "./pgbench/bench.ts";
import { writeReport } from "./report/index.ts";
import { variantNamed } from "./variants.ts";

const usage = `npm run bench -- WHAT

  faults [NAME…] [--runs N] [--profile normal|fast|safe|two-balancers|autobase] [--add] [--limit SECONDS]
                        the effect of each fault on applications; --add keeps earlier results,
                        --limit starts no further run after this time
  changes [NAME…] [--add] [--limit SECONDS]
                        what a change of each setting does to a running cluster, there and back
  killed-ups [--runs N] an up that changes the size of all database nodes, killed at a random moment, and the next one
  pgbench [-T SECONDS] [--rounds N] [--scale N] [--add] [--limit SECONDS]
                        throughput of PostgreSQL alone, through PgBouncer (over TLS or the socket), and HAProxy;
                        a round has 45 runs of -T seconds (default 10)
  create [--runs N]     pulumi up from nothing to the first write, and a script that creates the same machines
  noop [--runs N]       an up that changes nothing, and an empty program with the same providers
  memory [--runs N]     memory of each machine and of the testbed itself
  report                write the tables of docs/benchmarks.md from the existing results

Faults: ${faults.map(({ name }) => name).join(", ")}

Changes: ${settingChanges.map(nameOf).join(", ")}`;

const benches: Record<string, (args: string[]) => Promise<void>> = {
    faults: async (args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: {
                runs: { type: "string", default: "1" },
                profile: { type: "string", default: "normal" },
                add: { type: "boolean", default: false },
                limit: { type: "string" },
            },
        });
        await benchFaults({
            faults: positionals.length > 0 ? positionals.flatMap((names) => names.split(",")).map(faultNamed) : faults,
            runs: Number(values.runs),
            variant: variantNamed(values.profile),
            add: values.add,
            ...(values.limit ? { limitSeconds: Number(values.limit) } : {}),
        });
        writeReport();
    },
    changes: async (args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: { add: { type: "boolean", default: false }, limit: { type: "string" } },
        });
        await benchChanges({
            changes: positionals.length > 0 ? positionals.map(settingChangeNamed) : settingChanges,
            add: values.add,
            ...(values.limit ? { limitSeconds: Number(values.limit) } : {}),
        });
        writeReport();
    },
    pgbench: async (args) => {
        const { values } = parseArgs({
            args,
            options: {
                time: { type: "string", short: "T", default: "10" },
                rounds: { type: "string", default: "3" },
                scale: { type: "string", default: "32" },
                add: { type: "boolean", default: false },
                limit: { type: "string" },
            },
        });
        await benchPgbench({
            seconds: Number(values.time),
            rounds: Number(values.rounds),
            scale: Number(values.scale),
            add: values.add,
            ...(values.limit ? { limitSeconds: Number(values.limit) } : {}),
        });
        writeReport();
    },
    create: (args) => repeated(args, benchCreation),
    noop: (args) => repeated(args, benchNoop),
    memory: (args) => repeated(args, benchMemory),
    "killed-ups": (args) => repeated(args, benchKilledUps),
    report: async () => writeReport(),
};

async function repeated(args: string[], bench: (runs: number) => Promise<void>): Promise<void> {
    const { values } = parseArgs({ args, options: { runs: { type: "string", default: "3" } } });
    await bench(Number(values.runs));
    writeReport();
}

async function main(): Promise<number> {
    const [name = "", ...args] = process.argv.slice(2);
    const bench = benches[name];
    if (!bench) {
        console.error(usage);
        return 64;
    }
    await bench(args);
    return 0;
}

main().then(
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        process.exit(1);
    },
);
