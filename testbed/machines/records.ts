import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MachineSpec, NetworkState } from "./driver.ts";
import type { Fault } from "./faults.ts";
import { paths, type Site } from "./names.ts";
import type { BalancerHealth } from "./target-health.ts";

/** The testbed's record of a machine, with which any process can handle it. */
export interface MachineRecord {
    spec: MachineSpec;
    /** The image's root that the machine was made from. */
    rootPath: string;
    /** Whether the machine runs when the testbed is up. */
    wanted: "running" | "stopped";
    /** Device names by disk id ("vdb") of the attached data disks. */
    devices: Record<string, string>;
}

const recordFile = (site: Site, id: string): string => join(paths.machine(site, id), "machine.json");

export function machineExists(site: Site, id: string): boolean {
    return existsSync(recordFile(site, id));
}

/** @throws Error if there is no such machine */
export function readMachine(site: Site, id: string): MachineRecord {
    if (!machineExists(site, id)) throw new Error(`there is no machine ${id}`);
    return readJson<MachineRecord>(recordFile(site, id)) as MachineRecord;
}

export function writeMachine(site: Site, record: MachineRecord): void {
    writeJson(recordFile(site, record.spec.id), record);
}

/** Every machine, in the order of their names. */
export function listMachines(site: Site): MachineRecord[] {
    if (!existsSync(paths.machines(site))) return [];
    return readdirSync(paths.machines(site))
        .filter((id) => machineExists(site, id))
        .map((id) => readMachine(site, id))
        .sort((a, b) => a.spec.hostname.localeCompare(b.spec.hostname));
}

/**
 * Finds machines by id, host name, or the host name's end: "db-1" is "main-db-1".
 * @throws Error that lists the names if none or several machines match
 */
export function findMachine(site: Site, name: string): MachineRecord {
    const machines = listMachines(site);
    const exact = machines.filter(({ spec }) => [spec.id, spec.name, spec.hostname, spec.fqdn].includes(name));
    const matches = exact.length > 0 ? exact : machines.filter(({ spec }) => spec.hostname.endsWith(`-${name}`));
    const [match] = matches;
    if (match && matches.length === 1) return match;
    const names = (matches.length > 1 ? matches : machines).map(({ spec }) => spec.hostname).join(", ") || "none";
    throw new Error(
        matches.length > 1 ? `${name} could be ${names}` : `there is no machine ${name}; machines: ${names}`,
    );
}

const noNetwork: NetworkState = { subnets: [], securityGroups: [], interfaces: [] };

/** The network that was applied last. */
export function readNetwork(site: Site): NetworkState {
    return readJson<NetworkState>(paths.networkState(site)) ?? noNetwork;
}

export function writeNetwork(site: Site, state: NetworkState): void {
    writeJson(paths.networkState(site), state);
}

/** Faults of links in force. */
export function readFaults(site: Site): Fault[] {
    return readJson<Fault[]>(paths.faults(site)) ?? [];
}

export function writeFaults(site: Site, faults: Fault[]): void {
    writeJson(paths.faults(site), faults);
}

/** The health of targets, by the load balancer's id. */
export function readBalancing(site: Site): Record<string, BalancerHealth> {
    return readJson<Record<string, BalancerHealth>>(paths.balancing(site)) ?? {};
}

export function writeBalancing(site: Site, health: Readonly<Record<string, BalancerHealth>>): void {
    writeJson(paths.balancing(site), health);
}

function readJson<T>(file: string): T | undefined {
    try {
        return JSON.parse(readFileSync(file, "utf8")) as T;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
}

/** Replaces a file atomically. */
function writeJson(file: string, value: unknown): void {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    // The mode protects the machines' user-data and metadata.
    writeFileSync(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, file);
}
