/** What a machine has, in a form that a preview can compare and that shows no content. */
import { createHmac } from "node:crypto";

import type { MachineConfiguration } from "./configuration.ts";
import { consequenceOf } from "./scripts.ts";
import { allFiles } from "./user-data.ts";

/**
 * By name of a file, of a part of a file, of a package or a unit: its fingerprint, and what a change of it does. Both in one
 * text, so that a diff of the state shows a line for each.
 */
export type Manifest = Readonly<Record<string, string>>;

const SEPARATOR = " ";

/**
 * The manifest of a machine.
 * @param key of the fingerprints. A content may be short or one of few, and a fingerprint without a key would give it away.
 */
export function manifest(configuration: MachineConfiguration, key: string): Manifest {
    const fingerprint = (name: string, text: string) =>
        createHmac("sha256", key).update(`${name}\0${text}`).digest("hex").slice(0, 8);
    const item = (name: string, text: string, consequence: string) =>
        [name, [fingerprint(name, text), consequence].join(SEPARATOR).trim()] as const;
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
    const said = (name: string, verb: string, value: string) => {
        const [, ...consequence] = value.split(SEPARATOR);
        return consequence.length === 0 ? `${name} ${verb}` : `${name} ${verb}: ${consequence.join(SEPARATOR)}`;
    };
    const isFile = (name: string) => name.startsWith("/");
    return [
        ...Object.entries(after).flatMap(([name, value]) => {
            const old = before[name];
            if (old === undefined) return [said(name, "is new", value)];
            return old.split(SEPARATOR)[0] === value.split(SEPARATOR)[0] ? [] : [said(name, "changes", value)];
        }),
        ...Object.entries(before).flatMap(([name, value]) => {
            if (name in after) return [];
            return isFile(name) ? [said(name, "is removed", value)] : [`${name} is no longer described`];
        }),
    ];
}
