/** SQL as an application sends it: from a network of its own inside of the cluster's, with the server verified. */
import { captureAsClient, type ClientOptions } from "../../../stand/machines/client";
import { caFile, site } from "./stand";

/** Arguments are for everybody to see, so a password comes on standard input: what follows this finds it in its environment. */
export const takingPassword = ["bash", "-c", 'read -r PGPASSWORD && export PGPASSWORD && exec "$@" </dev/null', "bash"];

export interface SqlOptions extends ClientOptions {
    /** The stand. @default this clone's */
    readonly at?: typeof site;
    /** Certificates that the server's is verified with. @default what `npm run local` left */
    readonly verifiedWith?: string;
    /** A command that runs psql, whose command line is put behind it. */
    readonly through?: readonly string[];
    /** @default 60 */
    readonly timeoutSeconds?: number;
}

/**
 * @param uri one of the stack's connection strings
 * @returns psql's unaligned output; throws with psql's message
 */
export async function sql(uri: string, statement: string, { at = site, verifiedWith = caFile, through = [], timeoutSeconds = 60, ...client }: SqlOptions = {}): Promise<string> {
    const [, user = "", password = ""] = /\/\/([^:@]+):([^@]*)@/.exec(uri) ?? [];
    const psql = [
        ...["env", `PGSSLROOTCERT=${verifiedWith}`, "PGCONNECT_TIMEOUT=10"],
        ...["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"],
        ...[uri.replace(`${user}:${password}@`, `${user}@`), "--command", statement],
    ];
    const command = [...takingPassword, ...through, ...psql];
    const { exitCode, stdout, stderr } = await captureAsClient(at, command, { ...client, timeoutSeconds, input: `${decodeURIComponent(password)}\n` });
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim();
}
