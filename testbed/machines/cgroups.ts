import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Control groups of the host in either layout: version 2 alone, or version 1 hierarchies with version 2 beside them
 * (hybrid). A group's name is its path below the root.
 */
interface Hierarchies {
    /** Mount point of version 2; it freezes and kills. */
    unified: string;
    /** Mount points of version 1, without cpuset, whose new groups cannot take a process. */
    legacy: string[];
    /** Mount point of the version 1 memory controller. */
    legacyMemory?: string;
}

function hierarchies(): Hierarchies {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => {
            const [before = "", after = ""] = line.split(" - ");
            const [type = "", , options = ""] = after.split(" ");
            return { path: before.split(" ")[4] ?? "", root: before.split(" ")[3], type, options: options.split(",") };
        })
        .filter((mount) => mount.root === "/");
    const unified = mounts.find((mount) => mount.type === "cgroup2")?.path;
    if (!unified) throw new Error("no cgroup2 hierarchy is mounted");
    const legacy = mounts.filter((mount) => mount.type === "cgroup" && !mount.options.includes("cpuset"));
    const legacyMemory = legacy.find((mount) => mount.options.includes("memory"))?.path;
    return { unified, legacy: legacy.map((mount) => mount.path), ...(legacyMemory ? { legacyMemory } : {}) };
}

/** Makes a group in every hierarchy. @returns the `cgroup.procs` files through which a process enters it */
export function createGroup(group: string): string[] {
    const { unified, legacy } = hierarchies();
    const parent = join(unified, group.split("/")[0] as string);
    mkdirSync(parent, { recursive: true });
    // With version 2 alone, a group's memory is counted only if its parents enable the controller.
    for (const ancestor of [unified, parent]) {
        if (readFileSync(join(ancestor, "cgroup.controllers"), "utf8").includes("memory")) {
            writeFileSync(join(ancestor, "cgroup.subtree_control"), "+memory");
        }
    }
    return [unified, ...legacy].map((mount) => {
        mkdirSync(join(mount, group), { recursive: true });
        return join(mount, group, "cgroup.procs");
    });
}

/** Removes a group without processes, and the groups below it, from every hierarchy. */
export function removeGroup(group: string): void {
    const { unified, legacy } = hierarchies();
    for (const mount of [unified, ...legacy]) removeTree(join(mount, group));
}

function removeTree(folder: string): void {
    for (const child of childGroups(folder)) removeTree(child);
    try {
        rmdirSync(folder);
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
}

function childGroups(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(folder, entry.name));
}

/** Ids of all processes in a group and below it; empty if there is no such group. */
export function processesOf(group: string): number[] {
    return collectProcesses(join(hierarchies().unified, group));
}

function collectProcesses(folder: string): number[] {
    try {
        const own = readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
        return [...own, ...childGroups(folder).flatMap(collectProcesses)];
    } catch (error) {
        if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
        throw error;
    }
}

/** Kills all processes of a group at the same moment, frozen ones too. None of them runs again. */
export function killGroup(group: string): void {
    const file = join(hierarchies().unified, group, "cgroup.kill");
    if (existsSync(file)) writeFileSync(file, "1");
}

/** Stops or resumes all processes of a group. */
export function setFrozen(group: string, frozen: boolean): void {
    writeFileSync(join(hierarchies().unified, group, "cgroup.freeze"), frozen ? "1" : "0");
}

export function isFrozen(group: string): boolean {
    const file = join(hierarchies().unified, group, "cgroup.freeze");
    return existsSync(file) && readFileSync(file, "utf8").trim() === "1";
}

/** Memory of a group in bytes: of its programs, and the page cache charged to it. */
export function memoryOf(group: string): { programs: number; pageCache: number } {
    const { unified, legacyMemory } = hierarchies();
    const file = join(legacyMemory ?? unified, group, "memory.stat");
    if (!existsSync(file)) return { programs: 0, pageCache: 0 };
    const values = new Map(
        readFileSync(file, "utf8")
            .split("\n")
            .map((line) => line.split(" ") as [string, string]),
    );
    const value = (legacy: string, current: string): number => Number(values.get(legacyMemory ? legacy : current) ?? 0);
    return { programs: value("total_rss", "anon"), pageCache: value("total_cache", "file") };
}

/** Names of the groups directly below one. */
export function groupsBelow(group: string): string[] {
    return childGroups(join(hierarchies().unified, group)).map((path) => path.slice(path.lastIndexOf("/") + 1));
}
