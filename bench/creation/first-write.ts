/** What an application does first, tried until it works. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Site } from "../../stand/machines/names";
import { sql } from "../../test/stand/support/sql";

export interface Connection {
    /** With its password. */
    readonly uri: string;
    /** Authority that the server's certificate must be of, in PEM: each new cluster has its own. */
    readonly caCertificate: string;
}

const limitSeconds = 300;
const statement = "CREATE TABLE bench_first (id integer PRIMARY KEY); INSERT INTO bench_first VALUES (1)";

/** Four times a second, from one client: trying must take next to nothing from the machines that come up meanwhile. */
const untilItSucceeds = ["bash", "-c", `until "$@"; do [ $SECONDS -lt ${limitSeconds} ] || exit 1; sleep 0.25; done`, "bash"];

/**
 * Writes a row, as soon as that is possible. The cluster's subnets must be there.
 * @returns wall clock, in ms
 * @throws Error with all that psql said when nothing could be written for five minutes
 */
export async function firstWrite(site: Site, { uri, caCertificate }: Connection): Promise<number> {
    const caFile = join(site.folder, "first-write-ca.pem");
    writeFileSync(caFile, caCertificate);
    await sql(uri, statement, { at: site, verifiedWith: caFile, through: untilItSucceeds, timeoutSeconds: limitSeconds + 30 });
    return Date.now();
}
