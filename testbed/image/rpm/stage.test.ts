import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RpmPackage } from "./package.ts";
import { packagedPaths, stagePackage, targetPath } from "./stage.ts";

describe("targetPath", () => {
    it("never takes Debian's own packaging", () => {
        for (const path of [
            "/usr/share/doc/x/copyright",
            "/etc/init.d/x",
            "/etc/default/x",
            "/usr/lib/systemd/system/x.service",
        ]) {
            expect(targetPath(path, { packages: ["x"] })).toBeUndefined();
        }
        expect(targetPath("/usr/bin/x", { packages: ["x"] })).toBe("/usr/bin/x");
    });

    it("takes what fits, leaves out what does not, and moves by the first beginning that fits", () => {
        const debian = {
            packages: ["x"],
            take: [/^\/usr\/lib\/x\//],
            leave: [/\.bc$/],
            move: [
                ["/usr/lib/x/bin/", "/opt/bin/"],
                ["/usr/lib/x/", "/opt/"],
            ] as const,
        };
        expect(targetPath("/usr/lib/x/bin/tool", debian)).toBe("/opt/bin/tool");
        expect(targetPath("/usr/lib/x/share", debian)).toBe("/opt/share");
        expect(targetPath("/usr/lib/x/code.bc", debian)).toBeUndefined();
        expect(targetPath("/usr/bin/other", debian)).toBeUndefined();
    });
});

describe("stagePackage", () => {
    let folder: string;
    beforeEach(() => {
        folder = mkdtempSync(join(tmpdir(), "stage-"));
    });
    afterEach(() => rmSync(folder, { recursive: true }));
    const write = (path: string, text: string, mode: number) => {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text, { mode });
    };

    it("lays out Debian's files, the package's own, links and folders, with their permissions", () => {
        write("unpacked/x/usr/bin/tool", "binary", 0o755);
        write("unpacked/x/usr/share/doc/x/README", "left out", 0o644);
        symlinkSync("tool", join(folder, "unpacked/x/usr/bin/t"));
        write("files/etc/tool.conf", "own", 0o600);
        const rpm: RpmPackage = {
            name: "tool",
            repository: "baseos",
            summary: "A tool",
            debian: { packages: ["x"] },
            attributes: { "/etc/tool.conf": { mode: "0640", group: "tool" } },
            links: { "/etc/tool/tool.conf": "../tool.conf" },
            folders: { "/var/lib/tool": { mode: "0700", owner: "tool" } },
        };
        const stage = join(folder, "stage");
        stagePackage(rpm, join(folder, "unpacked"), join(folder, "files"), stage);

        expect(packagedPaths(rpm, stage)).toEqual([
            { path: "/etc/tool.conf", kind: "file", mode: "0640", owner: "root", group: "tool" },
            { path: "/etc/tool/tool.conf", kind: "link", mode: "0777", owner: "root", group: "root" },
            { path: "/usr/bin/t", kind: "link", mode: "0777", owner: "root", group: "root" },
            { path: "/usr/bin/tool", kind: "file", mode: "0755", owner: "root", group: "root" },
            { path: "/var/lib/tool", kind: "folder", mode: "0700", owner: "tool", group: "root" },
        ]);
        expect(readlinkSync(join(stage, "usr/bin/t"))).toBe("tool");
    });
});
