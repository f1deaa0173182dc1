/**
 * Runs the tests, from the quickest level to the slowest, and stops at the first level that fails.
 * Usage: npm test [-- fast | LEVEL…]
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";

import { secondCheckout } from "./support/second-checkout.ts";
import { closingLine, failuresOf, none, sum, totalsOf, type Report, type Totals } from "./support/totals.ts";

interface Outcome {
    readonly success: boolean;
    readonly totals: Totals;
    readonly failures: readonly string[];
}

const repository = join(import.meta.dirname, "..");

const levels: Readonly<Record<string, () => Promise<Outcome>>> = {
    check: async () => ({
        success: (await run("tools/lint")) === 0 && (await run("tsc", ["--noEmit"])) === 0,
        totals: none,
        failures: [],
    }),
    tools: goTests,
    unit: () => vitest("unit"),
    components: () => vitest("components"),
    policy: () => vitest("policy"),
    system,
};

/** Everything but running machines. */
const fast = Object.keys(levels).filter((name) => name !== "system");

/** The plug-ins that stand in for Pulumi's; where Pulumi is installed nothing of theirs is used, and Go may be missing. */
async function goTests(): Promise<Outcome> {
    const flags = ["-trimpath", "-gcflags=all=-dwarf=false"]; // as tools/steps.sh builds them, so that little is compiled
    const packages = ["command", "random", "tls"].map((name) => `./${name}`);
    const hasGo = (await run("sh", ["-c", "command -v go >/dev/null"])) === 0;
    if (!hasGo) return { success: true, totals: { ...none, skipped: packages.length }, failures: [] };
    return {
        success: (await run("go", ["-C", "tools/go/pulumi", "test", ...flags, ...packages])) === 0,
        totals: none,
        failures: [],
    };
}

/** Files of the testbed's tests that run beside the others, in a testbed of their own: about half of the time. */
const besideTheOthers = /^[3478]-/;

/** Two testbeds side by side: each mostly waits. A test that fails says so, and why, at once. */
async function system(): Promise<Outcome> {
    const files = globSync("test/system/*.test.ts", { cwd: repository });
    const [beside, first] = [true, false].map((second) =>
        files.filter((file) => besideTheOthers.test(basename(file)) === second),
    );
    const checkout = secondCheckout(repository);
    try {
        const outcomes = await Promise.all([
            vitest("system", { files: [...first!, "testbed/machines"], reporter: "verbose" }),
            vitest("system", { files: beside!, reporter: "verbose", beside: checkout }),
        ]);
        return outcomes.reduce((a, b) => ({
            success: a.success && b.success,
            totals: sum(a.totals, b.totals),
            failures: [...a.failures, ...b.failures],
        }));
    } finally {
        // Whatever a failed run has left of it.
        await run("node", ["local/testbed.ts", "down", "--erase"], checkout);
        checkout.remove();
    }
}

interface RunOptions {
    /** Only tests of files whose paths hold one of these. @default all of the project */
    readonly files?: readonly string[];
    readonly reporter?: "default" | "verbose";
    /** Another checkout than this one: its lines begin with a bar. */
    readonly beside?: { readonly folder: string; readonly environment: NodeJS.ProcessEnv };
}

/** Runs a program of this checkout, or of another. @returns its status */
function run(command: string, args: readonly string[] = [], beside?: RunOptions["beside"]): Promise<number> {
    const child = beside
        ? spawn("tools/run", [command, ...args], {
              cwd: beside.folder,
              env: beside.environment,
              stdio: ["ignore", "pipe", "pipe"],
          })
        : spawn(command, args, { cwd: repository, stdio: "inherit" });
    for (const stream of [child.stdout, child.stderr]) {
        if (stream) createInterface({ input: stream }).on("line", (line) => console.log(`| ${line}`));
    }
    return new Promise((resolve, reject) => child.on("error", reject).on("close", (status) => resolve(status ?? 1)));
}

/** Runs a project of vitest.config.ts. No test at all is a failure: a level that finds nothing shows nothing. */
async function vitest(
    project: string,
    { files = [], reporter = "default", beside }: RunOptions = {},
): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-report-"));
    try {
        const file = join(folder, "report.json");
        const status = await run(
            "vitest",
            [
                "run",
                "--project",
                project,
                `--reporter=${reporter}`,
                "--reporter=json",
                `--outputFile.json=${file}`,
                ...files,
            ],
            beside,
        );
        if (!existsSync(file)) return { success: false, totals: none, failures: [`${project}: vitest left no report`] };
        const report: Report = JSON.parse(readFileSync(file, "utf8"));
        const totals = totalsOf(report);
        return {
            success: status === 0 && totals.failed === 0 && totals.passed > 0,
            totals,
            failures: failuresOf(report),
        };
    } finally {
        rmSync(folder, { recursive: true });
    }
}

async function main(words: readonly string[]): Promise<number> {
    const requested = words.flatMap((word) => (word === "fast" ? fast : [word]));
    const unknown = requested.filter((name) => !(name in levels));
    if (unknown.length > 0) {
        console.error(`no such level: ${unknown.join(", ")}; there are fast, ${Object.keys(levels).join(", ")}`);
        return 64;
    }
    let totals = none;
    let success = true;
    for (const name of requested.length > 0 ? requested : Object.keys(levels)) {
        const started = Date.now();
        const outcome = await levels[name]!();
        totals = sum(totals, outcome.totals);
        success = outcome.success;
        console.log(`${success ? "ok    " : "FAILED"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
        outcome.failures.forEach((failure) => console.log(`${failure}\n`));
        if (!success) break;
    }
    console.log(closingLine(totals));
    return success ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
