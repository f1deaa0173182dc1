/** What an application does first, tried until it works. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { captureAsClient } from "../../stand/machines/client";
import type { Site } from "../../stand/machines/names";

export interface Connection {
    /** With its password. */
    readonly uri: string;
    /** Authority that the server's certificate must be of, in PEM: each new cluster has its own. */
    readonly caCertificate: string;
}

const limitSeconds = 300;
const statement = "CREATE TABLE bench_first (id integer PRIMARY KEY); INSERT INTO bench_first VALUES (1)";

/** Four times a second, from one client: trying must take next to nothing from the machines that come up meanwhile. */
const untilItSucceeds = `read -r PGPASSWORD && export PGPASSWORD
until "$@" </dev/null; do [ $SECONDS -lt ${limitSeconds} ] || exit 1; sleep 0.25; done`;

/**
 * Writes a row, as soon as that is possible. The cluster's subnets must be there.
 * @returns wall clock, in ms
 * @throws Error when nothing could be written for five minutes
 */
export async function firstWrite(site: Site, { uri, caCertificate }: Connection): Promise<number> {
    const caFile = join(site.folder, "first-write-ca.pem");
    writeFileSync(caFile, caCertificate);
    // Arguments are for everybody to see, so the password comes on standard input.
    const target = new URL(uri);
    const password = decodeURIComponent(target.password);
    target.password = "";
    const psql = ["env", `PGSSLROOTCERT=${caFile}`, "PGCONNECT_TIMEOUT=5", "psql", "--no-psqlrc", "--quiet", target.href, "--command", statement];
    const { exitCode, stderr } = await captureAsClient(site, ["bash", "-c", untilItSucceeds, "bash", ...psql], { input: `${password}\n`, timeoutSeconds: limitSeconds + 30 });
    if (exitCode !== 0) throw new Error(`no write through the load balancer: ${stderr.trimEnd().split("\n").at(-1)}`);
    return Date.now();
}
