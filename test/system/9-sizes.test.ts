import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { attempt } from "../../testbed/machines/run.ts";
import { away, watchAbsences } from "../../local/absences.ts";
import { local, pulumi, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { folder } from "../../local/this-testbed.ts";
import { acknowledgements, length, longestGap } from "../../local/workload/gaps.ts";
import { verify } from "../../local/workload/verification.ts";
import { Workload } from "../../local/workload/workload.ts";
import { killedUp } from "../../local/killed-up.ts";
import { clusterUp } from "./support/what-is-up.ts";

/** Machines that get another size, for which each is stopped, or another boot disk, for which each is made anew. */
clusterUp();

const nodes = ["main-db-1", "main-db-2", "main-db-3"];
const GIB = 1024 ** 3;

interface Tables {
    readonly instances: readonly {
        readonly name: string;
        readonly resources: { readonly memory: string | number };
        readonly bootDisk: { readonly diskId: string };
        readonly secondaryDisks: readonly { readonly diskId: string }[];
    }[];
    readonly disks: readonly { readonly id: string; readonly size: string | number }[];
}

/** The database nodes as the cloud has them. */
function machines() {
    const { tables } = JSON.parse(readFileSync(join(folder, "cloud.json"), "utf8")) as { tables: Tables };
    return nodes.map((node) => {
        const { resources, bootDisk, secondaryDisks } = tables.instances.find(({ name }) => name === node)!;
        return {
            memoryGib: Number(resources.memory) / GIB,
            bootDiskGib: Number(tables.disks.find(({ id }) => id === bootDisk.diskId)!.size) / GIB,
            dataDisks: secondaryDisks.map(({ diskId }) => diskId),
        };
    });
}
const memoryGib = () => machines().map((machine) => machine.memoryGib);

const memory = (gib: string) => pulumi("config", "set", "--stack", "local", "postgres-ha:databaseMemoryGib", gib);

test("one up changes machine after machine, also after an up that was killed, and no acknowledged row is lost", async () => {
    const outputs = await stackOutputs();
    const workload = await Workload.start(outputs, 900);
    const from = workload.attempts.at(-1)!.ended;
    const stopWatching = watchAbsences();
    try {
        expect((await memory("4")).exitCode).toBe(0);
        const { output: preview } = await pulumi("preview", "--stack", "local");
        for (const name of nodes)
            expect(preview).toContain(
                `${name} is stopped and started for another size (resources): machine after machine`,
            );

        // Killed while the first machine is stopped: nobody starts it, and the provider has no way to.
        await killedUp("ComputeInstance main-db-", async () => {
            await eventually(60, away, (names) => names.length > 0, 0.1);
        });
        const [stopped] = await away();
        expect((await pulumi("cancel", "--yes", "--stack", "local")).exitCode).toBe(0);
        const refused = await pulumi("up", "--yes", "--skip-preview", "--stack", "local");
        expect(refused.exitCode).not.toBe(0);
        expect(refused.output).toContain(
            `${stopped} is stopped in the cloud. Start it (yc compute instance start ${stopped})`,
        );
        expect(await away()).toEqual([stopped]);

        expect(await attempt("tools/run", ["node", "local/testbed.ts", "cloud-start", stopped!])).toMatchObject({
            exitCode: 0,
        });
        expect(await local()).toContain("every promise was checked");
        expect(memoryGib()).toEqual([4, 4, 4]);

        // Less memory: each node gets its configuration before it is stopped.
        expect((await memory("2")).exitCode).toBe(0);
        expect(await local()).toContain("every promise was checked");
        expect(memoryGib()).toEqual([2, 2, 2]);
        expect(await local()).not.toMatch(/updated|replaced|created/);
    } finally {
        await memory("2");
    }
    const absences = await stopWatching();
    const to = workload.attempts.at(-1)!.ended;
    const attempts = await workload.stop();
    // Every absence is of one machine. There may be more than six, because the killed `up` is repeated.
    expect(absences.filter((names) => names.length > 1)).toEqual([]);
    expect(absences.length).toBeGreaterThanOrEqual(6);
    expect(await verify(outputs, attempts)).toMatchObject({ lost: 0, duplicated: 0, replicasDiffer: 0 });
    // As after any switchover; the benchmark has the figures.
    expect(length(longestGap(acknowledgements(attempts, "write"), { from, to })) / 1000).toBeLessThan(15);
});

const bootDisk = (gib: string) =>
    pulumi("config", "set", "--stack", "local", "postgres-ha:databaseBootDiskSizeGib", gib);

test("one up makes machine after machine anew, also after an up that was killed: each keeps its data disk, and no acknowledged row is lost", async () => {
    const outputs = await stackOutputs();
    const before = machines();
    const from = before[0]!.bootDiskGib;
    const workload = await Workload.start(outputs, 900);
    const begun = workload.attempts.at(-1)!.ended;
    const stopWatching = watchAbsences();
    expect((await bootDisk(String(from + 1))).exitCode).toBe(0);

    // Killed when the first machine is gone, or about to be.
    await killedUp("ComputeInstance main-db-", async () => {
        await eventually(60, away, (names) => names.length > 0, 0.1);
    });
    expect(await local()).toContain("every promise was checked");
    expect(machines()).toEqual(before.map((machine) => ({ ...machine, bootDiskGib: from + 1 })));
    expect(await local()).not.toMatch(/updated|replaced|created/);

    const absences = await stopWatching();
    const to = workload.attempts.at(-1)!.ended;
    const attempts = await workload.stop();
    expect(absences.filter((names) => names.length > 1)).toEqual([]);
    expect([...new Set(absences.flat())].sort()).toEqual(nodes);
    expect(await verify(outputs, attempts)).toMatchObject({ lost: 0, duplicated: 0, replicasDiffer: 0 });
    // As after any switchover; the benchmark has the figures.
    expect(length(longestGap(acknowledgements(attempts, "write"), { from: begun, to })) / 1000).toBeLessThan(15);
});
