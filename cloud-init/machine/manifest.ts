/** What a machine has, in a form that a preview can compare and that shows no content. */
import { createHmac } from "node:crypto";

import type { MachineConfiguration } from "./configuration.ts";
import { consequenceOf } from "./scripts.ts";
import { allFiles } from "./user-data.ts";

/** By name of a file, of a part of a file, of a package or a unit. */
export type Manifest = Readonly<Record<string, ManifestItem>>;

export interface ManifestItem {
    readonly fingerprint: string;
    /** What a change of it does, empty where nothing needs mention. */
    readonly consequence: string;
}

/**
 * The manifest of a machine.
 * @param key of the fingerprints. A content may be short or one of few, and a fingerprint without a key would give it away.
 */
export function manifest(configuration: MachineConfiguration, key: string): Manifest {
    const fingerprint = (name: string, text: string) =>
        createHmac("sha256", key).update(`${name}\0${text}`).digest("hex").slice(0, 8);
    const item = (name: string, text: string, consequence: string) =>
        [name, { fingerprint: fingerprint(name, text), consequence }] as const;
    const { packages, units, unitsWithSecrets, unawaitedUnits } = configuration;
    return Object.fromEntries([
        ...packages.map((name) => item(`package ${name}`, "", "installation")),
        ...[...units, ...unitsWithSecrets, ...unawaitedUnits].map((name) => item(`unit ${name}`, "", "start")),
        ...allFiles(configuration).flatMap(({ path, content, onChange = [], entries }) =>
            entries === undefined
                ? [item(path, content, consequences(onChange))]
                : entries.map(({ name, value, consequence }) => item(name, value, consequence)),
        ),
    ]);
}

function consequences(commands: readonly string[]): string {
    return [...new Set(commands.flatMap((command) => consequenceOf(command) ?? []))].join(", ");
}

/** What changes on a machine, a line each: `/etc/haproxy/haproxy.cfg changes: reload of haproxy`. */
export function changes(before: Manifest, after: Manifest): readonly string[] {
    const said = (name: string, verb: string, { consequence }: ManifestItem) =>
        consequence === "" ? `${name} ${verb}` : `${name} ${verb}: ${consequence}`;
    const isFile = (name: string) => name.startsWith("/");
    return [
        ...Object.entries(after).flatMap(([name, item]) => {
            const old = before[name];
            if (old === undefined) return [said(name, "is new", item)];
            return old.fingerprint === item.fingerprint ? [] : [said(name, "changes", item)];
        }),
        ...Object.entries(before).flatMap(([name, item]) => {
            if (name in after) return [];
            return isFile(name) ? [said(name, "is removed", item)] : [`${name} is no longer described`];
        }),
    ];
}
