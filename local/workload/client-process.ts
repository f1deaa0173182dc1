/**
 * The process that plays the applications. It runs in a network of its own inside the testbed's cloud, reads a
 * WorkloadPlan from the first line of standard input, writes one Attempt a line to standard output, and ends with
 * standard input.
 */
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { ClientSession, isRolledBack, messageOf } from "./client-session.ts";
import { type Attempt, monotonicMilliseconds, table, type WorkloadPlan } from "./records.ts";

let stopped = false;

async function main(): Promise<void> {
    const lines = createInterface({ input: process.stdin });
    const first = await new Promise<string>((resolve) => lines.once("line", resolve));
    lines.once("close", () => (stopped = true));
    const plan = JSON.parse(first) as WorkloadPlan;
    setTimeout(() => (stopped = true), plan.deadlineSeconds * 1000).unref();
    await Promise.all([
        ...Array.from({ length: plan.writers }, (_, index) => run(plan, "write", index + 1)),
        ...Array.from({ length: plan.readers }, (_, index) => run(plan, "read", index + 1)),
    ]);
}

const statements = {
    write: `INSERT INTO ${table} (writer, sequence) VALUES ($1, $2)`,
    read: `SELECT pg_is_in_recovery() AS from_replica, EXISTS (SELECT FROM ${table}) AS found`,
};

async function run(plan: WorkloadPlan, kind: Attempt["kind"], client: number): Promise<void> {
    const session = new ClientSession(plan, plan[kind]);
    for (let sequence = 1; !stopped; sequence++) {
        const started = monotonicMilliseconds();
        const attempt = await session.query(statements[kind], kind === "write" ? [client, sequence] : []).then(
            (rows) => ({
                outcome: "acknowledged" as const,
                ...(kind === "read" ? { fromReplica: rows[0]?.["from_replica"] === true } : {}),
            }),
            (error: unknown) => ({
                outcome: isRolledBack(error) ? ("failed" as const) : ("unknown" as const),
                error: messageOf(error),
            }),
        );
        report({ kind, client, sequence, started, ended: monotonicMilliseconds(), ...attempt });
        await pause(attempt.outcome === "acknowledged" ? plan.pauseMilliseconds : plan.backoffMilliseconds);
    }
    session.drop();
}

function report(attempt: Attempt): void {
    process.stdout.write(`${JSON.stringify(attempt)}\n`);
}

main().then(
    () => process.exit(0),
    (error: unknown) => {
        console.error(error);
        process.exit(1);
    },
);
