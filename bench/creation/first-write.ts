/** An application's first write, repeated until it succeeds. */
import { join } from "node:path";

import { captureAsClient } from "../../testbed/machines/client.ts";
import type { Site } from "../../testbed/machines/names.ts";
import type { FirstWritePlan } from "./first-write-process.ts";

export interface Connection {
    /** Connection string with the password. */
    readonly uri: string;
    /** The cluster's certificate authority in PEM. Each new cluster has its own. */
    readonly caCertificate: string;
}

const limitSeconds = 300;

/**
 * Writes a row as soon as that is possible. The cluster's subnets must exist.
 * @returns the time of the acknowledgement (wall clock, ms)
 * @throws Error with the last attempt's message after five minutes
 */
export async function firstWrite(site: Site, { uri, caCertificate }: Connection): Promise<number> {
    const { username, password, hostname, port, pathname } = new URL(uri);
    const plan: FirstWritePlan = {
        server: { host: hostname, port: Number(port) },
        login: {
            database: pathname.slice(1),
            user: username,
            password: decodeURIComponent(password),
            caCertificate,
            timeoutMilliseconds: 10_000,
        },
        limitSeconds,
    };
    const command = [process.execPath, join(import.meta.dirname, "first-write-process.ts")];
    const { exitCode, stdout, stderr } = await captureAsClient(site, command, {
        input: JSON.stringify(plan),
        timeoutSeconds: limitSeconds + 30,
    });
    if (exitCode !== 0) throw new Error(stderr);
    return Number(stdout);
}
