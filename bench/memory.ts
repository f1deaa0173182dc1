/** The testbed's memory while the cluster is up and idle. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { machineStatuses } from "../testbed/machines/status.ts";
import { local } from "../local/commands.ts";
import { folder, repository, site } from "../local/this-testbed.ts";
import { addResult, writeResults } from "./results.ts";

export interface MemoryResult {
    /** Host name of a machine, or "the testbed's own processes". */
    readonly holder: string;
    readonly programsMib: number;
    /** Cached files. The kernel frees them when it needs the memory. */
    readonly pageCacheMib: number;
}

export const memoryResults = "memory";
const settleSeconds = 30;

export async function benchMemory(runs: number): Promise<void> {
    await local();
    writeResults<MemoryResult>(memoryResults, []);
    for (let run = 1; run <= runs; run++) {
        await new Promise((resolve) => setTimeout(resolve, settleSeconds * 1000));
        const mib = (bytes: number): number => Math.round(bytes / 1024 ** 2);
        const machines = (await machineStatuses(site)).map(({ hostname, memory }) => ({
            holder: hostname,
            programsMib: mib(memory.programs),
            pageCacheMib: mib(memory.pageCache),
        }));
        const own = { holder: "the testbed's own processes", programsMib: mib(ownProcesses()), pageCacheMib: 0 };
        for (const result of [...machines, own]) {
            addResult<MemoryResult>(memoryResults, result);
            console.log(`${result.holder} #${run}: ${result.programsMib} MiB, page cache ${result.pageCacheMib} MiB`);
        }
    }
}

/** Proportional memory of the daemon, its helpers and the machines' supervisors, in bytes. */
function ownProcesses(): number {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
    return processes.reduce((total, pid) => total + (belongsToTestbed(pid) ? proportionalSet(pid) : 0), 0);
}

function belongsToTestbed(pid: string): boolean {
    try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return words.some(
            (word) =>
                word === folder ||
                word.includes(`${folder}/`) ||
                word.startsWith(join(repository, "testbed/machines/")),
        );
    } catch {
        return false; // the process has ended meanwhile
    }
}

function proportionalSet(pid: string): number {
    try {
        const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
        return Number(kib ?? 0) * 1024;
    } catch {
        return 0;
    }
}
