import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { eventually } from "../../local/eventually.ts";
import { mustRun } from "../../local/commands.ts";
import { apiPort, folder, publicNetwork, site } from "../../local/this-testbed.ts";
import { nothingUp } from "./support/what-is-up.ts";
import { leftovers } from "./support/leftovers.ts";

/** The other tests conclude from `leftovers` that a testbed left nothing. So each kind of thing is left here once. */
nothingUp();

/** A number that no testbed can have, so that its names belong to no testbed that may run now. */
const otherPrefix = "pgha0";
const machineId = "0123456789abcdefghij";

const started = (command: string, ...args: string[]) => {
    const child = spawn(command, args, { stdio: "ignore" });
    return () =>
        new Promise<void>((resolve) => {
            child.once("exit", () => resolve());
            child.kill("SIGKILL");
        });
};

const listening = async (path: string | { host: string; port: number }) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return () => new Promise<void>((resolve) => server.close(() => resolve()));
};

/** `ip netns` leaves its folder mounted; other testbeds may have namespaces in it. */
const removeEmptyNetns = '[ -n "$(ls /run/netns)" ] || { umount /run/netns; rmdir /run/netns; }';

type Remove = () => unknown;

/** Leaves something behind. @returns what removes it again */
const kinds: Readonly<Record<string, (prefix: string, inFolder: string) => Promise<Remove>>> = {
    namespace: async (prefix) => {
        await mustRun("ip", ["netns", "add", `${prefix}-left`]);
        return async () => {
            await mustRun("ip", ["netns", "delete", `${prefix}-left`]);
            await mustRun("sh", ["-c", removeEmptyNetns]);
        };
    },
    mount: async (_, inFolder) => {
        await mustRun("mount", ["-t", "tmpfs", "tmpfs", inFolder]);
        return () => mustRun("umount", [inFolder]);
    },
    "loop device": async (_, inFolder) => {
        const file = join(inFolder, "left.img");
        writeFileSync(file, "");
        await mustRun("truncate", ["--size=1M", file]);
        const device = (await mustRun("losetup", ["--find", "--show", file])).trim();
        return () => mustRun("losetup", ["--detach", device]);
    },
    "control group": async (prefix) => {
        const roots = (await mustRun("findmnt", ["--noheadings", "--types", "cgroup2", "--output", "TARGET"])).split(
            "\n",
        );
        const group = join(roots[0]!, prefix);
        mkdirSync(group);
        return () => mustRun("rmdir", [group]);
    },
    "process that names the folder": async (_, inFolder) => started("tail", "-f", "/dev/null", inFolder),
    "process that names the prefix": async (prefix) => started("bash", "-c", "sleep 60; true", `${prefix}-left`),
    "process of Pulumi": async (_, inFolder) =>
        started(
            "env",
            "-i",
            "POSTGRES_HA_PULUMI_RUN=left",
            `PULUMI_BACKEND_URL=file://${inFolder}/pulumi`,
            "sleep",
            "60",
        ),
    socket: async (prefix) => listening(`\0${prefix}-testbed`),
    "file in /run": async (prefix) => {
        writeFileSync(`/run/${prefix}-testbed`, "");
        return () => rmSync(`/run/${prefix}-testbed`);
    },
};

describe("leftovers", () => {
    test("are none before anything is up", async () => {
        expect(await leftovers()).toEqual([]);
    });

    test.each(Object.entries(kinds))("include a %s of this testbed, but none of another one", async (_, leave) => {
        const ownFolder = join(folder, "left");
        const otherFolder = mkdtempSync(join(tmpdir(), "postgres-ha-left-"));
        mkdirSync(ownFolder, { recursive: true });
        try {
            const removeOther = await leave(otherPrefix, otherFolder);
            try {
                expect(await leftovers()).toEqual([]);
            } finally {
                await removeOther();
            }
            const remove = await leave(site.prefix, ownFolder);
            try {
                const found = await eventually(5, leftovers, (all) => all.length > 0, 0.05);
                expect(found.length).toBeGreaterThan(0);
            } finally {
                await remove();
            }
            expect(await eventually(5, leftovers, (all) => all.length === 0, 0.05)).toEqual([]);
        } finally {
            for (const path of [ownFolder, otherFolder]) rmSync(path, { recursive: true, force: true });
        }
    });

    test("include a listener at the API's port, and one at a public address", async () => {
        for (const place of [
            { host: "127.0.0.1", port: apiPort },
            { host: `${publicNetwork}.2`, port: 22 },
        ]) {
            const close = await listening(place);
            expect(await leftovers()).toEqual([`listener ${place.host}:${place.port}`]);
            await close();
        }
        expect(await leftovers()).toEqual([]);
    });

    test("include an interface outside of all namespaces", async () => {
        await mustRun("ip", ["link", "add", "v01234567", "type", "veth", "peer", "name", "left1"]);
        try {
            expect(await leftovers()).toEqual(["interface v01234567"]);
        } finally {
            await mustRun("ip", ["link", "delete", "v01234567"]);
        }
    });

    test("include what systemd-nspawn keeps of a machine", async () => {
        const path = `/run/systemd/nspawn/propagate/${machineId}`;
        const isNew = !existsSync("/run/systemd/nspawn/propagate");
        mkdirSync(path, { recursive: true });
        try {
            expect(await leftovers([machineId])).toEqual([`file ${path}`]);
        } finally {
            rmSync(isNew ? "/run/systemd/nspawn/propagate" : path, { recursive: true });
        }
    });
});
