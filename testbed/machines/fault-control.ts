import { startDelays } from "./delays.ts";
import { type Fault, delaysOf, refuseFault, renderFaults } from "./faults.ts";
import { cloudNamespace, type Site } from "./names.ts";
import { inNamespace } from "./namespaces.ts";
import { readFaults, readNetwork, writeFaults } from "./records.ts";

/**
 * Adds a fault to those in force.
 * @throws Error if it is invalid
 */
export async function addFault(site: Site, fault: Fault): Promise<void> {
    const problem = refuseFault(fault);
    if (problem) throw new Error(problem);
    writeFaults(site, [...readFaults(site), fault]);
    await applyFaults(site);
}

/** Ends all faults of links. */
export async function healAll(site: Site): Promise<void> {
    writeFaults(site, []);
    await applyFaults(site);
}

/** Private address of a machine. @throws Error if it has no interface */
export function addressOf(site: Site, id: string): string {
    const nic = readNetwork(site).interfaces.find((candidate) => candidate.instanceId === id);
    if (!nic) throw new Error(`the network has no interface for ${id}`);
    return nic.address;
}

/** Applies the recorded faults to the kernel. */
export async function applyFaults(site: Site): Promise<void> {
    const faults = readFaults(site);
    await startDelays(site, delaysOf(faults));
    await inNamespace(cloudNamespace(site), "nft", ["-f", "-"], { input: renderFaults(faults) });
}
