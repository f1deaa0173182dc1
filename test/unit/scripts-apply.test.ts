/** apply.py: what brings a running machine's files to the wanted state. */
import { spawnSync } from "node:child_process";
import {
    chmodSync,
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { scriptSources } from "../support/scripts.ts";

interface BundleFile {
    readonly path: string;
    readonly content: string;
    readonly mode?: string;
    readonly onChange?: readonly string[];
}

let root: string;
beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "postgres-ha-apply-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const PENDING = "var/lib/postgres-ha/pending-actions.json";
const at = (path: string) => join(root, path);
const read = (path: string) => readFileSync(at(path), "utf8");
/** A command that leaves a line in a file of the root. */
const note = (text: string) => `echo ${text} >>${root}/notes`;
const notes = () => (existsSync(at("notes")) ? read("notes").trimEnd().split("\n") : []);

function apply(...files: readonly BundleFile[]) {
    const input = JSON.stringify({
        files: files.map((file) => ({ owner: "root:root", mode: "0644", onChange: [], ...file })),
    });
    const { status, stdout, stderr } = spawnSync(
        "/usr/bin/python3",
        ["-B", join(scriptSources, "apply.py"), "--root", root],
        { input, encoding: "utf8" },
    );
    return { status, stdout, stderr };
}

describe("files", () => {
    it("are written with their folders and modes", () => {
        expect(
            apply(
                { path: "/etc/a/b/secret", content: "x\n", mode: "0600" },
                { path: "/usr/bin/run", content: "#!", mode: "0755" },
            ),
        ).toMatchObject({ status: 0, stderr: "" });
        expect(read("etc/a/b/secret")).toBe("x\n");
        expect(statSync(at("etc/a/b/secret")).mode & 0o7777).toBe(0o600);
        expect(statSync(at("usr/bin/run")).mode & 0o7777).toBe(0o755);
    });

    it("that are right already are not touched, and their commands do not run", () => {
        const file = { path: "/etc/a", content: "same", onChange: [note("a")] };
        apply(file);
        const before = statSync(at("etc/a"));
        const again = apply(file);
        expect(again).toMatchObject({ status: 0, stdout: "0 of 1 files changed\n" });
        expect(statSync(at("etc/a")).ino).toBe(before.ino);
        expect(notes()).toEqual(["a"]);
    });

    it.each([
        ["content", () => writeFileSync(at("etc/a"), "other")],
        ["permissions", () => chmodSync(at("etc/a"), 0o666)],
        ["existence", () => rmSync(at("etc/a"))],
    ])("that differ in %s are brought back", (_, damage) => {
        const file = { path: "/etc/a", content: "wanted", mode: "0640", onChange: [note("a")] };
        apply(file);
        damage();
        expect(apply(file).stdout).toContain("1 of 1 files changed");
        expect(read("etc/a")).toBe("wanted");
        expect(statSync(at("etc/a")).mode & 0o7777).toBe(0o640);
        expect(notes()).toEqual(["a", "a"]);
    });

    it("are replaced by a rename: who has the old file open keeps it whole", () => {
        mkdirSync(at("etc"));
        writeFileSync(at("etc/a"), "old");
        const inode = statSync(at("etc/a")).ino;
        apply({ path: "/etc/a", content: "new" });
        expect(statSync(at("etc/a")).ino).not.toBe(inode);
        expect(readdirSync(at("etc"))).toEqual(["a"]);
    });

    it("keep text of any alphabet byte for byte", () => {
        apply({ path: "/etc/a", content: "Ω – ключ\n\ttab" });
        expect(read("etc/a")).toBe("Ω – ключ\n\ttab");
        expect(apply({ path: "/etc/a", content: "Ω – ключ\n\ttab" }).stdout).toBe("0 of 1 files changed\n");
    });

    it("never show their content", () => {
        const { stdout, stderr } = apply({ path: "/etc/a", content: "TopSecret", onChange: ["false"] });
        expect(stdout + stderr).not.toContain("TopSecret");
    });
});

describe("commands", () => {
    it("run once each, in the order of the files, after all files are in place", () => {
        const both = `cat ${root}/etc/a ${root}/etc/b >>${root}/notes`;
        apply(
            { path: "/etc/a", content: "A\n", onChange: [both, note("second")] },
            { path: "/etc/b", content: "B\n", onChange: [note("second"), note("third")] },
        );
        expect(notes()).toEqual(["A", "B", "second", "third"]);
    });

    it("run in a shell that stops at the first failure", () => {
        const result = apply({ path: "/etc/a", content: "x", onChange: [`false; ${note("went on")}`] });
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/^apply: a command failed with status 1: false; /);
        expect(notes()).toEqual([]);
    });

    it("that failed run again although the files are right by then, and those before them too", () => {
        const files = [
            { path: "/etc/a", content: "x", onChange: [note("first")] },
            { path: "/etc/b", content: "x", onChange: [`test -e ${root}/mended`, note("after")] },
        ];
        expect(apply(...files).status).toBe(1);
        expect(notes()).toEqual(["first"]);
        expect(apply(...files)).toMatchObject({ status: 1 });
        writeFileSync(at("mended"), "");
        expect(apply(...files)).toMatchObject({ status: 0 });
        expect(notes()).toEqual(["first", "first", "first", "after"]);
        expect(existsSync(at(PENDING))).toBe(false);
        expect(apply(...files).stdout).toBe("0 of 2 files changed\n");
        expect(notes()).toHaveLength(4);
    });

    it("of a run that was killed are completed by the next one, together with its own", () => {
        const killer = { path: "/etc/a", content: "x", onChange: ["kill -9 $PPID", note("of the killed run")] };
        expect(apply(killer).status).toBe(null);
        expect(JSON.parse(read(PENDING))).toEqual(killer.onChange);
        writeFileSync(at(PENDING), JSON.stringify([note("of the killed run")]));
        apply(killer, { path: "/etc/b", content: "new", onChange: [note("of this run")] });
        expect(notes()).toEqual(["of the killed run", "of this run"]);
    });

    it("are on record before the first file is replaced", () => {
        // The second file cannot be written, since the first stands where its folder should: the run dies between them.
        const first = { path: "/etc/a", content: "x", onChange: [note("a")] };
        expect(apply(first, { path: "/etc/a/b", content: "x" }).status).toBe(1);
        expect(read("etc/a")).toBe("x");
        expect(notes()).toEqual([]);
        expect(apply(first)).toMatchObject({ status: 0, stdout: expect.stringContaining("0 of 1 files changed") });
        expect(notes()).toEqual(["a"]);
        expect(readdirSync(at("etc"))).toEqual(["a"]);
    });

    it("are kept from other users while they are pending", () => {
        apply({ path: "/etc/a", content: "x", onChange: ["false"] });
        expect(statSync(at(PENDING)).mode & 0o7777).toBe(0o600);
    });
});
