import { beforeAll, describe, expect, test } from "vitest";

import { Cluster } from "../../local/cluster.ts";
import { faultNamed } from "../../local/faults/index.ts";
import { runFault } from "../../local/faults/run-fault.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { machineId, onMachine, superuserSql } from "../../local/machines.ts";
import type { Outputs } from "../../local/outputs.ts";
import { site } from "../../local/this-testbed.ts";
import { addFault, addressOf, healAll } from "../../testbed/machines/fault-control.ts";

/**
 * One run of each of the most important faults. Asserted exactly: no acknowledged row is lost or there twice, no
 * refused row is there, all nodes agree, and the cluster becomes whole by itself. Times depend on the computer, so
 * they only have generous limits here; `npm run bench -- faults` measures them.
 */
let outputs: Outputs;

clusterUp();
beforeAll(async () => {
    outputs = await stackOutputs();
});

interface Expectation {
    readonly fault: string;
    /** Whether another node becomes leader. Absent if both outcomes are right. */
    readonly leaderMoves?: boolean;
    readonly writeGapSeconds: number;
    /** Limit of the time without reads: a fault can take away all replicas. */
    readonly readGapSeconds: number;
}

const expectations: readonly Expectation[] = [
    { fault: "switchover", leaderMoves: true, writeGapSeconds: 15, readGapSeconds: 10 },
    { fault: "postgres-killed", writeGapSeconds: 30, readGapSeconds: 10 },
    { fault: "patroni-killed", leaderMoves: false, writeGapSeconds: 20, readGapSeconds: 10 },
    { fault: "pgbouncer-killed", leaderMoves: false, writeGapSeconds: 10, readGapSeconds: 5 },
    { fault: "pgbouncer-hung", leaderMoves: false, writeGapSeconds: 30, readGapSeconds: 10 },
    { fault: "haproxy-killed", leaderMoves: false, writeGapSeconds: 10, readGapSeconds: 10 },
    { fault: "etcd-member-lost", leaderMoves: false, writeGapSeconds: 10, readGapSeconds: 10 },
    { fault: "replica-power-loss", leaderMoves: false, writeGapSeconds: 10, readGapSeconds: 15 },
    { fault: "leader-freeze-10s", leaderMoves: false, writeGapSeconds: 30, readGapSeconds: 15 },
    { fault: "leader-power-loss", leaderMoves: true, writeGapSeconds: 60, readGapSeconds: 15 },
    // Replicas that are so far behind get no reads until one of them is the leader.
    { fault: "leader-power-loss-ahead", leaderMoves: true, writeGapSeconds: 60, readGapSeconds: 60 },
    { fault: "disk-full", leaderMoves: true, writeGapSeconds: 60, readGapSeconds: 15 },
    { fault: "wal-held-by-dead-replica", leaderMoves: false, writeGapSeconds: 15, readGapSeconds: 15 },
];

describe("no acknowledged write is lost, and the cluster becomes whole again:", () => {
    test.each(expectations)("$fault", async ({ fault, leaderMoves, writeGapSeconds, readGapSeconds }) => {
        const { result } = await runFault(faultNamed(fault), outputs);
        expect(result).toMatchObject({ lost: 0, duplicated: 0, resurrected: 0, replicasDiffer: 0 });
        expect(result.acknowledged).toBeGreaterThan(100);
        if (leaderMoves !== undefined) expect(result.leaderMoved).toBe(leaderMoves);
        expect(result.writeGapSeconds).toBeLessThan(writeGapSeconds);
        expect(result.readGapSeconds).toBeLessThan(readGapSeconds);
    });
});

test("no node asked the lost leader during the leader race, and all can reach it again now", async () => {
    const journals = await Promise.all(
        outputs.nodes
            .filter(({ hostname }) => /-db-\d+$/.test(hostname))
            .map(async ({ hostname }) => ({
                patroni: await onMachine(hostname, "journalctl", "--unit=patroni", "--output=cat", "--no-pager"),
                guard: await onMachine(
                    hostname,
                    "journalctl",
                    "--unit=unreachable-peers",
                    "--output=cat",
                    "--no-pager",
                ),
                refused: await onMachine(hostname, "nft", "list", "set", "inet", "unreachable_peers", "addresses"),
            })),
    );
    const survivors = journals.filter(({ guard }) =>
        /does not answer: connections to its Patroni are refused here/.test(guard),
    );
    expect(survivors.length).toBeGreaterThanOrEqual(2);
    for (const { guard } of survivors) expect(guard).toMatch(/answers again/);
    expect(survivors.some(({ patroni }) => /Request failed to main-db-\d.*Connection refused/.test(patroni))).toBe(
        true,
    );
    for (const { refused } of journals) expect(refused).not.toContain("elements");
});

test("the multi-host string skips a node whose PostgreSQL is down, and the node serves again afterwards", async () => {
    const { multiHost } = outputs.connections[0]!;
    const db1 = multiHost.replace(/,[^/]*/, "").replace("read-write", "any");
    const whoAnswers = "SELECT pg_is_in_recovery()";
    const patronictl = (...args: string[]) => onMachine("db-2", "patronictl", "-c", "/etc/patroni", ...args);
    const cluster = new Cluster(outputs);
    await cluster.moveLeader("main-db-2");
    await patronictl("pause", "--wait");
    try {
        await onMachine(
            "db-1",
            "bash",
            "-c",
            "sudo -u postgres /usr/pgsql-17/bin/pg_ctl stop --pgdata=/var/lib/pgsql/17/data --mode=immediate",
        );
        // Until pgbouncer-guard stops its pooler, db-1 answers clients with an error, and libpq tries no other host then.
        await eventually(
            15,
            () => sql(db1, whoAnswers).catch(String),
            (answer) => answer.includes("Connection refused"),
        );
        expect(await sql(multiHost, whoAnswers)).toBe("f");
    } finally {
        await patronictl("resume", "--wait");
    }
    await cluster.whole(60);
    expect(
        await eventually(
            5,
            () => sql(db1, whoAnswers),
            (answer) => answer === "t",
        ),
    ).toBe("t");
});

describe("with the multi-host string a node that is silent, instead of refusing,", () => {
    const silent = (name: string) => addFault(site, { kind: "cut", from: [addressOf(site, machineId(name))] });

    test("costs a new connection seconds", async () => {
        const cluster = new Cluster(outputs);
        await cluster.moveLeader("main-db-3");
        await silent("main-db-1");
        try {
            const began = performance.now();
            expect(await sql(outputs.connections[0]!.multiHost, "SELECT pg_is_in_recovery()")).toBe("f");
            // libpq waits 3 s for it; the kernel would wait for more than two minutes.
            expect(performance.now() - began).toBeLessThan(15_000);
        } finally {
            await healAll(site);
            await cluster.whole(120, 4);
        }
    });

    test("ends a statement that runs there", async () => {
        const cluster = new Cluster(outputs);
        const { leader } = await cluster.roles();
        const statement = "SELECT 'asleep', pg_sleep(55)";
        const sleeping = sql(outputs.connections[0]!.multiHost, statement).catch(String);
        const sessions = `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT ''asleep''%'`;
        await eventually(
            10,
            () => superuserSql(leader, sessions),
            (count) => count === "1",
        );
        await silent(leader);
        try {
            const began = performance.now();
            expect(await sleeping).toMatch(/Connection timed out|could not receive data from server/);
            expect(performance.now() - began).toBeLessThan(30_000);
        } finally {
            await healAll(site);
            await cluster.whole(120, 4);
        }
    });
});
