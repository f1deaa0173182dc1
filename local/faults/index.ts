import type { Fault } from "./fault.ts";
import { networkFaults } from "./network.ts";
import { operationFaults } from "./operations.ts";
import { powerFaults } from "./power.ts";
import { processFaults } from "./processes.ts";
import { replicationFaults } from "./replication.ts";
import { storageFaults } from "./storage.ts";
import { zoneFaults } from "./zones.ts";

/** All faults, in the order of the tables. */
export const faults: readonly Fault[] = [
    ...powerFaults,
    ...zoneFaults,
    ...networkFaults,
    ...processFaults,
    ...replicationFaults,
    ...storageFaults,
    ...operationFaults,
];

/** @throws Error that lists the names if no fault has this name */
export function faultNamed(name: string): Fault {
    const fault = faults.find((candidate) => candidate.name === name);
    if (!fault)
        throw new Error(`unknown fault ${name}; the faults are ${faults.map((known) => known.name).join(", ")}`);
    return fault;
}
