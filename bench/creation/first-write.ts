/** What an application does first, tried until it works. */
import { captureAsClient } from "../../stand/machines/client";
import type { Site } from "../../stand/machines/names";

const limitSeconds = 300;
const statement = "CREATE TABLE bench_first (id integer PRIMARY KEY); INSERT INTO bench_first VALUES (1)";

/**
 * Writes a row, as soon as that is possible.
 * @param uri connection string, with its password
 * @param caFile certificates that the server's is verified with
 * @returns wall clock, in ms
 * @throws Error when nothing could be written for five minutes
 */
export async function firstWrite(site: Site, uri: string, caFile: string): Promise<number> {
    const program = ["env", `PGSSLROOTCERT=${caFile}`, "PGCONNECT_TIMEOUT=5", "psql", "--no-psqlrc", "--quiet", uri, "--command", statement];
    const deadline = Date.now() + limitSeconds * 1000;
    // While the cluster has no subnet, there is nowhere to try from.
    const succeeds = () => captureAsClient(site, program, { timeoutSeconds: 30 }).then(({ exitCode }) => exitCode === 0, () => false);
    while (!(await succeeds())) {
        if (Date.now() > deadline) throw new Error("no write through the load balancer");
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return Date.now();
}
