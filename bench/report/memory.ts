import { type MemoryResult, memoryResults } from "../memory.ts";
import { readResults } from "../results.ts";
import { median } from "../statistics.ts";
import { provenance, table } from "./table.ts";

export function memorySection(): string {
    const samples = readResults<MemoryResult>(memoryResults);
    if (samples.length === 0) return "";
    const holders = [...new Set(samples.map(({ holder }) => holder))];
    const rows = holders.map((holder) => {
        const own = samples.filter((sample) => sample.holder === holder);
        return [
            holder,
            median(own.map((sample) => sample.programsMib)),
            median(own.map((sample) => sample.pageCacheMib)),
        ] as const;
    });
    const total = (column: 1 | 2): number => rows.reduce((sum, row) => sum + row[column], 0);
    return `## Memory of the testbed

The cluster is up and idle; MiB, medians. Page cache is what the kernel gives back when it needs it. The goal is less
than 2048 MiB for the whole testbed. ${provenance(samples)}

${table(["", "programs", "page cache"], [...rows, ["**in all**", total(1), total(2)]])}
`;
}
