import { type MemoryResult, memoryResults } from "../memory.ts";
import { readResults } from "../results.ts";
import { median } from "../statistics.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, table } from "./table.ts";

const name = "memory";

export function memoryPart(): ReportPart {
    const samples = readResults<MemoryResult>(memoryResults);
    if (samples.length === 0) return { name, text: notMeasured };
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
    const text = `${table(["", "programs", "page cache"], [...rows, ["**total**", total(1), total(2)]])}

${provenance(samples)}`;
    return { name, text };
}
