/** The settings in the stack's file, for tests and benchmarks that change them. */
import { readFileSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";

import { stackFile } from "./this-testbed.ts";

const prefix = "postgres-ha:";

interface StackFile {
    readonly config: Readonly<Record<string, unknown>>;
}

/** The value of a setting; undefined if the file has none. */
export const stackSetting = (key: string): unknown =>
    (parse(readFileSync(stackFile, "utf8")) as StackFile).config[`${prefix}${key}`];

/**
 * Sets values in the stack's file.
 * @param values by key, without prefix; undefined removes a key
 * @returns restores the file as it was
 */
export function setInStack(values: Readonly<Record<string, unknown>>): () => void {
    const before = readFileSync(stackFile, "utf8");
    const file = parse(before) as StackFile;
    const changed = Object.entries(values).map(([key, value]) => [`${prefix}${key}`, value] as const);
    const config = { ...file.config, ...Object.fromEntries(changed) };
    writeFileSync(stackFile, stringify({ ...file, config }));
    return () => writeFileSync(stackFile, before);
}
