import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

import { ports } from "../../cluster/names.ts";
import { addFault, addressOf, healAll } from "../../testbed/machines/fault-control.ts";
import { powerOff } from "../../testbed/machines/machine.ts";
import { paths } from "../../testbed/machines/names.ts";
import { findMachine } from "../../testbed/machines/records.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { local, pulumi, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { machineId, members, onMachine, switchover } from "../../local/machines.ts";
import { repository, site } from "../../local/this-testbed.ts";

/** Database nodes that are lost for good, and a cluster that grows and shrinks. The rows must survive everything. */
let readWrite: string;

clusterUp();
beforeAll(async () => {
    readWrite = (await stackOutputs()).connections[0]!.readWrite;
    await sql(readWrite, "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 1000)");
});

/** Asserts that exactly these nodes are members of Patroni and etcd, that one leads and the others stream, and that all have the rows. */
async function expectWhole(names: readonly string[]): Promise<void> {
    // Patroni removes a member when its lease has ended.
    const found = await eventually(60, members, (all) => all.length === names.length);
    expect(found.map(({ Member }) => Member).sort()).toEqual(names);
    expect(found.map(({ State }) => State).sort()).toEqual(["running", ...names.slice(1).map(() => "streaming")]);
    const etcd = (await onMachine("db-1", "bash", "-lc", "etcdctl member list"))
        .trim()
        .split("\n")
        .map((line) => line.split(", "));
    expect(etcd.map(([, status, name, , clientUrl]) => [name, status, clientUrl !== ""]).sort()).toEqual(
        names.map((name) => [name, "started", true]),
    );
    for (const name of names) {
        expect(
            await onMachine(
                name,
                "bash",
                "-lc",
                "psql --tuples-only --no-align --dbname=app --command='SELECT count(*), sum(id) FROM kept'",
            ),
        ).toBe("1000|500500\n");
    }
}

const nodes = (count: number) => Array.from({ length: count }, (_, index) => `main-db-${index + 1}`);
const leader = async () => (await members()).find(({ Role }) => Role === "Leader")!.Member;

/** Identifies a data disk, so that a copy with the same rows differs: its file system, and a file that no other node has. */
const fileSystem = async (name: string) =>
    (
        await onMachine(
            name,
            "bash",
            "-c",
            "blkid --probe --output value --match-tag UUID $(findmnt --noheadings --output SOURCE /var/lib/pgsql)",
        )
    ).trim();
const mark = (name: string) => onMachine(name, "bash", "-c", `echo ${name} >/var/lib/pgsql/only-here`);
const markOf = (name: string) => onMachine(name, "cat", "/var/lib/pgsql/only-here");

/** Sets readyTimeoutMinutes. */
const setReadyTimeout = async (minutes: number) =>
    expect(
        (await pulumi("config", "set", "--stack", "local", "postgres-ha:readyTimeoutMinutes", `${minutes}`)).exitCode,
    ).toBe(0);

/** `pulumi up` that replaces machines. */
const replace = (...names: readonly string[]) =>
    pulumi(
        "up",
        "--yes",
        "--skip-preview",
        "--stack",
        "local",
        ...names.flatMap((name) => ["--replace", `**:ComputeInstance::${name}`]),
    );

describe("a database node that is lost for good", () => {
    test("is replaced, and the new machine takes its data disk over", async () => {
        const lost = await leader();
        await mark(lost);
        const before = await fileSystem(lost);
        await powerOff(site, machineId(lost));
        const { exitCode, output } = await replace(lost);
        expect(exitCode, output.slice(-3000)).toBe(0);
        expect(await fileSystem(lost)).toBe(before);
        expect(await markOf(lost)).toBe(`${lost}\n`);
        await expectWhole(nodes(3));
    });

    test("with a data disk that lost its beginning changes nothing on it, and reports what can be done", async () => {
        await mark("main-db-3");
        const before = await fileSystem("main-db-3");
        const { diskId } = findMachine(site, "main-db-3").spec.disks.find(({ boot }) => !boot)!;
        await powerOff(site, machineId("main-db-3"));
        const image = openSync(paths.disk(site, diskId), "r+");
        writeSync(image, Buffer.alloc(4096));
        closeSync(image);
        const { exitCode, output } = await replace("main-db-3");
        expect(exitCode).not.toBe(0);
        expect(output).toMatch(/format-data-disk: \S+ has data at byte \d+ and no file system that can be read/);
        const [, repair] = /repair it: sudo (fsck\.ext4 \S+)/.exec(output)!;

        // Answers yes to all questions. The exit status 1 means that something was repaired.
        await onMachine("main-db-3", "bash", "-c", `${repair} -y || [ $? -eq 1 ]`);
        await local();
        expect(await fileSystem("main-db-3")).toBe(before);
        expect(await markOf("main-db-3")).toBe("main-db-3\n");
        await expectWhole(nodes(3));
    });

    test("is replaced together with its disk, and while the data is copied up says how far that is", async () => {
        const outputs = await stackOutputs();
        await sql(readWrite, "CREATE TABLE large AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 400000) i");
        await setReadyTimeout(1);
        // What carries the data, and nothing else: etcd stays quick.
        const from = [addressOf(site, machineId("db-3"))];
        await addFault(site, { kind: "latency", from, port: ports.postgresql, protocol: "tcp", milliseconds: 250 });
        await powerOff(site, machineId("db-3"));
        const { exitCode, output } = await pulumi(
            "destroy",
            "--yes",
            "--skip-preview",
            "--stack",
            "local",
            "--target",
            "**:ComputeDisk::main-db-3-data",
            "--target-dependents",
        );
        expect(exitCode, output.slice(-3000)).toBe(0);

        const unfinished = await pulumi("up", "--yes", "--skip-preview", "--stack", "local");
        expect(unfinished.exitCode).not.toBe(0);
        expect(unfinished.output).toMatch(/ s: main-db-3 is copying: [\d.]+ of [\d.]+ MiB, .* left\n/);
        expect(unfinished.output).toMatch(/not done yet after 60 s: main-db-3 is copying: .* Everything else is well/);
        expect(unfinished.output).not.toContain("not healthy");
        expect(await stackOutputs()).toEqual(outputs);

        await healAll(site);
        await setReadyTimeout(15);
        await sql(readWrite, "DROP TABLE large");
        await local();
        await expectWhole(nodes(3));
    });
});

describe("all database nodes replaced at once", () => {
    let before: string[];

    test("wait with their data for an administrator, instead of starting a new cluster", async () => {
        before = await Promise.all(nodes(3).map(fileSystem));
        await Promise.all(nodes(3).map(mark));
        await sql(readWrite, "INSERT INTO kept VALUES (1001)");
        // For as long as etcd waits here for members that may still be booting.
        await setReadyTimeout(1);
        const { exitCode, output } = await replace(...nodes(3));
        expect(exitCode).not.toBe(0);
        expect(output).toMatch(/main-db-\d\S*: etcd\.service is activating/);
        expect(output).toContain('If no node has etcd\'s data any more, see "All of etcd lost"');
        expect(await Promise.all(nodes(3).map(fileSystem))).toEqual(before);
        for (const name of nodes(3)) expect(await markOf(name)).toBe(`${name}\n`);
    });

    test("continue after the commands of docs/operations.md, with every row", async () => {
        const { onEach, onFirst, onOthers } = etcdLostCommands();
        const ends = await Promise.all(
            nodes(3).map(async (name) => ({
                name,
                end: (await onMachine(name, "bash", "-euc", onEach)).trim().split("\n").at(-1)!,
            })),
        );
        for (const { end } of ends) expect(end).toMatch(/^timeline [0-9]{8}, WAL up to [0-9A-F]{8}\/[0-9A-F]{8}$/);
        const [first, ...others] = ends.sort((a, b) => b.end.localeCompare(a.end)).map(({ name }) => name);
        await eventually(
            60,
            () => onMachine(first!, "bash", "-euc", onFirst),
            (list) => new RegExp(`${first} .* Leader `).test(list),
        );
        for (const name of others) await onMachine(name, "bash", "-euc", onOthers);
        await local();
        await setReadyTimeout(15);
        await sql(readWrite, "DELETE FROM kept WHERE id = 1001");
        await expectWhole(nodes(3));
        expect(await Promise.all(nodes(3).map(fileSystem))).toEqual(before);
    });
});

/** The commands of "All of etcd lost" in docs/operations.md, word by word. */
function etcdLostCommands(): { onEach: string; onFirst: string; onOthers: string } {
    const [, section] = /### All of etcd lost\n([\s\S]*?)\n## /.exec(
        readFileSync(join(repository, "docs/operations.md"), "utf8"),
    )!;
    const [onEach, onFirst] = [...section!.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands]) => commands!);
    const [, onOthers] = /On the \*\*others\*\*: `([^`]*)`/.exec(section!)!;
    return { onEach: onEach!, onFirst: onFirst!, onOthers: onOthers! };
}

describe("the number of database nodes", () => {
    const configure = async (count: number) =>
        expect(
            (await pulumi("config", "set", "--stack", "local", "postgres-ha:databaseNodes", `${count}`)).exitCode,
        ).toBe(0);

    test("grows to five", async () => {
        const boots = await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished");
        await configure(5);
        await local();
        await expectWhole(nodes(5));
        expect(await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished")).toBe(boots);
    });

    test("shrinks to three, and the leadership moves to one of them", async () => {
        await switchover("db-1", await leader(), "main-db-5");
        await configure(3);
        await local();
        expect(nodes(3)).toContain(await leader());
        expect((await onMachine("db-1", "bash", "-lc", "etcdctl member list")).trim().split("\n")).toHaveLength(3);
        await sql(readWrite, "INSERT INTO kept VALUES (1001); DELETE FROM kept WHERE id = 1001");
        await expectWhole(nodes(3));
    });
});
