/** Throughput through pooler and load balancer compared with PostgreSQL alone, and the cost of a synchronous commit. */
import { local, stackOutputs } from "../../local/commands.ts";
import type { Outputs } from "../../local/outputs.ts";
import { ports } from "../../cluster/names.ts";
import { Cluster } from "../../local/cluster.ts";
import { superuserSql } from "../../local/machines.ts";
import { addResult, readResults, writeResults } from "../results.ts";
import { type PgClient, withPgClient } from "./client.ts";
import { overSocket, withDirectAccess } from "./direct-access.ts";
import { type Measurement, parsePgbench, type PgbenchResult, plannedRound } from "./measurement.ts";

export interface PgbenchOptions {
    /** Duration of each run. */
    readonly seconds: number;
    readonly rounds: number;
    /** pgbench's scale: 100,000 accounts each. */
    readonly scale: number;
    /** Whether to keep the results of earlier rounds. */
    readonly add: boolean;
    /** No round starts after this time. */
    readonly limitSeconds?: number;
}

export const pgbenchResults = "pgbench";

const warmUpSeconds = 3;

/** A database for the measurement only. */
const database = "pgbench";

export async function benchPgbench({ seconds, rounds, scale, add, limitSeconds }: PgbenchOptions): Promise<void> {
    await local();
    const outputs = await stackOutputs();
    const cluster = new Cluster(outputs);
    await cluster.whole(120);
    const { leader, replicas } = await cluster.roles();
    const { user, password } = outputs.connections[0]!;
    const started = Date.now();
    await withPgClient(replicas[0]!, password, async (client) => {
        try {
            await superuserSql(leader, `CREATE DATABASE ${database} OWNER ${user}`);
            await withDirectAccess(leader, client.address, database, async () => {
                await client.run(
                    "pgbench",
                    [
                        "--initialize",
                        "--quiet",
                        `--scale=${scale}`,
                        target(outputs, leader, { way: "direct", tls: true }),
                    ],
                    { timeoutSeconds: 600 },
                );
                await superuserSql(leader, "CHECKPOINT");
                if (!add) writeResults<PgbenchResult>(pgbenchResults, []);
                for (let round = 1; round <= rounds; round++) {
                    if (limitSeconds !== undefined && Date.now() - started > limitSeconds * 1000)
                        return console.log(`stopped before round ${round}: the time limit is reached`);
                    for (const measurement of plannedRound(round)) {
                        const figures = await measure(client, outputs, leader, measurement, seconds);
                        addResult<PgbenchResult>(pgbenchResults, {
                            ...measurement,
                            round: roundNumber(measurement),
                            scale,
                            seconds,
                            ...figures,
                        });
                        console.log(line(measurement, round, figures.transactionsPerSecond));
                    }
                    if ((await cluster.roles()).leader !== leader)
                        throw new Error(`${leader} is no longer the leader, so this round has no valid comparison`);
                }
            });
        } finally {
            await superuserSql(leader, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
        }
    });
}

async function measure(client: PgClient, outputs: Outputs, leader: string, measurement: Measurement, seconds: number) {
    const { clients, script, waitsFor, way } = measurement;
    // For each new session: PgBouncer takes no parameters at connect.
    await superuserSql(
        leader,
        `ALTER DATABASE ${database} ${waitsFor === "disk" ? "SET synchronous_commit = local" : "RESET synchronous_commit"}`,
    );
    // PgBouncer keeps its server connections open, and a small machine has no room for as many others.
    await superuserSql(
        leader,
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${database}' AND backend_type = 'client backend'`,
    );
    const run = (time: number) => {
        const args = [
            "--no-vacuum",
            `--builtin=${script}`,
            `--client=${clients}`,
            `--jobs=${Math.min(clients, 2)}`,
            `--time=${time}`,
            target(outputs, leader, measurement),
        ];
        return client.run("pgbench", args, { timeoutSeconds: time + 60 });
    };
    // PgBouncer opens its server connections one after another for the first clients.
    if (way !== "direct") await run(warmUpSeconds);
    return parsePgbench(await run(seconds));
}

/** libpq's connection string, without the password. */
function target(outputs: Outputs, leader: string, { way, tls }: Pick<Measurement, "way" | "tls">): string {
    const node = outputs.nodes.find(({ hostname }) => hostname === leader)!;
    const { host, address } = way === "haproxy" ? outputs.leaderEndpoint : { host: node.fqdn, address: node.address };
    const port = {
        direct: ports.postgresql,
        pgbouncer: ports.pgbouncer,
        socket: ports.pgbouncer,
        haproxy: outputs.leaderEndpoint.port,
    }[way];
    const security = tls ? "sslmode=verify-full sslrootcert=/etc/postgres-ha/tls/ca.crt" : "sslmode=disable";
    // The client's root belongs to another machine, so it cannot resolve names. The name is still verified.
    return `host=${host} hostaddr=${address} port=${port} dbname=${way === "socket" ? overSocket(database) : database} user=${outputs.connections[0]!.user} ${security}`;
}

/** The number of the round over all invocations. */
function roundNumber({ script, way, tls, waitsFor, clients }: Measurement): number {
    const same = (result: PgbenchResult) =>
        result.script === script &&
        result.way === way &&
        result.tls === tls &&
        result.waitsFor === waitsFor &&
        result.clients === clients;
    return readResults<PgbenchResult>(pgbenchResults).filter(same).length + 1;
}

function line(
    { script, way, tls, waitsFor, clients }: Measurement,
    round: number,
    transactionsPerSecond: number,
): string {
    return `${script} ${way}${tls ? "" : " without TLS"}${waitsFor === "disk" ? ", commit waits for the disk only" : ""}, ${clients} clients #${round}: ${transactionsPerSecond.toFixed(0)} tps`;
}
