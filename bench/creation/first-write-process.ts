/**
 * Repeats a write from an application's network until it is acknowledged. Reads a FirstWritePlan from standard input and
 * prints the time of the acknowledgement (wall clock, ms). One process makes all attempts: a psql for each would take
 * two seconds of processor time from the machines that start meanwhile.
 */
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

import { ClientSession } from "../../local/workload/client-session.ts";
import type { Login, Server } from "../../local/workload/records.ts";

export interface FirstWritePlan {
    readonly server: Server;
    readonly login: Login;
    readonly limitSeconds: number;
}

const backoffMilliseconds = 100;
const statement = "CREATE TABLE bench_first (id integer PRIMARY KEY); INSERT INTO bench_first VALUES (1)";

const { server, login, limitSeconds } = (await json(process.stdin)) as FirstWritePlan;
const session = new ClientSession(login, { servers: [server], needsLeader: false });
const deadline = Date.now() + limitSeconds * 1000;
for (;;) {
    try {
        await session.query(statement, []);
        break;
    } catch (error) {
        if (Date.now() > deadline) throw error;
        await pause(backoffMilliseconds);
    }
}
console.log(Date.now());
session.drop();
