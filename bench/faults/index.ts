import type { Fault } from "./fault";
import { networkFaults } from "./network";
import { operationFaults } from "./operations";
import { powerFaults } from "./power";
import { processFaults } from "./processes";
import { replicationFaults } from "./replication";
import { storageFaults } from "./storage";
import { zoneFaults } from "./zones";

/** Every fault, in the order of the tables. */
export const faults: readonly Fault[] = [...powerFaults, ...zoneFaults, ...networkFaults, ...processFaults, ...replicationFaults, ...storageFaults, ...operationFaults];

/** @throws Error that lists the names if there is none of this name */
export function faultNamed(name: string): Fault {
    const fault = faults.find((candidate) => candidate.name === name);
    if (!fault) throw new Error(`there is no fault ${name}; there are ${faults.map((known) => known.name).join(", ")}`);
    return fault;
}
