import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeVersion } from "../code-version.ts";
import { processesOf } from "./cgroups.ts";
import type { Site } from "./names.ts";
import { askDaemon, forgetOwner, ownerOf } from "./ownership.ts";
import { missingRequirements } from "./requirements.ts";
import { waitFor } from "./run.ts";
import { tearDown } from "./teardown.ts";

/** Time limit for the daemon's start, which starts all machines that ran before. */
const startSeconds = 120;
/** Time limit for the daemon's end. It finishes running calls first, and the stop of a machine takes up to 30 s. */
const stopSeconds = 45;

const pidFile = (site: Site): string => join(site.folder, "daemon.pid");
export const daemonLog = (site: Site): string => join(site.folder, "daemon.log");

/**
 * Starts a daemon that outlives this process, and waits until it is ready. A running daemon of another version is
 * replaced; the machines keep running meanwhile.
 * @param command the daemon's command line
 * @returns false if a daemon of this version was running already
 * @throws Error that says what this host lacks, which testbed is in the way, or how the daemon's log ends
 */
export async function startDaemon(site: Site, command: readonly string[]): Promise<boolean> {
    await refuseOtherTestbed(site);
    if (await isUp(site)) return false;
    const other = await askDaemon(site);
    if (other && other.version !== codeVersion()) await endDaemon(other.pid);

    mkdirSync(site.folder, { recursive: true, mode: 0o700 });
    const log = openSync(daemonLog(site), "a");
    const [file = "", ...args] = command;
    const daemon = spawn(file, args, { detached: true, stdio: ["ignore", log, log], cwd: "/" });
    closeSync(log);
    daemon.unref();
    writeFileSync(pidFile(site), `${daemon.pid}\n`);
    let exited = false;
    daemon.once("exit", () => (exited = true)).once("error", () => (exited = true));
    const isReady = await waitFor(startSeconds, async () =>
        exited ? false : (await askDaemon(site))?.ready || undefined,
    );
    if (isReady) return true;
    const end = readFileSync(daemonLog(site), "utf8").trimEnd().split("\n").slice(-20).join("\n");
    throw new Error(
        `the testbed's daemon did not ${exited ? "start" : `become ready within ${startSeconds} s`}; ${daemonLog(site)} ends with:\n${end}`,
    );
}

/** Whether a daemon of this version is ready. */
export async function isUp(site: Site): Promise<boolean> {
    const daemon = await askDaemon(site);
    return daemon !== undefined && daemon.ready && daemon.version === codeVersion();
}

/**
 * Checks that a testbed can run here, before anything is built for it. Clears away the remains of a testbed that
 * nothing else can end any more.
 * @throws Error that says what this host lacks, or which testbed is in the way
 */
export async function refuseOtherTestbed(site: Site): Promise<void> {
    const missing = missingRequirements(site);
    if (missing.length > 0)
        throw new Error(`the testbed cannot run here:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
    const owner = await otherOwner(site);
    if (owner !== undefined) await clear({ ...site, folder: owner });
}

/**
 * Ends the daemon and everything that runs; the machines' disks stay. Works on a half-broken testbed, too.
 * @throws Error if another clone's testbed has this prefix, and runs
 */
export async function takeDown(site: Site): Promise<void> {
    await clear({ ...site, folder: (await otherOwner(site)) ?? site.folder });
}

/**
 * The folder of another clone whose testbed can be cleared away; undefined if there is none. Either the clone was
 * deleted, so that no other command can end its testbed, or all its processes were killed and only names are left.
 * The disks stay in its folder, so that the clone can start them again.
 * @throws Error if that clone exists and its testbed runs
 */
async function otherOwner(site: Site): Promise<string | undefined> {
    const owner = ownerOf(site);
    if (owner === undefined || owner === site.folder) return undefined;
    if (existsSync(owner) && (await isRunning(site))) {
        throw new Error(`this host's testbed belongs to ${owner}; take it down there first (npm run testbed -- down)`);
    }
    return owner;
}

async function clear(site: Site): Promise<void> {
    const daemon = await askDaemon(site);
    if (daemon) await endDaemon(daemon.pid);
    await tearDown(site);
    forgetOwner(site);
    rmSync(pidFile(site), { force: true });
}

/** Whether a daemon or a machine with this prefix runs, whichever clone it belongs to. */
async function isRunning(site: Site): Promise<boolean> {
    return processesOf(site.prefix).length > 0 || (await askDaemon(site)) !== undefined;
}

/** @param pid as the daemon itself reported it a moment ago, so that it is no other process's by now */
async function endDaemon(pid: number): Promise<void> {
    process.kill(pid, "SIGTERM");
    const ended = await waitFor(stopSeconds, () => (existsSync(`/proc/${pid}`) ? undefined : true));
    if (!ended) process.kill(pid, "SIGKILL");
}

/** Removes the machines, disks and cloud of a testbed that is down. The user's keys and settings stay. */
export function erase(site: Site): void {
    for (const name of ["machines", "disks", "network.json", "faults.json", "cloud.json", "cloud.log", "daemon.log"]) {
        rmSync(join(site.folder, name), { recursive: true, force: true });
    }
}
