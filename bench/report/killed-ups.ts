import { type KilledUpResult, killedUpResults } from "../killed-ups.ts";
import { readResults } from "../results.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, seconds, table } from "./table.ts";

const name = "killed-ups";

export function killedUpsPart(): ReportPart {
    const samples = readResults<KilledUpResult>(killedUpResults);
    if (samples.length === 0) return { name, text: notMeasured };
    const head = [
        "killed after, s",
        "machines away then",
        "started by hand",
        "most away at once",
        "the next up completed it",
        "longest write gap, s",
        "rows acknowledged",
        "lost",
    ];
    const rows = samples.map((sample) => [
        sample.killedAfterSeconds,
        sample.awayWhenKilled.join(", ") || "–",
        sample.startedByHand.join(", ") || "–",
        sample.mostAway,
        sample.completed ? "yes" : "no",
        seconds(sample.writeGapSeconds),
        sample.acknowledged,
        sample.lost,
    ]);
    return { name, text: `${table(head, rows)}\n\n${provenance(samples)}` };
}
