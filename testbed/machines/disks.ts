import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { paths, type Site } from "./names.ts";
import { run, waitFor } from "./run.ts";

/** Data disks are sparse files behind loop devices. Boot disks are the upper layers of the machines' overlays and have no file. */

/** Creates an empty disk. An existing disk keeps its content. */
export function createDisk(site: Site, id: string, sizeBytes: number): void {
    mkdirSync(paths.disks(site), { recursive: true });
    const file = paths.disk(site, id);
    if (!existsSync(file)) writeFileSync(file, "");
    truncateSync(file, sizeBytes);
}

/** Removes a disk and its content. @throws Error while it is in use */
export async function deleteDisk(site: Site, id: string): Promise<void> {
    await release(site, id);
    rmSync(paths.disk(site, id), { force: true });
}

/** Grows a disk. A running machine sees the new size at once. */
export async function resizeDisk(site: Site, id: string, sizeBytes: number): Promise<void> {
    const file = paths.disk(site, id);
    if (!existsSync(file)) throw new Error(`there is no disk ${id}`);
    truncateSync(file, sizeBytes);
    for (const device of await devicesOf(file)) await run("losetup", ["--set-capacity", device]);
}

/** Gives a disk a loop device. @returns e.g. "/dev/loop3" */
export async function attach(site: Site, id: string): Promise<string> {
    const file = paths.disk(site, id);
    if (!existsSync(file)) throw new Error(`there is no disk ${id}`);
    const [present] = await devicesOf(file);
    // "--nooverlap" would also refuse, but without the device's name.
    if (present) throw new Error(`the disk ${id} is still in use as ${present}`);
    return (await run("losetup", ["--find", "--show", file])).trim();
}

/**
 * Detaches a disk's loop device and waits until it is mounted nowhere. Two devices on one file would destroy its content.
 */
export async function release(site: Site, id: string): Promise<void> {
    const file = paths.disk(site, id);
    if (!existsSync(file)) return;
    for (const device of await devicesOf(file)) await run("losetup", ["--detach", device]);
    const released = await waitFor(10, async () => ((await devicesOf(file)).length === 0 ? true : undefined));
    if (!released) throw new Error(`the disk ${id} is still mounted somewhere`);
}

async function devicesOf(file: string): Promise<string[]> {
    const output = await run("losetup", ["--noheadings", "--output", "NAME", "--associated", file]);
    return output
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean);
}

/** Releases all loop devices whose files are, or were, in the testbed's folder. */
export async function releaseAll(site: Site): Promise<void> {
    const ownDevices = async (): Promise<string[]> => {
        const output = await run("losetup", ["--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"]);
        return output
            .split("\n")
            .filter((line) => line.split(" ")[1]?.startsWith(`${paths.disks(site)}/`))
            .map((line) => line.split(" ")[0] as string);
    };
    for (const device of await ownDevices()) await run("losetup", ["--detach", device]);
    const released = await waitFor(10, async () => ((await ownDevices()).length === 0 ? true : undefined));
    if (!released) throw new Error(`disks of ${site.folder} are still mounted somewhere`);
}
