import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { withClient } from "../../testbed/machines/client.ts";
import { readNetwork } from "../../testbed/machines/records.ts";
import { sql } from "../sql.ts";
import type { Outputs } from "../outputs.ts";
import { repository, site } from "../this-testbed.ts";
import { type Attempt, monotonicMilliseconds, type Server, table, type Target, type WorkloadPlan } from "./records.ts";

/** Enough clients to show a gap of a tenth of a second, and few enough to leave two cores to the machines. */
const load = { writers: 4, readers: 2, pauseMilliseconds: 20, backoffMilliseconds: 50, timeoutMilliseconds: 2000 };

/** Where the clients are, and how they reach the cluster. */
export interface ClientPlace {
    /** The load balancer, or the nodes themselves with the multi-host string. @default "balancer" */
    readonly through?: "balancer" | "nodes";
    /** The clients' zone. @default the cluster's first */
    readonly zone?: string;
}

/** Writers at the leader's endpoint, readers at the replicas' endpoint, and the outcomes of all their attempts. */
export class Workload {
    readonly attempts: Attempt[] = [];
    private lastWrite = Number.NEGATIVE_INFINITY;
    private readonly child: ChildProcess;
    private readonly finished: Promise<void>;

    private constructor(child: ChildProcess, finished: Promise<void>) {
        this.child = child;
        this.finished = finished;
        createInterface({ input: child.stdout! }).on("line", (line) => {
            const attempt = JSON.parse(line) as Attempt;
            this.attempts.push(attempt);
            if (attempt.kind === "write" && attempt.outcome === "acknowledged") this.lastWrite = attempt.ended;
        });
    }

    /**
     * Recreates the table, starts the clients and waits until writes flow.
     * @param deadlineSeconds the clients end by themselves after this time
     */
    static async start(outputs: Outputs, deadlineSeconds: number, place: ClientPlace = {}): Promise<Workload> {
        const connection = outputs.connections[0]!;
        await sql(
            connection.readWrite,
            `DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (writer integer NOT NULL, sequence integer NOT NULL)`,
        );
        const plan: WorkloadPlan = {
            ...load,
            ...targets(outputs, place),
            database: connection.database,
            user: connection.user,
            password: connection.password,
            caCertificate: outputs.caCertificate,
            deadlineSeconds,
        };
        const { child, finished } = await spawnClient(place);
        child.stdin!.write(`${JSON.stringify(plan)}\n`);
        const workload = new Workload(child, finished);
        await workload.flowing(2, 30);
        return workload;
    }

    /**
     * Waits until writes have been acknowledged for some time without a break of half a second.
     * @throws Error after the time limit
     */
    async flowing(forSeconds: number, withinSeconds: number): Promise<void> {
        const deadline = monotonicMilliseconds() + withinSeconds * 1000;
        let since: number | undefined;
        for (;;) {
            const now = monotonicMilliseconds();
            since = now - this.lastWrite < 500 ? (since ?? now) : undefined;
            if (since !== undefined && now - since >= forSeconds * 1000) return;
            if (now > deadline)
                throw new Error(
                    `no steady writes within ${withinSeconds} s; last attempts: ${JSON.stringify(this.attempts.slice(-4))}`,
                );
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }

    /** Lets the clients finish their running attempts. @returns all attempts */
    async stop(): Promise<readonly Attempt[]> {
        this.child.stdin!.end();
        await this.finished;
        return this.attempts;
    }
}

function targets(outputs: Outputs, { through }: ClientPlace): { write: Target; read: Target } {
    const { readWrite, readOnly, multiHost } = outputs.connections[0]!;
    if (through !== "nodes")
        return {
            write: { servers: serversOf(readWrite), needsLeader: false },
            read: { servers: serversOf(readOnly), needsLeader: false },
        };
    const nodes = serversOf(multiHost);
    return {
        write: { servers: nodes, needsLeader: true },
        read: { servers: [...nodes].reverse(), needsLeader: false },
    };
}

/** The servers of a connection string, in its order. */
function serversOf(uri: string): Server[] {
    const [, list = ""] = /@([^/]+)\//.exec(uri) ?? [];
    return list
        .split(",")
        .map((server) => server.split(":"))
        .map(([host = "", port]) => ({ host, port: Number(port) }));
}

/** Starts the clients' process in a network of its own, which is removed when the process ends. */
function spawnClient({ zone }: ClientPlace): Promise<{ child: ChildProcess; finished: Promise<void> }> {
    const program = [process.execPath, join(import.meta.dirname, "client-process.ts")];
    return new Promise((resolve, reject) => {
        const subnetId =
            zone === undefined ? undefined : readNetwork(site).subnets.find((subnet) => subnet.zone === zone)?.id;
        const finished = withClient(site, subnetId === undefined ? {} : { subnetId }, async (enter) => {
            const [file, ...args] = [...enter, ...program];
            const child = spawn(file!, args, { cwd: repository, stdio: ["pipe", "pipe", "inherit"] });
            resolve({ child, finished: whenFinished() });
            const [code] = (await once(child, "close")) as [number | null];
            if (code !== 0) throw new Error(`the workload's process ended with ${code}`);
        });
        const whenFinished = (): Promise<void> => finished;
        finished.catch(reject);
    });
}
