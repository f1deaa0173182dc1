/** What this checkout's testbed has on the host. Other testbeds, which can run beside it, are left out. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";

import { mustRun } from "../../../local/commands.ts";
import { apiPort, folder, publicNetwork, repository, site } from "../../../local/this-testbed.ts";
import { listMachines } from "../../../testbed/machines/records.ts";

/** The testbed's prefix as a whole name or path component, or in front of a dash: `pgha6-cloud`, but not `pgha61`. */
const ownName = new RegExp(`(^|[/@\\s])${site.prefix}([-/\\s]|$)`);

const isOwn = (text: string): boolean => text.includes(folder) || ownName.test(text);

/**
 * Everything of this testbed that the host has now: namespaces, interfaces outside of them, mounts, loop devices,
 * control groups, sockets, files in /run, and processes. Files in the testbed's folder are not part of it.
 * @param machineIds ids of the machines whose files in /run to look for. @default the machines that exist now
 * @returns one line for each thing, beginning with its kind
 */
export async function leftovers(
    machineIds: readonly string[] = listMachines(site).map(({ spec }) => spec.id),
): Promise<string[]> {
    const found: Record<string, readonly string[]> = {
        namespace: (await lines("ip", "netns", "list")).filter(isOwn),
        // Interfaces of machines and clients are made inside of namespaces: none of any testbed belongs here.
        interface: readdirSync("/sys/class/net").filter((name) =>
            /^(v[0-9a-f]{8}|c\d+-[0-9a-z]+|delay\S*|internet)$/.test(name),
        ),
        mount: readFileSync("/proc/self/mounts", "utf8").split("\n").filter(isOwn),
        "loop device": (await lines("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE")).filter(isOwn),
        "control group": globSync(`/sys/fs/cgroup/{,*/}${site.prefix}`),
        listener: (await lines("ss", "-Hltn"))
            .map((line) => line.split(/\s+/)[3] ?? "")
            .filter((address) => address.startsWith(`${publicNetwork}.`) || address.endsWith(`:${apiPort}`)),
        socket: readFileSync("/proc/net/unix", "utf8").split("\n").filter(isOwn),
        file: runFiles(machineIds),
        process: ownProcesses(),
    };
    return Object.entries(found).flatMap(([kind, things]) => things.map((thing) => `${kind} ${thing}`));
}

async function lines(command: string, ...args: string[]): Promise<string[]> {
    return (await mustRun(command, args)).split("\n").filter(Boolean);
}

function runFiles(machineIds: readonly string[]): string[] {
    // `ip netns` makes the folder with the first namespace of the host. The last testbed to go removes it.
    const emptyFolder = existsSync("/run/netns") && readdirSync("/run/netns").length === 0 ? ["/run/netns"] : [];
    const ofMachines = machineIds.map((id) => `/run/systemd/nspawn/propagate/${id}`).filter(existsSync);
    return [...emptyFolder, ...ofMachines, ...readdirSync("/run").filter(isOwn)];
}

/**
 * The command lines of this testbed's processes: those that name its folder or its prefix, and what a Pulumi of this
 * checkout has started. Ended processes that their parent has not collected yet have no command line, and do not count.
 */
export function ownProcesses(): string[] {
    return readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
        .flatMap((pid) => {
            try {
                const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
                const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
                const isOfPulumi =
                    environment.includes("POSTGRES_HA_PULUMI_RUN=") && environment.includes(`${repository}/`);
                return commandLine !== "" && (isOwn(commandLine) || isOfPulumi) ? [commandLine] : [];
            } catch {
                return []; // has just ended
            }
        });
}
