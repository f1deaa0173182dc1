import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** Longer lines are hard to review and mostly hold more than one thought. In characters, without the targets of links. */
const longestLine = 400;

/** Words that end with a full stop inside a sentence. */
const abbreviations = /(?<!\p{L})(?:e\.g|i\.e|etc|vs|cf|т\. ?е|т\. ?д|др)\./gu;

/** The first line of a document that a program writes as a whole. */
const generated = "<!-- Written by ";

interface Line {
    /** In the document, counted from 1. */
    readonly number: number;
    readonly text: string;
}

/** The lines of a Markdown document that are prose: no code block, no generated part, no table, no heading. */
function proseLines(markdown: string): Line[] {
    const blank = (part: string) => part.replace(/[^\n]/g, "");
    return markdown
        .replace(/^( *)```[^\n]*\n[^]*?^\1```$/gm, blank)
        .replace(/<!-- generated: [^]*?<!-- end of [^\n]*/g, blank)
        .split("\n")
        .map((text, index) => ({ number: index + 1, text }))
        .filter(({ text }) => !/^\s*(?:\||#|$)/.test(text));
}

const withoutTargets = (line: string) => line.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1");

/** Whether a sentence ends before the end of a line. Code, the targets of links and list markers do not count. */
function hasTwoSentences(line: string): boolean {
    const text = withoutTargets(line.replace(/^\s*(?:[-*>]|\d+\.)\s+/, "").replace(/`[^`]*`/g, "code")).replace(
        abbreviations,
        "",
    );
    // After a bracket a sentence may go on: "… (is it down?) and …".
    return /[.!?]["”»*_]*\s+\S|[.!?]\)["”»*_]*\s+\p{Lu}/u.test(text);
}

const repository = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");
const documents = globSync(["*.md", "{docs,tools,testbed}/**/*.md"], {
    cwd: repository,
    exclude: (name) => name.endsWith("node_modules") || name.endsWith(".testbed"),
})
    .filter((path) => !read(path).startsWith(generated))
    .sort();

describe("Markdown", () => {
    it("is found", () => expect(documents).toContain("docs/labs/ru/01-look-around.md"));

    it.each(documents)("%s has one sentence a line", (path) => {
        const wrong = proseLines(read(path)).filter(({ text }) => hasTwoSentences(text));
        expect(wrong.map(({ number, text }) => `${path}:${number}: ${text}`)).toEqual([]);
    });

    it.each(documents)(`%s has no line of more than ${longestLine} characters of prose`, (path) => {
        const wrong = proseLines(read(path)).filter(({ text }) => withoutTargets(text).length > longestLine);
        expect(wrong.map(({ number, text }) => `${path}:${number}: ${withoutTargets(text).length} characters`)).toEqual(
            [],
        );
    });
});

describe("a line of prose", () => {
    it.each([
        "One sentence.",
        "- **Image.**",
        "1. The first step.",
        "Version 1.26, `a. b`, and [a](b. c) are one sentence.",
        "Examples, e.g. this one, etc. are one sentence.",
        "A question in brackets (is it down?) and the rest.",
        "Это т. е. одно предложение.",
    ])("has one sentence: %s", (line) => expect(hasTwoSentences(line)).toBe(false));

    it.each([
        "One sentence. Another one.",
        "**Bold.** Then text.",
        "Ends with `code`. etcd begins in lower case.",
        "A question? An answer.",
        "(In brackets.) Outside.",
        "Это «одно». Это другое.",
    ])("has two sentences: %s", (line) => expect(hasTwoSentences(line)).toBe(true));

    it("is not code, a generated part, a table or a heading", () => {
        const page = [
            "# A title. Two.",
            "Text.",
            "```sh",
            "code. Code.",
            "```",
            "| a. B. |",
            "- Item.",
            "  ```sh",
            "  code. Code.",
            "  ```",
            "  Its second sentence.",
            "<!-- generated: x -->",
            "a. B.",
            "<!-- end of x -->",
            "The end.",
        ].join("\n");
        expect(proseLines(page)).toEqual([
            { number: 2, text: "Text." },
            { number: 7, text: "- Item." },
            { number: 11, text: "  Its second sentence." },
            { number: 15, text: "The end." },
        ]);
    });
});
