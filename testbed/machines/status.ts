import { memoryOf } from "./cgroups.ts";
import { type MachineState, stateOf } from "./machine.ts";
import { machineGroup, type Site } from "./names.ts";
import { listMachines, readBalancing, readNetwork } from "./records.ts";

export interface MachineStatus {
    id: string;
    hostname: string;
    zone: string;
    state: MachineState;
    address: string;
    publicAddress?: string;
    /** Memory of programs, and page cache charged to the machine, in bytes. */
    memory: { programs: number; pageCache: number };
    /** The testbed's user's description of what the machine does. */
    role?: string;
}

/** Describes what a running machine does; undefined if that is unknown. */
export type DescribeRole = (site: Site, id: string, address: string) => Promise<string | undefined>;

/** The present state of all machines. */
export async function machineStatuses(site: Site, describeRole?: DescribeRole): Promise<MachineStatus[]> {
    const { interfaces } = readNetwork(site);
    return Promise.all(
        listMachines(site).map(async ({ spec }): Promise<MachineStatus> => {
            const nic = interfaces.find((candidate) => candidate.instanceId === spec.id);
            const state = stateOf(site, spec.id);
            const role = state === "running" && nic ? await describeRole?.(site, spec.id, nic.address) : undefined;
            return {
                id: spec.id,
                hostname: spec.hostname,
                zone: spec.zone,
                state,
                address: nic?.address ?? "",
                ...(nic?.publicAddress ? { publicAddress: nic.publicAddress } : {}),
                memory: memoryOf(machineGroup(site, spec.id)),
                ...(role ? { role } : {}),
            };
        }),
    );
}

export interface BalancerStatus {
    name: string;
    address: string;
    /** Whether a target gets new connections, by its host name. */
    targets: Record<string, "healthy" | "unhealthy">;
}

/** All network load balancers with the results of their checks. */
export function balancerStatuses(site: Site): BalancerStatus[] {
    const { interfaces, networkLoadBalancers = [] } = readNetwork(site);
    const health = readBalancing(site);
    const nameOf = (address: string): string => interfaces.find((nic) => nic.address === address)?.hostname ?? address;
    return networkLoadBalancers.map(({ id, name, address, targets }) => ({
        name,
        address,
        targets: Object.fromEntries(
            targets.map((target) => [nameOf(target), health[id]?.targets[target]?.healthy ? "healthy" : "unhealthy"]),
        ),
    }));
}

/** The statuses as a table for people. */
export function renderStatuses(statuses: readonly MachineStatus[]): string {
    const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}`;
    const rows = statuses.map((status) => [
        status.hostname,
        status.zone,
        status.state,
        status.address,
        status.publicAddress ?? "",
        mib(status.memory.programs),
        mib(status.memory.pageCache),
        status.role ?? "",
    ]);
    return table([["MACHINE", "ZONE", "STATE", "ADDRESS", "PUBLIC", "MEMORY MiB", "CACHE MiB", "ROLE"], ...rows]);
}

function table(rows: string[][]): string {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    return rows
        .map((row) =>
            row
                .map((cell, column) => cell.padEnd(widths[column] as number))
                .join("  ")
                .trimEnd(),
        )
        .join("\n");
}
