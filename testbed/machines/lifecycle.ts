import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processesOf } from "./cgroups.ts";
import type { Site } from "./names.ts";
import { askDaemon, forgetOwner, ownerOf } from "./ownership.ts";
import { missingRequirements } from "./requirements.ts";
import { waitFor } from "./run.ts";
import { tearDown } from "./teardown.ts";

/** How long the daemon may take to start all machines that ran before. */
const startSeconds = 120;
/** The emulator finishes running calls first, of which a machine's stop takes up to 30 s. */
const stopSeconds = 45;

const pidFile = (site: Site): string => join(site.folder, "daemon.pid");
export const daemonLog = (site: Site): string => join(site.folder, "daemon.log");

/**
 * Starts a daemon that goes on after this process, and waits until it is ready.
 * @param command the daemon's command line
 * @returns false if this testbed's daemon was running already
 * @throws Error that says what is missing, whose testbed is in the way, or what the daemon's log says
 */
export async function startDaemon(site: Site, command: readonly string[]): Promise<boolean> {
    await refuseOtherTestbed(site);
    if ((await askDaemon(site))?.ready) return false;

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

/**
 * Refuses what could not work, before anything is built for it.
 * @throws Error
 */
export async function refuseOtherTestbed(site: Site): Promise<void> {
    const missing = missingRequirements(site);
    if (missing.length > 0)
        throw new Error(`the testbed cannot run here:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
    const owner = await otherOwner(site);
    if (owner !== undefined) await clear({ ...site, folder: owner });
}

/**
 * Ends the daemon and everything that runs; the machines' disks stay. Works on whatever is there.
 * @throws Error if the testbed on this host is another clone's, and runs
 */
export async function takeDown(site: Site): Promise<void> {
    await clear({ ...site, folder: (await otherOwner(site)) ?? site.folder });
}

/**
 * The other clone whose testbed may be cleared away from this host, if there is one: it was deleted,
 * and nobody else can end its testbed any more; or all that ran was killed, and only names are left.
 * The disks stay in its folder, so that it can start them again.
 * @throws Error if that clone is there and its testbed runs
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

/** Whether the host's testbed has a daemon or a machine, whichever clone it belongs to. */
async function isRunning(site: Site): Promise<boolean> {
    return processesOf(site.prefix).length > 0 || (await askDaemon(site)) !== undefined;
}

/** @param pid told by the daemon itself a moment ago */
async function endDaemon(pid: number): Promise<void> {
    process.kill(pid, "SIGTERM");
    const ended = await waitFor(stopSeconds, () => (existsSync(`/proc/${pid}`) ? undefined : true));
    if (!ended) process.kill(pid, "SIGKILL");
}

/** Removes the machines, disks and cloud of a testbed that is down; keys and settings of its user stay. */
export function erase(site: Site): void {
    for (const name of ["machines", "disks", "network.json", "faults.json", "cloud.json", "cloud.log", "daemon.log"]) {
        rmSync(join(site.folder, name), { recursive: true, force: true });
    }
}
