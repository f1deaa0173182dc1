/**
 * Writes the parts of documents that are made from the code. They stand between a first and a last line that name them;
 * everything else in a document is written by hand. `tools/run node docs/generate.ts` writes all of them, and
 * test/unit/docs.test.ts compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

import { flowsMarkdown } from "../cluster/flows.ts";
import { profileNames } from "../cluster/names.ts";
import { profiles, type Timings } from "../cluster/timings.ts";
import { subjects } from "../settings/index.ts";
import type { Key, Subject } from "../settings/key.ts";

const repository = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

/** A part of a document. */
export interface GeneratedPart {
    /** Path of the document, from the repository's root. */
    readonly document: string;
    readonly name: string;
    /** Whole lines. */
    readonly text: string;
}

/** Every generated part, as the code has it now. */
export function generatedParts(): readonly GeneratedPart[] {
    return [
        { document: "Pulumi.yaml", name: "settings", text: settingsYaml(subjects) },
        { document: "README.md", name: "settings", text: settingsMarkdown(subjects) },
        { document: "docs/architecture.md", name: "flows", text: flowsMarkdown() },
        { document: "docs/architecture.md", name: "profiles", text: profilesMarkdown() },
    ];
}

/**
 * The document with the part as the code has it now.
 * @param text what the document contains
 * @throws Error when the place of the part is not there exactly once
 */
export function withPart(text: string, { document, name, text: part }: GeneratedPart): string {
    const [begin, end] = document.endsWith(".yaml")
        ? [`  # generated: ${name}\n`, `  # end of ${name}\n`]
        : [`<!-- generated: ${name} -->\n`, `<!-- end of ${name} -->`];
    const [before, inside, ...more] = text.split(begin);
    const [, after, ...others] = inside?.split(end) ?? [];
    if (after === undefined || more.length + others.length > 0)
        throw new Error(`${begin.trim()} … ${end.trim()} must be there once`);
    return `${before}${begin}${part.trimEnd()}\n${end}${after}`;
}

/** The keys below `config:` of Pulumi.yaml, with a heading for each subject. */
export function settingsYaml(of: readonly Subject[]): string {
    const indent = "  ";
    const width = 110;
    const onOneLine = { lineWidth: 0, flowCollectionPadding: false } as const;
    const text = (value: string) => stringify(value, onOneLine).trim();
    const flow = (value: unknown) => stringify(value, { ...onOneLine, collectionStyle: "flow" }).trim();
    const blocks = of.map(({ title, keys }) =>
        [
            `# ── ${title} `.padEnd(width - indent.length, "─"),
            ...Object.entries(keys).flatMap(([name, declared]) => [
                `${name}:`,
                `${indent}description: ${text(described(declared))}`,
                `${indent}default: ${typeof declared.default === "string" ? text(declared.default) : flow(declared.default)}`,
            ]),
        ]
            .map((line) => indent + line)
            .join("\n"),
    );
    return `${blocks.join("\n\n")}\n`;
}

/** A table of all keys, with a row for the title of each subject. */
function settingsMarkdown(of: readonly Subject[]): string {
    const rows = of.flatMap(({ title, keys }) => [
        `| **${title}** | | | |`,
        ...Object.entries(keys).map(
            ([name, declared]) =>
                `| \`${name}\` | ${defaultOf(declared)} | ${meaningOf(declared)} | ${declared.change} |`,
        ),
    ]);
    return ["| setting | default | meaning | a change |", "|---|---|---|---|", ...rows, ""].join("\n");
}

const required = /^Required\. /;

function defaultOf({ description, default: value }: Key): string {
    if (required.test(description)) return "**required**";
    return value === "" ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** The description for users. */
function described({ description, fixed }: Key): string {
    return fixed === undefined
        ? description
        : `${description} A running cluster cannot change it; the preview refuses that.`;
}

function meaningOf(declared: Key): string {
    return described(declared).replace(required, "").replaceAll("|", "\\|");
}

/** A table of all timings, with a column for each profile. */
function profilesMarkdown(): string {
    const groups = Object.keys(profiles.normal) as (keyof Timings)[];
    const rows = groups.flatMap((group) =>
        Object.keys(profiles.normal[group]).map((timing) => {
            const values = profileNames.map((name) => (profiles[name][group] as Record<string, number>)[timing]);
            return `| \`${group}.${timing}\` | ${values.join(" | ")} |`;
        }),
    );
    const ruler = `|---|${"--:|".repeat(profileNames.length)}`;
    return [`| timing | ${profileNames.join(" | ")} |`, ruler, ...rows, ""].join("\n");
}

if (import.meta.main) {
    for (const part of generatedParts()) {
        writeFileSync(join(repository, part.document), withPart(read(part.document), part));
        console.log(`${part.document}: ${part.name}`);
    }
}
