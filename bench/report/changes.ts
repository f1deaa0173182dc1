import { nameOf, type SettingChange } from "../../local/changes/change.ts";
import { settingChanges } from "../../local/changes/index.ts";
import type { ChangeResult } from "../../local/changes/run-change.ts";
import { keys } from "../../settings/index.ts";
import type { Change } from "../../settings/key.ts";
import { changeResults, type Result } from "../changes/bench.ts";
import { type Origin, readResults } from "../results.ts";
import type { ReportPart } from "./index.ts";
import { notMeasured, provenance, seconds, table } from "./table.ts";

const name = "changes";

/** What a change may cost: the longest time without writes and without reads, and switchovers. */
const goals: Readonly<Record<Change, { readonly gapSeconds: number; readonly switchovers: number }>> = {
    live: { gapSeconds: 0.3, switchovers: 0 },
    "rolling restart": { gapSeconds: 1.2, switchovers: 2 },
    "rolling machine": { gapSeconds: 1.2, switchovers: 2 },
    fixed: { gapSeconds: 0, switchovers: 0 },
};

const head = [
    "change",
    "to",
    "what it does",
    "the preview says",
    "up, s",
    "write gap, s",
    "read gap, s",
    "errors",
    "switch-overs",
    "rows",
    "lost",
    "in force on every node",
    "machines replaced",
    "the next up",
    "goal",
];

export function changesPart(): ReportPart {
    const all = readResults<Result>(changeResults);
    if (all.length === 0) return { name, text: notMeasured };
    const rows = settingChanges.map((change) =>
        row(
            change,
            all.filter((result) => result.change === nameOf(change)),
        ),
    );
    return { name, text: `${table(head, rows)}\n\n${provenance(all)}` };
}

function row(change: SettingChange, results: readonly (Result & Origin)[]): string[] {
    const others = (change.standsFor ?? []).map((key) => ` \`${key}\``).join();
    const stands = others === "" ? "" : ` (and${others})`;
    const isSecret = typeof change.value === "function";
    const begin = [
        `\`${change.key}\`${stands}`,
        isSecret ? "one more" : `\`${JSON.stringify(change.value)}\``,
        keys[change.key].change,
    ];
    const rest = (text: string) => [...begin, text, ...new Array<string>(head.length - begin.length - 1).fill("")];
    const [first] = results;
    if (first === undefined) return rest("not measured yet");
    if ("refused" in first) return rest(first.refused ? "refused" : "**not refused**");
    const failed = results.find((result) => "failure" in result);
    if (failed) return rest(`**failed**: ${failed.failure.split("\n")[0]!}`);
    const runs = results.filter((result): result is ChangeResult & Origin => "direction" in result);
    const both = (value: (run: ChangeResult) => string | number) => {
        const values = runs.map(value);
        return new Set(values).size === 1 ? String(values[0]) : values.join(" / ");
    };
    return [
        ...begin,
        both(({ preview }) => [...preview.machines, ...preview.effects].join("; ") || "–"),
        both(({ upSeconds }) => seconds(upSeconds)),
        both(({ writeGapSeconds }) => seconds(writeGapSeconds)),
        both(({ readGapSeconds }) => seconds(readGapSeconds)),
        both(({ clientErrors }) => clientErrors),
        both(({ switchovers }) => switchovers),
        String(runs.reduce((total, { acknowledged }) => total + acknowledged, 0)),
        String(runs.reduce((total, { lost }) => total + lost, 0)),
        both(({ missing }) => (missing.length === 0 ? "yes" : `**not on ${missing.join(", ")}**`)),
        both(({ replaced }) => replaced.join(", ") || "none"),
        both(({ nextUpChangesNothing }) => (nextUpChangesNothing ? "unchanged" : "**changes**")),
        runs.every((run) => meets(run, keys[change.key].change)) ? "met" : "missed",
    ];
}

function meets(run: ChangeResult, change: Change): boolean {
    const { gapSeconds, switchovers } = goals[change];
    return (
        Math.max(run.writeGapSeconds, run.readGapSeconds) <= gapSeconds &&
        run.switchovers <= switchovers &&
        run.lost + run.duplicated + run.replicasDiffer === 0 &&
        run.missing.length === 0 &&
        run.nextUpChangesNothing &&
        run.replaced.every((machine) => run.preview.machines.some((said) => said.endsWith(` ${machine}`)))
    );
}
