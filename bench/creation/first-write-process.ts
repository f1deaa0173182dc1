/**
 * Tries to write a row until it is acknowledged, in the network of an application. Gets a FirstWritePlan on standard input
 * and prints the wall clock, in ms, of the acknowledgement. One process for all attempts: a psql each would take two
 * seconds of processor time from the machines that come up meanwhile.
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
