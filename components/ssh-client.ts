import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What an SSH client needs to reach every machine of the cluster. */
export interface SshAccess {
    /** OpenSSH's client configuration, see `sshConfiguration`. */
    readonly configuration: string;
    readonly knownHosts: string;
    /** OpenSSH private key. @default the user's own keys and agent */
    readonly privateKey?: string;
}

/** How a command ended. */
export interface SshResult {
    /** 255 if SSH itself failed. */
    readonly status: number;
    readonly stdout: string;
    readonly stderr: string;
}

const CONNECT_SECONDS = 10;

/**
 * Runs a command on a machine with OpenSSH's client: for hooks, which cannot make a Command.
 * @param timeoutSeconds after which it is ended, whatever it does
 * @param input for its standard input; without any, that stays open as long as this program lives
 */
export async function runOverSsh(
    access: SshAccess,
    hostname: string,
    command: string,
    timeoutSeconds: number,
    input?: string,
): Promise<SshResult> {
    // The key is in a file because ssh takes it in no other way: for as long as the command runs, in a folder of this user's.
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-ssh-"));
    const file = (name: string, content: string) => {
        const path = join(folder, name);
        writeFileSync(path, content, { mode: 0o600 });
        return path;
    };
    const own = [
        "Host *",
        ...(access.privateKey === undefined
            ? []
            : [`    IdentityFile ${file("key", access.privateKey)}`, "    IdentitiesOnly yes"]),
        `    UserKnownHostsFile ${file("known_hosts", access.knownHosts)}`,
        "    BatchMode yes",
        `    ConnectTimeout ${CONNECT_SECONDS}`,
    ];
    const configuration = file("config", `${access.configuration}\n${own.join("\n")}\n`);
    try {
        return await new Promise((resolve) => {
            const client = execFile(
                "ssh",
                ["-F", configuration, hostname, command],
                { timeout: timeoutSeconds * 1000, killSignal: "SIGKILL" },
                (error, stdout, stderr) => {
                    const status = error === null ? 0 : typeof error.code === "number" ? error.code : UNREACHABLE;
                    resolve({ status, stdout, stderr: stderr || (error?.message ?? "") });
                },
            );
            // A command may end without reading its input.
            client.stdin!.on("error", () => undefined);
            if (input !== undefined) client.stdin!.end(input);
        });
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** What ssh ends with if it does not reach the machine. */
export const UNREACHABLE = 255;
