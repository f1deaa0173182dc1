/**
 * The parts of the documents that are made from the code: tables between `<!-- generated: NAME -->` and
 * `<!-- end of NAME -->`. `tools/run node docs/generate.ts` writes them anew; test/unit/docs.test.ts compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

import { flowsMarkdown } from "../cluster/flows.ts";
import { profiles } from "../cluster/timings.ts";

const repository = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

interface GeneratedPart {
    /** Path of the document, from the repository's root. */
    readonly document: string;
    readonly name: string;
    readonly text: string;
}

export function generatedParts(): readonly GeneratedPart[] {
    return [
        { document: "README.md", name: "settings", text: settingsMarkdown() },
        { document: "docs/architecture.md", name: "flows", text: flowsMarkdown() },
        { document: "docs/architecture.md", name: "profiles", text: profilesMarkdown() },
    ];
}

/** What the document would be with the part as the code has it now. Throws when it has no such part, or two. */
export function withPart(document: string, { name, text }: GeneratedPart): string {
    const [begin, end] = [`<!-- generated: ${name} -->\n`, `<!-- end of ${name} -->`];
    const [before, inside, ...more] = document.split(begin);
    const [, after, ...others] = inside?.split(end) ?? [];
    if (after === undefined || more.length + others.length > 0)
        throw new Error(`${begin.trim()} … ${end} must be there once`);
    return `${before}${begin}${text.trimEnd()}\n${end}${after}`;
}

/** Every key of the stack's configuration, in the order and groups of Pulumi.yaml. */
function settingsMarkdown(): string {
    const source = read("Pulumi.yaml");
    const { config } = parse(source) as { config: Record<string, { description: string; default: unknown }> };
    const rows = source.split("\n").flatMap((line) => {
        const [, group] = /^ {2}# ── (.+?) ─+$/.exec(line) ?? [];
        if (group !== undefined) return [`| **${group}** | | |`];
        const [, key] = /^ {2}(\w+):$/.exec(line) ?? [];
        const setting = key === undefined ? undefined : config[key];
        return setting === undefined
            ? []
            : [`| \`${key}\` | ${defaultOf(setting)} | ${escape(setting.description.replace(/^Required\. /, ""))} |`];
    });
    return ["| setting | default | meaning |", "|---|---|---|", ...rows, ""].join("\n");
}

function defaultOf({ description, default: value }: { description: string; default: unknown }): string {
    if (description.startsWith("Required.")) return "**required**";
    return value === "" ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** Every timing of every profile. */
function profilesMarkdown(): string {
    const names = Object.keys(profiles) as (keyof typeof profiles)[];
    const groups = Object.keys(profiles.normal) as (keyof typeof profiles.normal)[];
    const rows = groups.flatMap((group) =>
        Object.keys(profiles.normal[group]).map((timing) => {
            const values = names.map((name) => (profiles[name][group] as Record<string, number>)[timing]);
            return `| \`${group}.${timing}\` | ${values.join(" | ")} |`;
        }),
    );
    return [`| timing | ${names.join(" | ")} |`, `|---|${"--:|".repeat(names.length)}`, ...rows, ""].join("\n");
}

function escape(text: string): string {
    return text.replaceAll("|", "\\|").trim();
}

if (import.meta.main) {
    for (const part of generatedParts()) {
        writeFileSync(join(repository, part.document), withPart(read(part.document), part));
        console.log(`${part.document}: ${part.name}`);
    }
}
