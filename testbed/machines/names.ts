import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * A testbed's folder and names on the host. Testbeds with different prefixes do not see each other, so a test can run
 * machines of its own while a testbed is up.
 */
export interface Site {
    /** Folder of everything that the testbed writes, by its real path. */
    folder: string;
    /** First part of the names of namespaces and control groups, at most 8 letters. */
    prefix: string;
}

/** Interfaces in the cloud's namespace: one to the Internet, `v…` to machines, `c…` to clients, `delay…` for latency. */
export const internetInterface = "internet";
export const machineInterfacePrefix = "v";
export const clientInterfacePrefix = "c";
export const delayInterfacePrefix = "delay";

/** An interface name has at most 15 characters, an instance id has 20: so the id's hash. */
function shortName(id: string): string {
    return createHash("sha256").update(id).digest("hex").slice(0, 8);
}

export const cloudNamespace = (site: Site): string => `${site.prefix}-cloud`;
export const internetNamespace = (site: Site): string => `${site.prefix}-internet`;
export const machineNamespace = (site: Site, id: string): string => `${site.prefix}-${shortName(id)}`;
export const clientNamespace = (site: Site, client: string): string =>
    `${site.prefix}-${clientInterfacePrefix}${client}`;
/** The cloud's end of a machine's cable. */
export const machineInterface = (id: string): string => `${machineInterfacePrefix}${shortName(id)}`;
/** Path of a machine's control group below the root of each hierarchy. */
export const machineGroup = (site: Site, id: string): string => join(site.prefix, id);

/** Files of a testbed. */
export const paths = {
    networkState: (site: Site): string => join(site.folder, "network.json"),
    faults: (site: Site): string => join(site.folder, "faults.json"),
    balancing: (site: Site): string => join(site.folder, "balancing.json"),
    machines: (site: Site): string => join(site.folder, "machines"),
    machine: (site: Site, id: string): string => join(site.folder, "machines", id),
    console: (site: Site, id: string): string => join(site.folder, "machines", id, "console.log"),
    disks: (site: Site): string => join(site.folder, "disks"),
    disk: (site: Site, id: string): string => join(site.folder, "disks", `${id}.img`),
    /** Files of running helpers (DNS server, delay line): of no use after they ended. */
    run: (site: Site): string => join(site.folder, "run"),
};

/** A version 4 shaped UUID that is the same for the same id, so that a machine keeps its machine-id. */
export function machineUuid(id: string): string {
    const hex = createHash("sha256").update(id).digest("hex");
    return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        `4${hex.slice(13, 16)}`,
        `a${hex.slice(17, 20)}`,
        hex.slice(20, 32),
    ].join("-");
}
