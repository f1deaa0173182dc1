import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { processesOf } from "./cgroups.ts";
import { machineGroup, type Site } from "./names.ts";
import { attempt, type Result, type RunOptions } from "./run.ts";

/** Host's process id of a running machine's init; undefined if the machine is off or just about to start. */
export function initProcess(site: Site, id: string): number | undefined {
    return processesOf(machineGroup(site, id)).find(isInit);
}

/** Whether a process is the guest's init: process 1 of a namespace below the host's, and no longer systemd-nspawn. */
function isInit(pid: number): boolean {
    try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        const namespacePids = field(status, "NSpid").split(/\s+/);
        const name = field(status, "Name");
        return (
            namespacePids.length === 2 &&
            namespacePids[1] === "1" &&
            name !== "systemd-nspawn" &&
            !name.startsWith("(sd-")
        );
    } catch {
        return false; // the process has ended meanwhile
    }
}

function field(status: string, name: string): string {
    return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
}

/**
 * The command line that runs a command as root inside of a machine.
 *
 * Entering a container's namespaces keeps the host's capabilities, with which a guest could set the host's clock. So the
 * capabilities that the guest's own init lacks are dropped first.
 * @throws Error if the machine is off
 */
export function guestCommand(site: Site, id: string, command: readonly string[]): { file: string; args: string[] } {
    const pid = initProcess(site, id);
    if (pid === undefined) throw new Error(`the machine ${id} is not running`);
    return {
        file: "nsenter",
        args: [
            ...["--target", `${pid}`, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"],
            ...["setpriv", "--bounding-set", droppedCapabilities(pid).join(","), "--inh-caps", "-all"],
            ...[
                "env",
                "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
                "LANG=C.UTF-8",
                `TERM=${process.env["TERM"] ?? "dumb"}`,
            ],
            ...command,
        ],
    };
}

function droppedCapabilities(pid: number): string[] {
    const allowed = BigInt(`0x${field(readFileSync(`/proc/${pid}/status`, "utf8"), "CapBnd")}`);
    const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
    return Array.from({ length: last + 1 }, (_, number) => number)
        .filter((number) => ((allowed >> BigInt(number)) & 1n) === 0n)
        .map((number) => `-cap_${number}`);
}

/** Runs a command as root inside a machine. A failing command is a result, not an error. */
export async function executeInGuest(
    site: Site,
    id: string,
    command: readonly string[],
    options?: RunOptions,
): Promise<Result> {
    const { file, args } = guestCommand(site, id, command);
    return attempt(file, args, options);
}

/** Runs a command inside of a machine with this process's own terminal. @returns its exit code */
export async function openShell(site: Site, id: string, command: readonly string[]): Promise<number> {
    const { file, args } = guestCommand(site, id, command.length > 0 ? command : ["bash", "--login"]);
    return inherit(file, args);
}

/** Runs a command with this process's standard streams. The command handles the terminal's signals. @returns its exit code */
export async function inherit(file: string, args: readonly string[]): Promise<number> {
    const ignore = (): void => undefined;
    process.on("SIGINT", ignore).on("SIGQUIT", ignore);
    try {
        return await new Promise((resolve, reject) => {
            const child = spawn(file, args, { stdio: "inherit" });
            child.on("error", reject);
            child.on("exit", (code, signal) => resolve(code ?? (signal ? 128 + (signalNumbers[signal] ?? 0) : 1)));
        });
    } finally {
        process.off("SIGINT", ignore).off("SIGQUIT", ignore);
    }
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
    SIGHUP: 1,
    SIGINT: 2,
    SIGQUIT: 3,
    SIGKILL: 9,
    SIGPIPE: 13,
    SIGTERM: 15,
};
