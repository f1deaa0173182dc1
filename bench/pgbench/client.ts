import { withClient } from "../../testbed/machines/client.ts";
import { initProcess } from "../../testbed/machines/guest.ts";
import { attempt } from "../../testbed/machines/run.ts";
import { takingPassword } from "../../local/sql.ts";
import { machineId } from "../../local/machines.ts";
import { site } from "../../local/this-testbed.ts";

/** Runs PostgreSQL's programs from a network of their own inside the cloud's, like an application's machine. */
export interface PgClient {
    readonly address: string;
    /** @throws Error with the program's output if it fails */
    run(
        program: string,
        args: readonly string[],
        options: { readonly timeoutSeconds: number; readonly environment?: Readonly<Record<string, string>> },
    ): Promise<string>;
}

/**
 * Provides a client while `work` runs. The host may have no pgbench, or an older one, so the client uses a database
 * machine's files, but neither its network nor its rights.
 */
export async function withPgClient<T>(
    filesOf: string,
    password: string,
    work: (client: PgClient) => Promise<T>,
): Promise<T> {
    return withClient(site, {}, async (enter) => {
        const execute = async (command: readonly string[], timeoutSeconds: number, input = "") => {
            const [file, ...args] = [...enter, ...command];
            const { exitCode, stdout, stderr } = await attempt(file!, args, { timeoutSeconds, input });
            if (exitCode !== 0) throw new Error(`${command.at(-1)}: ${stderr || stdout}`);
            return stdout;
        };
        const [
            {
                addr_info: [{ local: address }],
            },
        ] = JSON.parse(await execute(["ip", "-json", "-4", "address", "show", "dev", "eth0"], 10)) as [
            { addr_info: [{ local: string }] },
        ];
        return work({
            address,
            run: (program, args, { timeoutSeconds, environment = {} }) => {
                const variables = Object.entries({ LANG: "C.UTF-8", ...environment }).map(
                    ([name, value]) => `${name}=${value}`,
                );
                const command = [
                    ...[
                        "chroot",
                        "--userspec=65534:65534",
                        "--groups=",
                        `/proc/${initProcess(site, machineId(filesOf))}/root`,
                    ],
                    ...[
                        "env",
                        "--ignore-environment",
                        ...variables,
                        ...takingPassword,
                        `/usr/pgsql-17/bin/${program}`,
                        ...args,
                    ],
                ];
                return execute(command, timeoutSeconds, `${password}\n`);
            },
        });
    });
}
