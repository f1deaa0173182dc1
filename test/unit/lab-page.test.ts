import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { codeBlocks, mismatch, parseLabPage, type LabCommand } from "../support/lab-page.ts";

const page = (...lines: readonly string[]) => parseLabPage("page.md", ["# A lab", ...lines].join("\n"));
const command = (...lines: readonly string[]): LabCommand =>
    page("```console", ...lines, "```").blocks[0]!.commands[0]!;
const compare = (lines: readonly string[], output: string, exitCode = 0) =>
    mismatch("page.md", command("db-1$ look", ...lines), { exitCode, output });

describe("a lab's page", () => {
    it("gives its commands, in order, with what they print", () => {
        const read = page(
            "Text.",
            "```console",
            "db-1$ patronictl list",
            "| main-db-1 |",
            "host$ npm run testbed -- status",
            "```",
            "```sh",
            "not run",
            "```",
            "```console until 60s",
            "client$ psql",
            "…",
            "1",
            "```",
        );
        expect(read).toEqual({
            path: "page.md",
            title: "A lab",
            blocks: [
                {
                    line: 3,
                    commands: [
                        {
                            place: "db-1",
                            command: "patronictl list",
                            line: 4,
                            expected: ["| main-db-1 |"],
                            exitCode: 0,
                        },
                        { place: "host", command: "npm run testbed -- status", line: 6, expected: [], exitCode: 0 },
                    ],
                },
                {
                    line: 11,
                    untilSeconds: 60,
                    commands: [{ place: "client", command: "psql", line: 12, expected: ["1"], exitCode: 0 }],
                },
            ],
        });
    });

    it("may break a command with a backslash", () => {
        expect(command("lb-1$ one \\", "    db-1$ two \\", "three", "printed \\", "too")).toMatchObject({
            command: "one \\\n    db-1$ two \\\nthree",
            expected: ["printed \\", "too"],
        });
    });

    it("says where a command must be refused", () => {
        expect(command("jump$ false", "no", "(exit code 3)")).toMatchObject({ expected: ["no"], exitCode: 3 });
    });

    it.each([
        [["```console", "db-1$ x"], "page.md:2: the block has no end"],
        [["```console", "```"], "page.md:2: the block has no command"],
        [
            ["", "```console", "output", "```"],
            'page.md:4: a block begins with a command, such as "db-1$ patronictl list"',
        ],
        [["```console", "web-1$ x", "```"], "page.md:3: a block begins with a command"],
        [
            ["```console for 5s", "db-1$ x", "```"],
            'page.md:2: after "console" stands "until 60s" or nothing, not "for 5s"',
        ],
        [["```sh", "x", "```"], "page.md: the page has no block to run"],
    ])("is refused: %j", (lines, message) => {
        expect(() => page(...lines)).toThrow(message);
    });
});

describe("what a command printed", () => {
    it.each([
        ["nothing expected", [], "anything"],
        ["whole lines in their order, others between", ["one", "three"], "zero\none\ntwo\nthree\nfour\n"],
        [
            "any text for …",
            ["| … | Leader | running |…", "…", "(… rows)"],
            "| main-db-1 | Leader | running |  1 | |\n(12 rows)",
        ],
        ["no text for … as well", ["a…b"], "ab"],
        ["other widths of columns", ["| a | b |", "+---+---+"], "|  a   |    b |\n+------+-----------+"],
        ["special characters as themselves", ["a.b (c) [d] $1 ^ \\"], "a.b (c) [d] $1 ^ \\"],
    ])("fits: %s", (_, expected, output) => {
        expect(compare(expected, output)).toBeUndefined();
    });

    it.each([
        ["part of a line", ["Leader"], "| Leader |"],
        ["the wrong order", ["two", "one"], "one\ntwo"],
        ["one line for two", ["one", "one"], "one"],
        ["a pattern's character for any", ["a.b"], "axb"],
    ])("does not fit: %s", (_, expected, output) => {
        expect(compare(expected, output)).toMatch(/^page\.md:3: db-1\$ look\nExpected/);
    });

    it("is shown next to the expected output", () => {
        expect(compare(["one", "three"], "one\ntwo\n")).toBe(
            [
                "page.md:3: db-1$ look",
                "Expected, below",
                "    one",
                " the line",
                "    three",
                "It printed:",
                "    one",
                "    two",
            ].join("\n"),
        );
        expect(compare(["one"], "two")).toBe(
            ["page.md:3: db-1$ look", "Expected the line", "    one", "It printed:", "    two"].join("\n"),
        );
    });

    it("must have the exit code that the page says", () => {
        expect(compare(["one"], "one", 2)).toBe(
            "page.md:3: db-1$ look\nExpected the exit code 0, got 2.\nIt printed:\n    one",
        );
        expect(compare(["one", "(exit code 2)"], "one", 2)).toBeUndefined();
        expect(compare(["one", "(exit code 2)"], "one", 0)).toContain("Expected the exit code 2, got 0.");
    });
});

describe("the labs", () => {
    const folder = join(import.meta.dirname, "../../docs/labs");
    const pages = readdirSync(folder).filter((name) => /^\d\d-.*\.md$/.test(name));
    const read = (...path: readonly string[]) => readFileSync(join(folder, ...path), "utf8");

    it("are there", () => expect(pages.length).toBeGreaterThan(0));

    it("are the same in Russian", () => {
        expect(readdirSync(join(folder, "ru")).sort()).toEqual(
            readdirSync(folder)
                .filter((name) => name.endsWith(".md"))
                .sort(),
        );
    });

    it.each(pages)("%s can be read, and ends with a look at the cluster", (name) => {
        const { blocks } = parseLabPage(name, read(name));
        expect(blocks.at(-1)!.commands.at(-1)!.expected.length).toBeGreaterThan(0);
    });

    it.each(pages)("%s has the same blocks in Russian", (name) => {
        expect(codeBlocks(read("ru", name))).toEqual(codeBlocks(read(name)));
    });

    it.each(pages)("%s is in the index", (name) => {
        expect(read("README.md")).toContain(`(${name})`);
        expect(read("ru", "README.md")).toContain(`(${name})`);
    });
});
