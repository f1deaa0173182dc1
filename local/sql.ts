/** SQL as an application runs it: from a client's own address inside the cloud network, with the server verified. */
import { captureAsClient, type ClientOptions } from "../testbed/machines/client.ts";
import { caFile, site } from "./this-testbed.ts";

/**
 * A command line to put before a PostgreSQL client's. It reads the password from standard input into PGPASSWORD,
 * because every user of the host can read a process's arguments.
 */
export const takingPassword = ["bash", "-c", 'read -r PGPASSWORD && export PGPASSWORD && exec "$@" </dev/null', "bash"];

/**
 * Runs SQL with psql.
 * @param uri one of the stack's connection strings
 * @param client where in the network the client is. Default: the subnet with the lowest addresses
 * @returns psql's unaligned output
 * @throws Error with psql's message, also after 60 s
 */
export async function sql(uri: string, statement: string, client: ClientOptions = {}): Promise<string> {
    const [, user = "", password = ""] = /\/\/([^:@]+):([^@]*)@/.exec(uri) ?? [];
    const psql = [
        ...["env", `PGSSLROOTCERT=${caFile}`, "PGCONNECT_TIMEOUT=10"],
        ...["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"],
        ...[uri.replace(`${user}:${password}@`, `${user}@`), "--command", statement],
    ];
    const command = [...takingPassword, ...psql];
    const { exitCode, stdout, stderr } = await captureAsClient(site, command, {
        ...client,
        timeoutSeconds: 60,
        input: `${decodeURIComponent(password)}\n`,
    });
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim();
}
