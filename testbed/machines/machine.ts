import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGroup, isFrozen, killGroup, processesOf, removeGroup, setFrozen } from "./cgroups.ts";
import { connectMachine, disconnectMachine, setSilent, unplug } from "./cloud-network.ts";
import { attach, release } from "./disks.ts";
import type { MachineSpec } from "./driver.ts";
import { executeInGuest, initProcess } from "./guest.ts";
import { machineGroup, machineInterface, machineNamespace, machineUuid, paths, type Site } from "./names.ts";
import { namespacePath } from "./namespaces.ts";
import { planNetwork, type PlannedInterface } from "./network-plan.ts";
import { type MachineRecord, readMachine, readNetwork, writeMachine } from "./records.ts";
import { waitFor } from "./run.ts";
import { renderDiskLinks, renderSeed, seedFolder } from "./seed.ts";

type DataDisk = MachineSpec["disks"][number];

/** Time limit for a guest's shutdown, before its power is cut. Yandex Cloud's own limit is 30 s. */
const shutdownSeconds = 30;
const initSeconds = 15;
/** systemd's request to power off: SIGRTMIN+4. */
const powerOffSignal = 38;

/** Creates a machine's files, without starting it. */
export function define(site: Site, spec: MachineSpec, rootPath: string): void {
    const devices = Object.fromEntries(dataDisks(spec).map((disk, index) => [disk.diskId, deviceAt(index)]));
    for (const folder of ["upper", "work", "root", "sys"])
        mkdirSync(join(paths.machine(site, spec.id), folder), { recursive: true });
    writeMachine(site, { spec, rootPath, wanted: "running", devices });
}

/** Replaces the specification. Seed and disks change at the next start. */
export function redefine(site: Site, spec: MachineSpec): void {
    const record = readMachine(site, spec.id);
    writeMachine(site, { ...record, spec });
}

/**
 * Powers a machine on and waits for its init. Does nothing if it runs.
 * @throws Error with the end of its console output if it does not start
 */
export async function start(site: Site, id: string): Promise<void> {
    if (initProcess(site, id) !== undefined) return;
    const record = readMachine(site, id);
    const nic = interfaceOf(site, record);
    await clear(site, record);
    await setSilent(site, nic.address, false); // it may have been frozen when its power was cut

    const devices = Object.fromEntries(dataDisks(record.spec).map((disk, index) => [disk.diskId, deviceAt(index)]));
    writeMachine(site, { ...record, wanted: "running", devices });
    writeSeed(site, record.spec, nic, devices);
    const disks: string[] = [];
    for (const disk of dataDisks(record.spec))
        disks.push(`--bind=${await attach(site, disk.diskId)}:/dev/${devices[disk.diskId]}`);
    await connectMachine(site, nic);
    await boot(site, record, disks);
}

async function boot(site: Site, record: MachineRecord, disks: string[]): Promise<void> {
    const { id } = record.spec;
    const procsFiles = createGroup(machineGroup(site, id));
    const console = openSync(paths.console(site, id), "a");
    const supervisor = spawn(
        "bash",
        [
            join(import.meta.dirname, "supervise.sh"),
            paths.machine(site, id),
            record.rootPath,
            namespacePath(machineNamespace(site, id)),
            procsFiles.join(":"),
            "--",
            // cloud-init sets the host name; before that there is none, as on a new VM.
            ...[`--machine=${id}`, "--hostname=localhost", `--uuid=${machineUuid(id)}`, ...disks],
        ],
        { detached: true, stdio: ["ignore", console, console], cwd: "/" },
    );
    closeSync(console);
    supervisor.unref();
    let exited = false;
    once(supervisor, "exit").then(
        () => (exited = true),
        () => (exited = true),
    );
    const started = await waitFor(initSeconds, () =>
        exited ? false : initProcess(site, id) !== undefined || undefined,
    );
    if (started) return;
    await powerOff(site, id);
    throw new Error(`the machine ${record.spec.hostname} did not start:\n${consoleTail(site, id, 15)}`);
}

/** Shuts a machine down. After 30 s its power is cut. */
export async function stop(site: Site, id: string): Promise<void> {
    writeMachine(site, { ...readMachine(site, id), wanted: "stopped" });
    const init = initProcess(site, id);
    if (init !== undefined && !isFrozen(machineGroup(site, id))) {
        process.kill(init, powerOffSignal);
        await waitFor(shutdownSeconds, () => (processesOf(machineGroup(site, id)).length === 0 ? true : undefined));
    }
    await powerOff(site, id);
}

/**
 * Cuts a machine's power. The cable is pulled first, so that no other machine gets the FIN and RST packets of killed
 * processes. Unlike on a real machine, data that programs wrote without syncing survives in the host's kernel.
 */
export async function powerOff(site: Site, id: string): Promise<void> {
    await unplug(site, machineInterface(id));
    killGroup(machineGroup(site, id));
    await clear(site, readMachine(site, id));
}

/** Removes what only a running machine has. The machine must not run. */
async function clear(site: Site, record: MachineRecord): Promise<void> {
    const { id } = record.spec;
    const group = machineGroup(site, id);
    killGroup(group);
    const ended = await waitFor(10, () => (processesOf(group).length === 0 ? true : undefined));
    if (!ended) throw new Error(`processes of ${record.spec.hostname} do not end`);
    // Ended processes leave their group with a short delay.
    const removed = await waitFor(10, () => attemptRemoval(group));
    if (!removed) throw new Error(`the control group ${group} cannot be removed`);
    await disconnectMachine(site, id, machineInterface(id));
    for (const diskId of Object.keys(record.devices)) await release(site, diskId);
    // systemd-nspawn removes this folder itself unless it is killed.
    rmSync(join("/run/systemd/nspawn/propagate", id), { recursive: true, force: true });
}

function attemptRemoval(group: string): true | undefined {
    try {
        removeGroup(group);
        return true;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EBUSY") return undefined;
        throw error;
    }
}

/** Powers a machine off and removes its files. Data disks stay. */
export async function remove(site: Site, id: string): Promise<void> {
    await powerOff(site, id);
    rmSync(paths.machine(site, id), { recursive: true, force: true });
}

/**
 * Stops all processes of a running machine and its network, as when a hypervisor pauses it. Without the network's stop,
 * the kernel that all guests share would still answer for the machine.
 */
export async function freeze(site: Site, id: string): Promise<void> {
    mustRun(site, id);
    await setSilent(site, interfaceOf(site, readMachine(site, id)).address, true);
    setFrozen(machineGroup(site, id), true);
}

/** Resumes a frozen machine. */
export async function thaw(site: Site, id: string): Promise<void> {
    mustRun(site, id);
    await setSilent(site, interfaceOf(site, readMachine(site, id)).address, false);
    setFrozen(machineGroup(site, id), false);
}

function mustRun(site: Site, id: string): void {
    if (initProcess(site, id) === undefined)
        throw new Error(`the machine ${readMachine(site, id).spec.hostname} is not running`);
}

export type MachineState = "running" | "frozen" | "off";

export function stateOf(site: Site, id: string): MachineState {
    if (initProcess(site, id) === undefined) return "off";
    return isFrozen(machineGroup(site, id)) ? "frozen" : "running";
}

/** Attaches a data disk. A running machine gets its device at once. */
export async function attachDisk(site: Site, id: string, disk: DataDisk): Promise<void> {
    const record = readMachine(site, id);
    if (record.devices[disk.diskId]) return;
    const taken = Object.values(record.devices);
    const device = Array.from({ length: 25 }, (_, index) => deviceAt(index)).find((name) => !taken.includes(name));
    if (!device) throw new Error(`${record.spec.hostname} has no free device name for another disk`);
    if (initProcess(site, id) !== undefined) {
        const loop = await attach(site, disk.diskId);
        await mustExecute(site, id, attachScript, [device, disk.deviceName, `${deviceNumber(loop)}`]);
    }
    const disks = [...record.spec.disks.filter((other) => other.diskId !== disk.diskId), disk];
    writeMachine(site, {
        ...record,
        spec: { ...record.spec, disks },
        devices: { ...record.devices, [disk.diskId]: device },
    });
}

/** Detaches a data disk. @throws Error while the guest has it mounted */
export async function detachDisk(site: Site, id: string, diskId: string): Promise<void> {
    const record = readMachine(site, id);
    const { [diskId]: device, ...devices } = record.devices;
    const deviceName = record.spec.disks.find((disk) => disk.diskId === diskId)?.deviceName;
    if (device && initProcess(site, id) !== undefined)
        await mustExecute(site, id, detachScript, [device, deviceName ?? ""]);
    await release(site, diskId);
    writeMachine(site, {
        ...record,
        spec: { ...record.spec, disks: record.spec.disks.filter((disk) => disk.diskId !== diskId) },
        devices,
    });
}

const attachScript =
    'mknod "/dev/$1" b 7 "$3" && chgrp disk "/dev/$1"; chmod 660 "/dev/$1" && mkdir -p /dev/disk/by-id && ln -sfn "../../$1" "/dev/disk/by-id/virtio-$2"';
const detachScript =
    'if grep -q "^/dev/$1 " /proc/mounts; then echo "/dev/$1 is mounted" >&2; exit 1; fi; umount "/dev/$1" 2>/dev/null; rm -f "/dev/$1" "/dev/disk/by-id/virtio-$2"';

async function mustExecute(site: Site, id: string, script: string, args: string[]): Promise<void> {
    const result = await executeInGuest(site, id, ["sh", "-c", script, "sh", ...args]);
    if (result.exitCode !== 0) throw new Error(`${readMachine(site, id).spec.hostname}: ${result.stderr.trim()}`);
}

/** Minor number of a loop device, whose major number is 7. */
function deviceNumber(loop: string): number {
    return statSync(loop).rdev & 0xff;
}

/** The last lines a machine wrote to its console. */
export function consoleTail(site: Site, id: string, lines: number): string {
    const file = paths.console(site, id);
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n") : "";
}

function dataDisks(spec: MachineSpec): DataDisk[] {
    return spec.disks.filter((disk) => !disk.boot);
}

/** 0 → "vdb": the boot disk would be vda. */
function deviceAt(index: number): string {
    return `vd${String.fromCharCode("b".charCodeAt(0) + index)}`;
}

function interfaceOf(site: Site, record: MachineRecord): PlannedInterface {
    const nic = planNetwork(readNetwork(site)).interfaces.find((candidate) => candidate.instanceId === record.spec.id);
    if (!nic) throw new Error(`the network has no interface for ${record.spec.hostname}`);
    return nic;
}

function writeSeed(site: Site, spec: MachineSpec, nic: PlannedInterface, devices: Record<string, string>): void {
    const upper = join(paths.machine(site, spec.id), "upper");
    const seed = join(upper, seedFolder);
    mkdirSync(seed, { recursive: true });
    for (const [name, content] of Object.entries(renderSeed(spec, nic)))
        writeFileSync(join(seed, name), content, { mode: 0o600 });
    const fragments = join(upper, "usr/lib/tmpfiles.d");
    mkdirSync(fragments, { recursive: true });
    const links = dataDisks(spec).map((disk) => ({
        deviceName: disk.deviceName,
        device: devices[disk.diskId] as string,
    }));
    writeFileSync(join(fragments, "testbed-disks.conf"), renderDiskLinks(links));
}
