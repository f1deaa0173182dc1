import { beforeAll, describe, expect, test } from "vitest";

import { powerOff } from "../../stand/machines/machine.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "./support/sql.ts";
import { eventually, local, machineId, members, onMachine, pulumi, site, stackOutputs } from "./support/stand.ts";

/** Database nodes that are lost for good, and a cluster that grows and shrinks; its rows must survive all of it. */
let readWrite: string;

clusterUp();
beforeAll(async () => {
    readWrite = (await stackOutputs()).connections[0]!.readWrite;
    await sql(readWrite, "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 1000)");
});

/** Every node has the rows, streams or leads, and is a healthy member of etcd; nobody else is. */
async function expectWhole(names: readonly string[]): Promise<void> {
    // Patroni forgets a node when its lease has ended.
    const found = await eventually(60, members, (all) => all.length === names.length);
    expect(found.map(({ Member }) => Member).sort()).toEqual(names);
    expect(found.map(({ State }) => State).sort()).toEqual(["running", ...names.slice(1).map(() => "streaming")]);
    const etcd = (await onMachine("db-1", "bash", "-lc", "etcdctl member list")).trim().split("\n").map((line) => line.split(", "));
    expect(etcd.map(([, status, name, , clientUrl]) => [name, status, clientUrl !== ""]).sort()).toEqual(names.map((name) => [name, "started", true]));
    for (const name of names) {
        expect(await onMachine(name, "bash", "-lc", "psql --tuples-only --no-align --dbname=app --command='SELECT count(*), sum(id) FROM kept'")).toBe("1000|500500\n");
    }
}

const nodes = (count: number) => Array.from({ length: count }, (_, index) => `main-db-${index + 1}`);
const leader = async () => (await members()).find(({ Role }) => Role === "Leader")!.Member;

describe("a database node that is lost for good", () => {
    test("is made anew and takes its data disk over", async () => {
        const lost = await leader();
        await powerOff(site, machineId(lost));
        const { exitCode, output } = await pulumi("up", "--yes", "--skip-preview", "--stack", "local", "--replace", `**:ComputeInstance::${lost}`);
        expect(exitCode, output.slice(-3000)).toBe(0);
        await expectWhole(nodes(3));
    });

    test("is made anew with its disk", async () => {
        await powerOff(site, machineId("db-3"));
        const { exitCode, output } = await pulumi("destroy", "--yes", "--skip-preview", "--stack", "local", "--target", "**:ComputeDisk::main-db-3-data", "--target-dependents");
        expect(exitCode, output.slice(-3000)).toBe(0);
        await local();
        await expectWhole(nodes(3));
    });
});

describe("the number of database nodes", () => {
    const configure = async (count: number) => expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:databaseNodes", `${count}`)).exitCode).toBe(0);

    test("grows to five", async () => {
        const boots = await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished");
        await configure(5);
        await local();
        await expectWhole(nodes(5));
        expect(await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished")).toBe(boots);
    });

    test("goes back to three, and the lead with it", async () => {
        await onMachine("db-1", "patronictl", "-c", "/etc/patroni", "switchover", "--leader", await leader(), "--candidate", "main-db-5", "--force");
        await configure(3);
        await local();
        expect(nodes(3)).toContain(await leader());
        expect((await onMachine("db-1", "bash", "-lc", "etcdctl member list")).trim().split("\n")).toHaveLength(3);
        await sql(readWrite, "INSERT INTO kept VALUES (1001); DELETE FROM kept WHERE id = 1001");
        await expectWhole(nodes(3));
    });
});
