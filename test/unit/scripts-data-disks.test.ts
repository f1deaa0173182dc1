/** format-data-disk.py on disks in files, judged by e2fsprogs and by cloud-init's own disk_setup. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { machineOf, renderCluster } from "../support/rendered-cluster.ts";
import { installedScript, scriptSources } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

const MIB = 1024 ** 2;

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postgres-ha-disk-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A sparse file, as large as the testbed's data disks. */
function disk(sizeMib = 10 * 1024): string {
    const path = join(folder, "disk");
    const file = openSync(path, "w");
    ftruncateSync(file, sizeMib * MIB);
    closeSync(file);
    return path;
}
function write(path: string, offset: number, bytes: Buffer): void {
    const file = openSync(path, "r+");
    writeSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
}
function read(path: string, offset: number, length: number): Buffer {
    const file = openSync(path, "r");
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, offset);
    closeSync(file);
    return bytes;
}
const format = (path: string) => {
    const { status, stdout, stderr } = spawnSync(
        "/usr/bin/python3",
        ["-B", join(scriptSources, "format-data-disk.py"), path, "pgdata"],
        { encoding: "utf8" },
    );
    return { status, stdout, stderr };
};
const mkfs = (path: string, ...options: string[]) => execFileSync("mkfs.ext4", ["-q", "-F", ...options, path]);
const superblock = (path: string, field: string) =>
    new RegExp(`^${field}: *(.*)$`, "m").exec(
        execFileSync("dumpe2fs", ["-h", path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    )![1];

describe("format-data-disk", () => {
    it("makes a file system on a disk that was never written to", () => {
        const path = disk();
        expect(format(path)).toMatchObject({ status: 0, stdout: `${path} was empty: it has a new file system\n` });
        expect(superblock(path, "Filesystem volume name")).toBe("pgdata");
    });

    it.each([
        ["with the same label", ["-L", "pgdata"]],
        ["with another label", ["-L", "other"]],
        ["without a label", []],
    ])("keeps an ext4 file system %s", (_, options) => {
        const path = disk();
        mkfs(path, ...options);
        const before = superblock(path, "Filesystem UUID");
        expect(format(path)).toMatchObject({ status: 0, stdout: `${path} has an ext4 file system: it is kept\n` });
        expect(superblock(path, "Filesystem UUID")).toBe(before);
    });

    it("leaves a file system whose beginning is lost to who can repair it, and says how", () => {
        const path = disk();
        mkfs(path);
        write(path, 0, Buffer.alloc(16 * MIB));
        const { status, stderr } = format(path);
        expect(status).toBe(1);
        expect(stderr).toMatch(
            /has data at byte \d+ and no file system that can be read\. Nothing was written to it, and no service starts without it\./,
        );
        expect(stderr).toContain(`sudo fsck.ext4 ${path}`);
        expect(stderr).toContain(`sudo mkfs.ext4 -L pgdata ${path}`);
        // It can be: the superblock's copy in the second group of blocks is still there.
        expect(read(path, 128 * MIB + 0x38, 2).toString("hex")).toBe("53ef");
    });

    it.each([
        ["a single byte within the first 16 MiB", 12 * MIB + 7],
        ["a partition table's copy at its end", 10 * 1024 * MIB - 512],
    ])("does not touch a disk with %s", (_, offset) => {
        const path = disk();
        write(path, offset, Buffer.from("data"));
        expect(format(path).status).toBe(1);
        expect(read(path, offset, 4).toString()).toBe("data");
        expect(spawnSync("blkid", ["--probe", path]).status).toBe(2); // nothing found
    });

    it("does not touch another kind of file system or a partition table", () => {
        const path = disk(64);
        execFileSync("mkswap", [path], { stdio: "ignore" });
        const before = readFileSync(path);
        expect(format(path)).toMatchObject({
            status: 1,
            stderr: expect.stringContaining("has swap, not ext4") as string,
        });
        expect(readFileSync(path).equals(before)).toBe(true);
    });

    it("reads little of a large disk", () => {
        const path = disk(4096 * 1024);
        const started = Date.now();
        expect(
            spawnSync(
                "/usr/bin/python3",
                [
                    "-B",
                    "-c",
                    `import importlib.util, sys
spec = importlib.util.spec_from_file_location("script", sys.argv[1]); module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
total = sum(length for _, length in module.ranges(4096 * 1024**3)); print(total // 1024**2, module.first_written(sys.argv[2]))`,
                    join(scriptSources, "format-data-disk.py"),
                    path,
                ],
                { encoding: "utf8" },
            ).stdout,
        ).toMatch(/^(7\d|8\d) None\n$/);
        expect(Date.now() - started).toBeLessThan(30_000);
    });
});

describe("cloud-init, as the user-data asks it to", () => {
    let scratch: ScratchMachine;
    beforeEach(() => {
        scratch = new ScratchMachine();
        scratch.write(installedScript("format-data-disk.py"));
    });
    afterEach(() => scratch.remove());

    it("formats an empty disk once, and keeps it ever after", async () => {
        const [stanza] = parse(machineOf(renderCluster(), "database").userData).fs_setup;
        const setUp = `python3 -c 'import json, sys
from cloudinit.config import cc_disk_setup
cc_disk_setup.mkfs(json.loads(sys.argv[1]))' '${JSON.stringify({ ...stanza, device: "/tmp/disk" })}'`;
        const uuid = "blkid --probe --output value --match-tag UUID /tmp/disk";
        const result = await scratch.bash(`truncate --size=1G /tmp/disk; ${setUp}; ${uuid}; ${setUp}; ${uuid}`);
        expect(result.status, result.output).toBe(0);
        const uuids = result.stdout.trim().split("\n");
        expect(uuids).toHaveLength(2);
        expect(uuids[0]).toMatch(/^[0-9a-f-]{36}$/);
        expect(uuids[1]).toBe(uuids[0]);
    });
});
