import { existsSync, readdirSync } from "node:fs";
import { attempt, run, type Result, type RunOptions, waitFor } from "./run.ts";

/** Network namespaces by name, as `ip netns` keeps them. */
const folder = "/run/netns";

export const namespacePath = (name: string): string => `${folder}/${name}`;

export const namespaceExists = (name: string): boolean => existsSync(namespacePath(name));

export function namespacesWithPrefix(prefix: string): string[] {
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(`${prefix}-`)) : [];
}

/** Creates a namespace with a working loopback interface. IPv6's duplicate address detection is off, because it costs a second of each boot. */
export async function createNamespace(name: string): Promise<void> {
    await run("ip", ["netns", "add", name]);
    await inNamespace(name, "sysctl", ["-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]);
    await ip(name, ["link set lo up"]);
}

/** Ends the processes in a namespace and removes it with its interfaces. Does nothing if it does not exist. */
export async function deleteNamespace(name: string): Promise<void> {
    if (!namespaceExists(name)) return;
    const empty = await waitFor(5, async () => {
        const pids = await processesIn(name);
        for (const pid of pids) killQuietly(pid);
        return pids.length === 0 ? true : undefined;
    });
    if (!empty) throw new Error(`processes in the namespace ${name} do not end`);
    await run("ip", ["netns", "delete", name]);
}

async function processesIn(name: string): Promise<number[]> {
    const result = await attempt("ip", ["netns", "pids", name]);
    return result.stdout.split("\n").filter(Boolean).map(Number);
}

function killQuietly(pid: number): void {
    try {
        process.kill(pid, "SIGKILL");
    } catch {
        // the process has already ended
    }
}

/** Runs `ip` commands in a namespace, one a line. @throws Error at the first command that fails */
export async function ip(namespace: string, lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await run("ip", ["-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Runs a command in a network namespace. @throws Error if it fails */
export function inNamespace(
    namespace: string,
    command: string,
    args: readonly string[],
    options?: RunOptions,
): Promise<string> {
    return run("nsenter", [`--net=${namespacePath(namespace)}`, command, ...args], options);
}

/** Runs a command in a network namespace. A failing command is a result, not an error. */
export function attemptInNamespace(
    namespace: string,
    command: string,
    args: readonly string[],
    options?: RunOptions,
): Promise<Result> {
    return attempt("nsenter", [`--net=${namespacePath(namespace)}`, command, ...args], options);
}
