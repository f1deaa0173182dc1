import { expect, test } from "vitest";

import { nameOf } from "../../local/changes/change.ts";
import { settingChanges } from "../../local/changes/index.ts";
import { keys } from "../../settings/index.ts";

const changed = settingChanges.flatMap(({ key, standsFor = [] }) => [key, ...standsFor]);

test("every setting is changed on a running cluster, by itself or by a run that stands for it", () => {
    expect(Object.keys(keys).filter((key) => !(changed as readonly string[]).includes(key))).toEqual([]);
});

test("changes have names of their own", () => {
    const names = settingChanges.map(nameOf);
    expect(new Set(names).size).toBe(names.length);
});

test("a change is refused exactly if its key is fixed, or the value is one that no stack can have", () => {
    for (const { key, variant, expected } of settingChanges)
        if (variant === undefined) expect([key, "refusal" in expected]).toEqual([key, keys[key].change === "fixed"]);
});

test("a run stands only for settings whose change does the same", () => {
    for (const { key, standsFor = [] } of settingChanges)
        for (const other of standsFor) expect([other, keys[other].change]).toEqual([other, keys[key].change]);
});
