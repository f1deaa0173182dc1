import { forEachRole, type Role } from "../../cluster/roles.ts";

/** How many machines of each role an address plan has. A role that is not named has one. */
export function machineCounts(counts: Partial<Readonly<Record<Role, number>>>) {
    return forEachRole((role) => ({ count: counts[role] ?? 1 }));
}
