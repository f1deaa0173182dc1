/** The testbed as tests use it: through the same commands that people type, and its own functions for faults. */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { executeInGuest } from "../../../testbed/machines/guest.ts";
import { findMachine } from "../../../testbed/machines/records.ts";
import type { Outputs } from "../../../local/outputs.ts";
import { site, stackFile } from "../../../local/this-testbed.ts";

export const repository = join(import.meta.dirname, "../../..");
export const { folder } = site;
export { site, stackFile };
export type { Outputs };

export interface Result {
    readonly exitCode: number;
    /** Standard output and standard error as they came. */
    readonly output: string;
    readonly stdout: string;
}

export interface RunOptions {
    readonly environment?: Readonly<Record<string, string>>;
    readonly folder?: string;
    /** Gets the running process's id, to interrupt it. */
    readonly onStart?: (pid: number) => void;
}

/** Runs a command of this computer to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, {
            cwd: options.folder ?? repository,
            env: { ...process.env, ...options.environment },
            stdio: ["ignore", "pipe", "pipe"],
        });
        let stdout = "";
        let output = "";
        child.stdout.on("data", (data: Buffer) => {
            stdout += data.toString();
            output += data.toString();
        });
        child.stderr.on("data", (data: Buffer) => (output += data.toString()));
        child.on("error", reject);
        child.on("close", (code) => resolve({ exitCode: code ?? 128, stdout, output }));
        if (child.pid !== undefined) options.onStart?.(child.pid);
    });
}

/** The same for a command that must succeed. Throws with everything it printed. */
export async function mustRun(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
    const result = await run(command, args, options);
    if (result.exitCode !== 0) {
        throw new Error(`${command} ${args.join(" ")} ended with ${result.exitCode}:\n${result.output.slice(-6000)}`);
    }
    return result.stdout;
}

/** `npm run local -- …` */
export const local = (...args: string[]) => mustRun("npm", ["run", "--silent", "local", "--", ...args]);

/** `npm run testbed -- …` */
export const testbed = (...args: string[]) => mustRun("npm", ["run", "--silent", "testbed", "--", ...args]);

/** `npm run pulumi -- …`, which may fail. */
export const pulumi = (...args: string[]) => run("npm", ["run", "--silent", "pulumi", "--", ...args]);

/** Leaves no machine, no stack and no configuration of one. */
export async function removeStack(): Promise<void> {
    await local("down");
    await pulumi("stack", "rm", "--yes", "--stack", "local");
    rmSync(stackFile, { force: true });
}

/** The stack's outputs, secrets in clear. */
export async function stackOutputs(): Promise<Outputs> {
    const { exitCode, stdout, output } = await pulumi(
        "stack",
        "output",
        "--json",
        "--show-secrets",
        "--stack",
        "local",
    );
    if (exitCode !== 0) throw new Error(output);
    return JSON.parse(stdout) as Outputs;
}

/** Where `npm run local` leaves the certificate authority. */
export const caFile = join(folder, "cluster-ca.pem");

/** Runs a command as root on a machine. @param name its host name or its end, `db-1` */
export async function onMachine(name: string, ...command: string[]): Promise<string> {
    const result = await executeInGuest(site, machineId(name), command, { timeoutSeconds: 120 });
    if (result.exitCode !== 0) throw new Error(`${name}: ${command.join(" ")}: ${result.stderr || result.stdout}`);
    return result.stdout;
}

/** The instance id of a machine. */
export const machineId = (name: string): string => findMachine(site, name).spec.id;

/** What `patronictl list` says, from any node that answers. */
export async function members(from = "db-1"): Promise<{ Member: string; Role: string; State: string; TL: number }[]> {
    return JSON.parse(await onMachine(from, "patronictl", "-c", "/etc/patroni", "list", "--format", "json"));
}

/** Asks until the answer is right. Throws with the last answer or error when the time is over. */
export async function eventually<T>(
    seconds: number,
    ask: () => Promise<T>,
    right: (answer: T) => boolean,
    pauseSeconds = 0.5,
): Promise<T> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
        let last: unknown;
        try {
            const answer = await ask();
            if (right(answer)) return answer;
            last = JSON.stringify(answer);
        } catch (error) {
            last = error;
        }
        if (Date.now() > deadline) throw new Error(`not within ${seconds} s; last: ${String(last)}`);
        await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
    }
}

/** What a testbed could leave behind on the host, for comparing before and after. */
export async function hostState(): Promise<Record<string, string[]>> {
    const lines = async (command: string, ...args: string[]) =>
        (await mustRun(command, args)).split("\n").filter(Boolean).sort();
    const mounts = readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .map((line) => line.split(" ").slice(0, 3).join(" "));
    return {
        namespaces: await lines("ip", "netns", "list"),
        interfaces: await lines("sh", "-c", "ls /sys/class/net"),
        mounts: mounts.filter(Boolean).sort(),
        loopDevices: await lines("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"),
        controlGroups: await lines("sh", "-c", `find /sys/fs/cgroup -maxdepth 2 -type d -name '${site.prefix}'`),
        listeners: await lines("sh", "-c", "ss -Hltn | awk '{print $4}'"),
        runFiles: await lines("sh", "-c", "ls /run | grep -v '^netns$'"),
        // An ended process that the host's init has not collected yet (state Z) is not one that was left running.
        processes: await lines(
            "sh",
            "-c",
            "ps -eo state,args | sed -n 's/^[^Z] //p' | grep -E 'systemd-nspawn|dnsmasq|testbed/daemon|pulumi|terraform-provider|internet-process' | grep -v grep | cut -c1-80 || true",
        ),
    };
}
