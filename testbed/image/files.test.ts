import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyTree, fingerprint, listTree } from "./files.ts";

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "files-"));
    mkdirSync(join(folder, "tree/deep"), { recursive: true });
    writeFileSync(join(folder, "tree/deep/plain"), "text", { mode: 0o664 });
    writeFileSync(join(folder, "tree/program"), "text", { mode: 0o775 });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("fingerprint", () => {
    const id = (values: unknown[] = []) => fingerprint({ paths: [join(folder, "tree")], values });

    it("is the same for the same inputs", () => {
        expect(id(["a"])).toBe(id(["a"]));
        expect(id()).toMatch(/^[0-9a-f]{12}$/);
    });

    it("changes with a content, a name, an execute bit and a value", () => {
        const seen = new Set([id(), id(["value"])]);
        writeFileSync(join(folder, "tree/deep/plain"), "other");
        seen.add(id());
        writeFileSync(join(folder, "tree/deep/another"), "");
        seen.add(id());
        chmodSync(join(folder, "tree/deep/another"), 0o755);
        seen.add(id());
        expect(seen.size).toBe(5);
    });

    it("does not depend on the bits that a checkout's umask sets", () => {
        const before = id();
        chmodSync(join(folder, "tree/deep/plain"), 0o600);
        expect(id()).toBe(before);
    });
});

describe("copyTree", () => {
    it("copies over a root with modes 0755 and 0644", () => {
        copyTree(join(folder, "tree"), join(folder, "root"));
        expect(listTree(join(folder, "root"))).toEqual(["/deep/plain", "/program"]);
        expect(statSync(join(folder, "root/deep/plain")).mode & 0o777).toBe(0o644);
        expect(statSync(join(folder, "root/program")).mode & 0o777).toBe(0o755);
    });
});
