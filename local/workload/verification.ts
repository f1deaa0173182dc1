import { sql } from "../sql.ts";
import { ports } from "../../cluster/names.ts";
import { eventually } from "../eventually.ts";
import type { Outputs } from "../outputs.ts";
import { type Attempt, table } from "./records.ts";

/** The nodes' rows compared with the clients' acknowledgements. All counts but `acknowledged` must be 0. */
export interface Verification {
    readonly acknowledged: number;
    /** Acknowledged rows that are missing on the leader. */
    readonly lost: number;
    /** Rows that the leader has more than once. */
    readonly duplicated: number;
    /** Rows on the leader whose attempts certainly failed. */
    readonly resurrected: number;
    /** Rows that differ between the leader and the replica with the most differences. */
    readonly replicasDiffer: number;
}

/** Repeats a question, because PgBouncer answers its first client after an outage of PostgreSQL with the old error. */
const askNode = (uri: string, statement: string): Promise<string> =>
    eventually(
        10,
        () => sql(uri, statement),
        () => true,
    );

/** Compares every node, through its own PgBouncer, with the attempts. The workload must have ended. */
export async function verify(outputs: Outputs, attempts: readonly Attempt[]): Promise<Verification> {
    const nodes = outputs.nodes
        .filter(({ hostname }) => /-db-\d+$/.test(hostname))
        .map(({ fqdn }) => nodeUri(outputs, fqdn));
    const recovery = await Promise.all(
        nodes.map((uri) =>
            askNode(uri, "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), pg_current_wal_lsn())"),
        ),
    );
    const leaders = recovery.filter((line) => line.startsWith("f|"));
    if (leaders.length !== 1) throw new Error(`${leaders.length} nodes are out of recovery: ${recovery.join(" ")}`);
    const position = leaders[0]!.slice(2);

    const rows = await Promise.all(nodes.map((uri) => rowsOf(uri, position)));
    const leader = rows[recovery.findIndex((line) => line.startsWith("f|"))]!;
    const writes = attempts.filter(({ kind }) => kind === "write");
    const acknowledged = writes.filter(({ outcome }) => outcome === "acknowledged").map(key);
    return {
        acknowledged: acknowledged.length,
        lost: acknowledged.filter((row) => !leader.has(row)).length,
        duplicated: [...leader.values()].filter((count) => count > 1).length,
        resurrected: writes.filter(({ outcome }) => outcome === "failed").filter((attempt) => leader.has(key(attempt)))
            .length,
        replicasDiffer: Math.max(...rows.map((replica) => differences(leader, replica))),
    };
}

/** A connection string for one node, without the load balancer. */
function nodeUri(outputs: Outputs, fqdn: string): string {
    const { user, password, database } = outputs.connections[0]!;
    return `postgresql://${user}:${password}@${fqdn}:${ports.pgbouncer}/${database}?sslmode=verify-full`;
}

/** Counts each row on a node, after it has replayed the WAL up to a position. */
async function rowsOf(uri: string, position: string): Promise<Map<string, number>> {
    const replayed = `SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= '${position}'`;
    for (let attempt = 0; (await askNode(uri, replayed)) !== "t"; attempt++) {
        if (attempt === 60) throw new Error(`${uri.replace(/.*@/, "")} did not replay up to ${position}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const text = await askNode(uri, `SELECT writer || ' ' || sequence, count(*) FROM ${table} GROUP BY 1`);
    return new Map(
        text
            .split("\n")
            .filter(Boolean)
            .map((line) => line.split("|") as [string, string])
            .map(([row, count]) => [row, Number(count)]),
    );
}

const key = ({ client, sequence }: Attempt): string => `${client} ${sequence}`;

function differences(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
    return [...new Set([...one.keys(), ...other.keys()])].filter((row) => one.get(row) !== other.get(row)).length;
}
