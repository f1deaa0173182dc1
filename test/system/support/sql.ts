/** SQL as an application sends it: from a network of its own inside of the cluster's, with the server verified. */
import { captureAsClient, type ClientOptions } from "../../../testbed/machines/client.ts";
import { caFile, site } from "./testbed.ts";

/** Arguments are for everybody to see, so a password comes on standard input: what follows this finds it in its environment. */
export const takingPassword = ["bash", "-c", 'read -r PGPASSWORD && export PGPASSWORD && exec "$@" </dev/null', "bash"];

/**
 * @param uri one of the stack's connection strings
 * @returns psql's unaligned output; throws with psql's message
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
