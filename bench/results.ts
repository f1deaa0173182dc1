/** The results of all measurements, from which the report writes its tables. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

import { repository } from "../local/this-testbed.ts";

const folder = join(repository, "bench", "results");

/** Date, commit and computer of a sample. */
export interface Origin {
    readonly at: string;
    readonly commit: string;
    readonly computer: string;
}

export function origin(): Origin {
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: repository, encoding: "utf8" }).trim();
    return {
        at: new Date().toISOString(),
        commit,
        computer: `${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    };
}

export function readResults<T>(name: string): (T & Origin)[] {
    const file = join(folder, `${name}.json`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as (T & Origin)[]) : [];
}

/** Writes one sample a line, so that diffs show single samples. */
export function writeResults<T>(name: string, results: readonly (T & Origin)[]): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
        join(folder, `${name}.json`),
        `[\n${results.map((result) => JSON.stringify(result)).join(",\n")}\n]\n`,
    );
}

export function addResult<T>(name: string, result: T): void {
    writeResults<T>(name, [...readResults<T>(name), { ...result, ...origin() }]);
}
