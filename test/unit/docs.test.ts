import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

import { generatedParts, withPart } from "../../docs/generate.ts";
import { keys } from "../../settings/index.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .sort();
const documents = [
    ...["README.md", "README.ru.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"],
    ...["tools/README.md", "testbed/cloud/README.md", "testbed/image/README.md"],
    ...inDocs.map((name) => `docs/${name}`),
];
const all = documents.map((path) => ({ path, text: read(path) }));

/** All first groups of a pattern's matches. */
const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, group]) => group!);
const unique = (texts: readonly string[]) => [...new Set(texts)].sort();

describe("generated parts", () => {
    it.each(generatedParts())("$name in $document is what the code says (tools/run node docs/generate.ts)", (part) => {
        const document = read(part.document);
        expect(document).toBe(withPart(document, part));
    });

    it("are refused where a document lacks their place", () => {
        const part = { document: "", name: "x", text: "y" };
        expect(withPart("<!-- generated: x -->\nold\n<!-- end of x -->\n", part)).toBe(
            "<!-- generated: x -->\ny\n<!-- end of x -->\n",
        );
        expect(() => withPart("nothing", part)).toThrow("must be there once");
        expect(() => withPart("<!-- generated: x -->\n<!-- end of x -->\n".repeat(2), part)).toThrow(
            "must be there once",
        );
    });
});

describe("the table of outputs", () => {
    it("has every output of the program and no other", () => {
        const [exported] = found(read("index.ts"), /export const \{([^}]*)\} = clusterOutputs/g);
        const [section] = found(read("README.md"), /\n## Outputs\n([^]*?)\n## /g);
        const listed = found(section!, /^\| `(\w+)` \|/gm);
        expect(unique(listed)).toEqual(
            unique(
                exported!
                    .split(",")
                    .map((name) => name.trim())
                    .filter((name) => name !== ""),
            ),
        );
    });
});

describe("commands", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

    it("of npm are scripts of package.json", () => {
        const used = all.flatMap(({ text }) =>
            found(text, /npm (?:run (?:--silent )?)?((?<=run |run --silent )[\w:]+|test|ci)\b/g),
        );
        expect(used.length).toBeGreaterThan(10);
        expect(unique(used).filter((name) => !(name in scripts))).toEqual([]);
    });

    it("of the testbed are in its usage", () => {
        const used = all.flatMap(({ text }) => found(text, /npm run (?:--silent )?testbed -- ([a-z-]+)/g));
        const [usage] = found(read("testbed/cli.ts"), /const usage = `([^`]*)`/g);
        const known = found(usage!, /^ {2}([a-z].*?)(?: {2,}|$)/gm).flatMap((line) => line.split(/[^a-z-]+/));
        expect(used.length).toBeGreaterThan(3);
        expect(unique(used).filter((name) => !known.includes(name))).toEqual([]);
    });
});

describe("settings that the text names", () => {
    it("exist", () => {
        const set = all.flatMap(({ text }) =>
            found(text, /pulumi config set (?:--secret |--path )*'?([a-z]\w*)(?=[\s['.])/g),
        );
        expect(set.length).toBeGreaterThan(3);
        expect(unique(set).filter((key) => !(key in keys))).toEqual([]);
    });
});

describe("references", () => {
    const links = all.flatMap(({ path, text }) =>
        [...text.matchAll(/\]\(([^)\s]+)\)/g)]
            .map(([, target]) => ({ path, target: target! }))
            .filter(({ target }) => !/^[a-z]+:/.test(target)),
    );

    /** The way GitHub makes an anchor of a heading. */
    const anchors = (text: string) =>
        found(text, /^#+ (.+)$/gm).map((heading) =>
            heading
                .toLowerCase()
                .replace(/[^\p{L}\p{N}\s_-]/gu, "")
                .trim()
                .replaceAll(" ", "-"),
        );

    it.each(links)("$path → $target", ({ path, target }) => {
        const [file, anchor] = target.split("#") as [string, string | undefined];
        const destination = file === "" ? path : join(dirname(path), file);
        expect(existsSync(join(root, destination)), destination).toBe(true);
        if (anchor !== undefined) expect(anchors(read(destination))).toContain(anchor);
    });

    it("to files of the repository, in code spans, lead somewhere", () => {
        const paths = all.flatMap(({ text }) =>
            found(
                text,
                /`((?:cluster|settings|cloud-init|components|recover|local|testbed|bench|tools|test|examples|docs)\/[\w./-]+)`/g,
            ),
        );
        expect(paths.length).toBeGreaterThan(5);
        expect(unique(paths).filter((path) => !existsSync(join(root, path)))).toEqual([]);
    });
});
