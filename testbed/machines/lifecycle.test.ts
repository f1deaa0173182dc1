import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { codeVersion } from "../code-version.ts";
import { startDaemon, takeDown } from "./lifecycle.ts";
import { namespacesWithPrefix } from "./namespaces.ts";
import { askDaemon, ownerOf } from "./ownership.ts";
import { waitFor } from "./run.ts";
import { testSite } from "./testing.ts";

describe.runIf(process.getuid?.() === 0)("the daemon", { timeout: 120_000 }, () => {
    const base = testSite();
    // A prefix of its own, because another test file can have a testbed in the same process.
    const site = { ...base, prefix: `${base.prefix}d` };
    const testbed = join(import.meta.dirname, "..");
    const anyPort = "0";
    const command = [process.execPath, join(testbed, "daemon.ts"), site.folder, site.prefix, anyPort, "127.76.0"];

    /** Holds the lock as daemons did before they had a version. */
    const oldDaemon = `
        const [, name, folder] = process.argv;
        require("node:net")
            .createServer((socket) => socket.end(JSON.stringify({ pid: process.pid, folder, ready: true })))
            .listen("\\0" + name);`;

    afterAll(async () => {
        await takeDown(site);
        rmSync(site.folder, { recursive: true, force: true });
    });

    test("starts once on a host", async () => {
        expect(await startDaemon(site, command)).toBe(true);
        expect(await startDaemon(site, command)).toBe(false);
        const other = { ...site, folder: testbed };
        await expect(startDaemon(other, command)).rejects.toThrow(
            `this host's testbed belongs to ${site.folder}; take it down there first`,
        );
        await expect(takeDown(other)).rejects.toThrow(`this host's testbed belongs to ${site.folder}`);
    });

    test.each(["testbed", "stand"])("a daemon of another version, as %s, is replaced", async (generation) => {
        await takeDown(site);
        const old = spawn(process.execPath, ["-e", oldDaemon, `${site.prefix}-${generation}`, site.folder], {
            stdio: "ignore",
        });
        try {
            expect(await waitFor(5, async () => (await askDaemon(site))?.pid)).toBe(old.pid);
            expect(await startDaemon(site, command)).toBe(true);
            expect(old.signalCode).toBe("SIGTERM");
            expect((await askDaemon(site))?.version).toBe(codeVersion());
        } finally {
            old.kill("SIGKILL");
        }
    });

    test("a new daemon replaces a killed one", async () => {
        const first = await askDaemon(site);
        process.kill(first?.pid as number, "SIGKILL");
        expect(await waitFor(5, async () => ((await askDaemon(site)) ? undefined : true))).toBe(true);
        expect(await startDaemon(site, command)).toBe(true);
        expect((await askDaemon(site))?.pid).not.toBe(first?.pid);
    });

    describe("when daemon and machines were killed", () => {
        const other = { ...site, folder: mkdtempSync(join(tmpdir(), "testbed-machines-")) };
        const otherCommand = command.map((argument) => (argument === site.folder ? other.folder : argument));
        afterAll(() => rmSync(other.folder, { recursive: true, force: true }));

        beforeEach(async () => {
            await startDaemon(site, command);
            process.kill((await askDaemon(site))?.pid as number, "SIGKILL");
            expect(await waitFor(5, async () => ((await askDaemon(site)) ? undefined : true))).toBe(true);
        });

        test("another clone's testbed takes over the prefix", async () => {
            expect(await startDaemon(other, otherCommand)).toBe(true);
            expect((await askDaemon(other))?.folder).toBe(other.folder);
            await expect(startDaemon(site, command)).rejects.toThrow(`this host's testbed belongs to ${other.folder}`);
            await takeDown(other);
        });

        test("another clone clears it away", async () => {
            expect(ownerOf(other)).toBe(site.folder);
            await takeDown(other);
            expect(ownerOf(other)).toBeUndefined();
            expect(namespacesWithPrefix(site.prefix)).toEqual([]);
        });
    });

    test("starts again after it was cleared away", async () => {
        expect(await startDaemon(site, command)).toBe(true);
    });

    test("goes down without leaving anything, and only once", async () => {
        await takeDown(site);
        expect(await askDaemon(site)).toBeUndefined();
        expect(namespacesWithPrefix(site.prefix)).toEqual([]);
        await takeDown(site);
    });

    test("a daemon that fails reports the reason", async () => {
        await expect(startDaemon(site, [process.execPath, "-e", "throw new Error('no luck')"])).rejects.toThrow(
            "no luck",
        );
    });
});
