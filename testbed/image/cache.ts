import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

/** The folder of products that are slow to build and the same for every clone. TESTBED_CACHE overrides the default. */
export function cacheFolder(): string {
    return process.env.TESTBED_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "testbed");
}

/** The folder of a product with these inputs. */
export function productFolder(name: string, id: string): string {
    return join(cacheFolder(), `${name}-${id}`);
}

/**
 * Builds a product unless it exists. It is built beside its place and renamed when it is complete, so that no process sees
 * it half-built. Call it under {@link withLock}.
 * @param build fills the folder it is given.
 */
export async function ensureProduct(
    name: string,
    id: string,
    build: (folder: string) => Promise<void>,
): Promise<string> {
    const folder = productFolder(name, id);
    if (existsSync(folder)) return folder;
    await removeLeftovers(name);
    // A name of its own, because a command that outlived an interrupted build may still write into that build's folder.
    const partial = `${folder}${PARTIAL}${process.pid}`;
    mkdirSync(partial, { recursive: true });
    try {
        await build(partial);
        renameSync(partial, folder);
    } finally {
        await removeLeftovers(name);
    }
    return folder;
}

const PARTIAL = ".partial-";

/** Removes the remains of interrupted builds. What cannot be removed now is removed by the next build. */
async function removeLeftovers(name: string): Promise<void> {
    const leftovers = readdirSync(cacheFolder()).filter(
        (entry) => entry.startsWith(`${name}-`) && entry.includes(PARTIAL),
    );
    for (const leftover of leftovers) await removeTree(join(cacheFolder(), leftover)).catch(() => undefined);
}

/** Removes a tree, except what is mounted in it. */
export async function removeTree(folder: string): Promise<void> {
    await run("rm", ["-rf", "--one-file-system", folder]);
}

/**
 * Runs one builder at a time on this machine. The lock is flock(2) held by a child that ends with its standard input,
 * so it is free again however this process ends.
 * @param onWait called once when another process holds the lock.
 */
export async function withLock<T>(onWait: () => void, work: () => Promise<T>): Promise<T> {
    mkdirSync(cacheFolder(), { recursive: true });
    const holder = spawn("flock", [join(cacheFolder(), "image.lock"), "sh", "-c", "echo locked; exec cat"], {
        stdio: ["pipe", "pipe", "inherit"],
        // A process group of its own, so that Ctrl-C ends the build first and the lock afterwards.
        detached: true,
    });
    const waiting = setTimeout(onWait, 500);
    try {
        await new Promise<void>((resolve, reject) => {
            holder.stdout.once("data", () => resolve());
            holder.once("error", reject);
            holder.once("close", (status) => reject(new Error(`flock ended with status ${status}`)));
        });
        clearTimeout(waiting);
        return await work();
    } finally {
        clearTimeout(waiting);
        holder.stdin.end();
    }
}
