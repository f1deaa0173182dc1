/** Commands on the machines of this checkout's testbed. */
import { executeInGuest } from "../testbed/machines/guest.ts";
import { findMachine } from "../testbed/machines/records.ts";
import { site } from "./this-testbed.ts";

/**
 * The instance id of a machine.
 * @param name the machine's host name, or the end of it (`db-1`)
 * @throws Error that lists the machines if none or several have this name
 */
export const machineId = (name: string): string => findMachine(site, name).spec.id;

/**
 * Runs a command as root on a machine.
 * @param name the machine's host name, or the end of it (`db-1`)
 * @returns its standard output
 * @throws Error with the command's output if it fails or takes longer than 120 s
 */
export async function onMachine(name: string, ...command: string[]): Promise<string> {
    const result = await executeInGuest(site, machineId(name), command, { timeoutSeconds: 120 });
    if (result.exitCode !== 0) throw new Error(`${name}: ${command.join(" ")}: ${result.stderr || result.stdout}`);
    return result.stdout;
}

/** The members of the Patroni cluster, as `patronictl list` prints them on a node. */
export async function members(from = "db-1"): Promise<{ Member: string; Role: string; State: string; TL: number }[]> {
    const output = await onMachine(from, "patronictl", "-c", "/etc/patroni", "list", "--format", "json");
    return JSON.parse(output) as Awaited<ReturnType<typeof members>>;
}

/**
 * Has Patroni switch PostgreSQL over.
 * @param on the node that asks for it
 * @param to the new leader's host name. Default: Patroni chooses
 */
export async function switchover(on: string, leader: string, to?: string): Promise<void> {
    const candidate = to === undefined ? [] : ["--candidate", to];
    await onMachine(on, "patronictl", "-c", "/etc/patroni", "switchover", "--leader", leader, ...candidate, "--force");
}

/** Runs SQL as the superuser on a node, over its local socket. @returns psql's unaligned output */
export async function superuserSql(name: string, statement: string, timeoutSeconds = 60): Promise<string> {
    const command = [
        "psql",
        "--host=/run/postgresql",
        "--username=postgres",
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        `--command=${statement}`,
    ];
    const { exitCode, stdout, stderr } = await executeInGuest(site, machineId(name), command, { timeoutSeconds });
    if (exitCode !== 0) throw new Error(`${name}: ${stderr.trim()}`);
    return stdout.trim();
}
