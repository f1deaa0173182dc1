import { accessSync, constants, existsSync, readFileSync, readdirSync, readlinkSync, statfsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Site } from "./names.ts";

/** Programs of the host that the testbed runs, with the Debian package of each. */
const programs: Record<string, string> = {
    "systemd-nspawn": "systemd-container",
    ip: "iproute2",
    nft: "nftables",
    dnsmasq: "dnsmasq-base",
    losetup: "mount",
    nsenter: "util-linux",
    unshare: "util-linux",
    sysctl: "procps",
    openssl: "openssl",
};

/** Five machines with packages installed and a little data take about 2 GiB. */
const diskGib = 4;
const memoryGib = 2;

/** For five machines: systemd and its services use five to six in each (counted on a testbed). */
const inotifyInstances = 30;

/** What this host lacks for a testbed, one sentence each. */
export function missingRequirements(site: Site): string[] {
    if (process.platform !== "linux") return ["the testbed needs Linux"];
    if (process.getuid?.() !== 0) return ["the testbed makes namespaces, mounts and devices: run it as root"];
    return [
        ...missingPrograms(),
        ...missingKernelFeatures(),
        ...missingRoom(site),
        ...missingInotifyInstances(),
        // The path is part of mount options and configuration files, without quotes.
        ...(/^[\w./-]+$/.test(site.folder)
            ? []
            : [`the path ${site.folder} has characters other than letters, digits and ._-/`]),
    ];
}

function missingPrograms(): string[] {
    const packages = Object.entries(programs)
        .filter(([program]) => !isOnPath(program))
        .map(([, name]) => name);
    return packages.length > 0 ? [`programs are missing: apt-get install ${[...new Set(packages)].join(" ")}`] : [];
}

function isOnPath(program: string): boolean {
    return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
        try {
            accessSync(join(folder, program), constants.X_OK);
            return true;
        } catch {
            return false;
        }
    });
}

function missingKernelFeatures(): string[] {
    const fileSystems = readFileSync("/proc/filesystems", "utf8");
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    const features: [boolean, string][] = [
        [/\boverlay$/m.test(fileSystems), "overlay file systems"],
        [mounts.includes(" - cgroup2 "), "control groups, version 2 (a cgroup2 mount)"],
        [existsSync("/dev/loop-control"), "loop devices"],
        [existsSync("/proc/self/ns/net"), "network namespaces"],
    ];
    return features.filter(([isThere]) => !isThere).map(([, name]) => `this kernel lacks ${name}`);
}

/** systemd needs some to start: without them a machine would be off again at once. */
function missingInotifyInstances(): string[] {
    const limit = Number(readFileSync("/proc/sys/fs/inotify/max_user_instances", "utf8"));
    const free =
        limit -
        readdirSync("/proc")
            .filter((name) => /^\d+$/.test(name))
            .flatMap(openFiles)
            .filter((file) => file === "anon_inode:inotify").length;
    if (free >= inotifyInstances) return [];
    return [
        `${Math.max(free, 0)} of ${limit} inotify instances are free, the testbed needs ${inotifyInstances}: sysctl -w fs.inotify.max_user_instances=${limit * 4}`,
    ];
}

/** The open files of a process; empty if it has ended meanwhile. */
function openFiles(pid: string): string[] {
    try {
        const folder = join("/proc", pid, "fd");
        return readdirSync(folder).map((fd) => readlinkSync(join(folder, fd)));
    } catch {
        return [];
    }
}

function missingRoom(site: Site): string[] {
    let folder = site.folder;
    while (!existsSync(folder)) folder = join(folder, "..");
    const { bavail, bsize } = statfsSync(folder);
    const freeGib = (bavail * bsize) / 2 ** 30;
    const availableGib =
        Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) / 2 ** 20;
    return [
        ...(freeGib < diskGib ? [`${folder} has ${freeGib.toFixed(1)} GiB free, the testbed needs ${diskGib}`] : []),
        ...(availableGib < memoryGib
            ? [`${availableGib.toFixed(1)} GiB of memory are available, the testbed needs ${memoryGib}`]
            : []),
    ];
}
