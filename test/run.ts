/**
 * Runs the levels of tests, the quickest first, and stops at the first level that fails.
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
        success: (await run("npm", ["run", "--silent", "check"])) === 0,
        totals: none,
        failures: [],
    }),
    tools: goTests,
    program: programTests,
    testbed: () => vitest("unit", { package: "testbed" }),
    unit: () => vitest("unit"),
    components: () => vitest("components"),
    policy: () => vitest("policy"),
    system,
};

/** All levels that run no machine. */
const fast = Object.keys(levels).filter((name) => name !== "system");

/** Tests of the stand-ins for Pulumi's plug-ins. A computer with an installed Pulumi does not use them, and may have no Go. */
async function goTests(): Promise<Outcome> {
    const flags = ["-trimpath", "-gcflags=all=-dwarf=false"]; // those of tools/steps.sh, so that Go reuses what it compiled
    const packages = ["command", "random", "tls"].map((name) => `./${name}`);
    const hasGo = (await run("sh", ["-c", "command -v go >/dev/null"])) === 0;
    if (!hasGo) return { success: true, totals: { ...none, skipped: packages.length }, failures: [] };
    return {
        success: (await run("go", ["-C", "tools/go/pulumi", "test", ...flags, ...packages])) === 0,
        totals: none,
        failures: [],
    };
}

/** Tests of the program on the machines, with Python's own runner. A test that is left out counts as skipped. */
async function programTests(): Promise<Outcome> {
    const lines: string[] = [];
    const options = [
        "-B",
        "-W",
        "error",
        "-m",
        "unittest",
        "discover",
        "--top-level-directory=.",
        "--start-directory=tests",
    ];
    const status = await run("/usr/bin/python3", options, undefined, "cloud-init/program", lines);
    const said = lines.join("\n");
    const count = (pattern: RegExp) => Number(pattern.exec(said)?.[1] ?? 0);
    const failed = count(/failures=(\d+)/) + count(/errors=(\d+)/);
    const skipped = count(/skipped=(\d+)/);
    const passed = count(/^Ran (\d+) test/m) - failed - skipped;
    return { success: status === 0 && passed > 0, totals: { passed, failed, skipped }, failures: [] };
}

/** Files of system tests that run on a second testbed, beside the others. They take about half of the time. */
const besideTheOthers = /^[3478]-/;

/** Runs the system tests on two testbeds beside each other, because each mostly waits. Failures are printed at once. */
async function system(): Promise<Outcome> {
    const files = globSync("test/system/*.test.ts", { cwd: repository });
    const [beside, first] = [true, false].map((second) =>
        files.filter((file) => besideTheOthers.test(basename(file)) === second),
    );
    const checkout = secondCheckout(repository);
    try {
        const outcomes = await Promise.all([
            vitest("machines", { package: "testbed", reporter: "verbose" }).then(async (machines) =>
                together(machines, await vitest("system", { files: first!, reporter: "verbose" })),
            ),
            vitest("system", { files: beside!, reporter: "verbose", beside: checkout }),
        ]);
        return outcomes.reduce(together);
    } finally {
        // A failed run can leave machines behind.
        await run("node", ["local/testbed.ts", "down", "--erase"], checkout);
        checkout.remove();
    }
}

function together(a: Outcome, b: Outcome): Outcome {
    return {
        success: a.success && b.success,
        totals: sum(a.totals, b.totals),
        failures: [...a.failures, ...b.failures],
    };
}

interface RunOptions {
    /** Folder of the package whose tests run, with its own vitest. @default the repository */
    readonly package?: string;
    /** Only files whose paths contain one of these. @default all files of the project */
    readonly files?: readonly string[];
    readonly reporter?: "default" | "verbose";
    /** Another checkout to run in. Each line of its output begins with a bar. @default this one */
    readonly beside?: { readonly folder: string; readonly environment: NodeJS.ProcessEnv };
}

/**
 * Runs a program of this checkout, or of another one.
 * @param workingFolder its working directory in this checkout. @default the repository
 * @param lines takes the lines of its output. @default they are only printed
 * @returns its exit status
 */
function run(
    command: string,
    args: readonly string[] = [],
    beside?: RunOptions["beside"],
    workingFolder = "",
    lines?: string[],
): Promise<number> {
    const child = beside
        ? spawn("tools/run", [command, ...args], {
              cwd: beside.folder,
              env: beside.environment,
              stdio: ["ignore", "pipe", "pipe"],
          })
        : spawn(command, args, {
              cwd: join(repository, workingFolder),
              stdio: lines ? ["ignore", "pipe", "pipe"] : "inherit",
          });
    for (const stream of [child.stdout, child.stderr]) {
        if (!stream) continue;
        createInterface({ input: stream }).on("line", (line) => {
            lines?.push(line);
            console.log(beside ? `| ${line}` : line);
        });
    }
    return new Promise((resolve, reject) => child.on("error", reject).on("close", (status) => resolve(status ?? 1)));
}

/** Runs a project of a vitest.config.ts. A run without any test is a failure, because it shows nothing. */
async function vitest(
    project: string,
    { package: packageFolder = "", files = [], reporter = "default", beside }: RunOptions = {},
): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-report-"));
    try {
        const file = join(folder, "report.json");
        const status = await run(
            packageFolder === "" ? "vitest" : join(repository, packageFolder, "node_modules/.bin/vitest"),
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
            packageFolder,
        );
        if (!existsSync(file))
            return { success: false, totals: none, failures: [`${project}: vitest wrote no report`] };
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
        console.error(`unknown level ${unknown.join(", ")}; the levels are fast, ${Object.keys(levels).join(", ")}`);
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
