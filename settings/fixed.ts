/** Settings that a running cluster cannot change, and what to do instead. components/fixed-settings.ts uses this. */
import type { Mistake } from "./mistakes.ts";
import type { Settings } from "./index.ts";

/** Values with which a cluster was created, by key of the configuration. */
export interface FixedSettings {
    readonly clusterName: string;
    readonly networkCidr: string;
    readonly zones: readonly string[];
    readonly sshUser: string;
    readonly databaseDataDiskType: string;
    /** It may grow. */
    readonly databaseDataDiskSizeGib: number;
}

export function fixedSettings({ clusterName, network, zones, ssh, dataDisk }: Settings): FixedSettings {
    return {
        clusterName,
        networkCidr: network.cidr,
        zones,
        sshUser: ssh.user,
        databaseDataDiskType: dataDisk.type,
        databaseDataDiskSizeGib: dataDisk.sizeGib,
    };
}

const another = "Create a second stack with the new value and move the data there with pg_dump or logical replication";

/** Why each setting cannot change, and what to do instead. The size is not here, because it may grow. */
const reasons: Readonly<Record<Exclude<keyof FixedSettings, "databaseDataDiskSizeGib">, string>> = {
    clusterName: `the name of every machine and disk contains it, so all of them would be replaced by empty ones. ${another}`,
    networkCidr: `the address of every machine is part of it. ${another}`,
    zones: `nodes would move to other zones, and their data disks cannot follow. ${another}`,
    sshUser:
        "existing machines have the account with which they were created and get no other. Add keys to sshPublicKeys, or create accounts by hand",
    databaseDataDiskType: `a disk of another type is a new, empty disk, for all nodes at once. ${another}`,
};

/**
 * A validation error for each change that would lose the cluster's data or the access to its machines.
 * @param had values with which the cluster was created
 * @param largestDiskGib size of the largest existing data disk; 0 if there is none
 */
export function refusedChanges(had: FixedSettings, wanted: FixedSettings, largestDiskGib: number): readonly Mistake[] {
    const keys = Object.keys(reasons) as (keyof typeof reasons)[];
    const changed = keys.filter((key) => JSON.stringify(had[key]) !== JSON.stringify(wanted[key]));
    const mistakes = changed.map((key): Mistake => ({
        key,
        value: wanted[key],
        rule: `must stay ${JSON.stringify(had[key])}: ${reasons[key]}`,
    }));
    if (wanted.databaseDataDiskSizeGib < largestDiskGib) {
        const rule = `must be at least ${largestDiskGib}: a disk cannot shrink. A smaller one would be a new, empty disk, for all nodes at once. ${another}`;
        mistakes.push({ key: "databaseDataDiskSizeGib", value: wanted.databaseDataDiskSizeGib, rule });
    }
    return mistakes;
}
