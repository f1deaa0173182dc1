import type { Origin } from "../results.ts";

/** A Markdown table. @param head the titles of the columns */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
    return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What stands in the place of a table that has no samples. */
export const notMeasured = "Not measured yet.";

/** The days, the computers and the commits of samples, as a sentence. */
export function provenance(samples: readonly Origin[]): string {
    const unique = (key: keyof Origin): string[] => [...new Set(samples.map((sample) => sample[key]))].sort();
    const days = [...new Set(unique("at").map((at) => at.slice(0, 10)))];
    return `Measured ${days.join(", ")} on ${unique("computer").join("; ")}; commits ${unique("commit").join(", ")}.`;
}

export const seconds = (value: number): string => value.toFixed(1);
