/**
 * Runs the tests, from the quickest level to the slowest, and stops at the first level that fails.
 * Usage: npm test [-- LEVEL…]
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { closingLine, failuresOf, none, sum, totalsOf, type Report, type Totals } from "./support/totals.ts";

interface Outcome {
    readonly success: boolean;
    readonly totals: Totals;
    readonly failures: readonly string[];
}

const repository = join(import.meta.dirname, "..");
const program = createRequire(import.meta.filename).resolve;

const levels: Readonly<Record<string, () => Outcome>> = {
    typecheck: () => ({ success: node(program("typescript/bin/tsc"), "--noEmit"), totals: none, failures: [] }),
    unit: () => vitest("unit"),
    components: () => vitest("components"),
    policy: () => vitest("policy"),
    // Half an hour: a test that fails says so, and why, at once.
    stand: () => vitest("stand", "verbose"),
};

function node(...args: readonly string[]): boolean {
    return spawnSync(process.execPath, args, { cwd: repository, stdio: "inherit" }).status === 0;
}

/** Runs a project of vitest.config.ts. No test at all is a failure: a level that finds nothing shows nothing. */
function vitest(project: string, reporter: "default" | "verbose" = "default"): Outcome {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-report-"));
    try {
        const file = join(folder, "report.json");
        const executable = join(dirname(program("vitest/package.json")), "vitest.mjs");
        const success = node(executable, "run", "--project", project, `--reporter=${reporter}`, "--reporter=json", `--outputFile.json=${file}`);
        if (!existsSync(file)) return { success: false, totals: none, failures: [`${project}: vitest left no report`] };
        const report: Report = JSON.parse(readFileSync(file, "utf8"));
        const totals = totalsOf(report);
        return { success: success && totals.failed === 0 && totals.passed > 0, totals, failures: failuresOf(report) };
    } finally {
        rmSync(folder, { recursive: true });
    }
}

function main(requested: readonly string[]): number {
    const unknown = requested.filter((name) => !(name in levels));
    if (unknown.length > 0) {
        console.error(`no such level: ${unknown.join(", ")}; there are ${Object.keys(levels).join(", ")}`);
        return 64;
    }
    let totals = none;
    let success = true;
    for (const name of requested.length > 0 ? requested : Object.keys(levels)) {
        const started = Date.now();
        const outcome = levels[name]!();
        totals = sum(totals, outcome.totals);
        success = outcome.success;
        console.log(`${success ? "ok    " : "FAILED"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
        outcome.failures.forEach((failure) => console.log(`${failure}\n`));
        if (!success) break;
    }
    console.log(closingLine(totals));
    return success ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
