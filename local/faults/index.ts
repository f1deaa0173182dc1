import type { Fault } from "./fault.ts";
import { networkFaults } from "./network.ts";
import { operationFaults } from "./operations.ts";
import { powerFaults } from "./power.ts";
import { processFaults } from "./processes.ts";
import { replicationFaults } from "./replication.ts";
import { storageFaults } from "./storage.ts";
import { zoneFaults } from "./zones.ts";

/** Every fault, in the order of the tables. */
export const faults: readonly Fault[] = [
    ...powerFaults,
    ...zoneFaults,
    ...networkFaults,
    ...processFaults,
    ...replicationFaults,
    ...storageFaults,
    ...operationFaults,
];

/** @throws Error that lists the names if there is none of this name */
export function faultNamed(name: string): Fault {
    const fault = faults.find((candidate) => candidate.name === name);
    if (!fault) throw new Error(`there is no fault ${name}; there are ${faults.map((known) => known.name).join(", ")}`);
    return fault;
}
