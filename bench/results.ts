/** Where measurements are kept, so that the document can be written from all of them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

import { repository } from "../local/this-testbed.ts";

const folder = join(repository, "bench", "results");

/** When, from which commit and on what a sample was taken. */
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

/** One sample a line: short, and a change shows as such. */
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
