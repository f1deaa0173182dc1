/** Settings that a running cluster cannot change, and what to do instead. Pure: components/fixed-settings.ts asks. */
import type { Mistake } from "./mistakes.ts";
import type { Settings } from "./index.ts";

/** What a cluster was made with, by configuration key. */
export interface FixedSettings {
    readonly clusterName: string;
    readonly networkCidr: string;
    readonly zones: readonly string[];
    readonly sshUser: string;
    readonly databaseDataDiskType: string;
    /** May grow. */
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

const another = "Make a second stack with the new value and move the data there with pg_dump or logical replication";

/** Why each cannot change, and what to do instead. The size is a case of its own: it may grow. */
const reasons: Readonly<Record<Exclude<keyof FixedSettings, "databaseDataDiskSizeGib">, string>> = {
    clusterName: `every machine and disk has its name from it, so all would be made anew, empty. ${another}`,
    networkCidr: `every machine has its address from it. ${another}`,
    zones: `nodes would move to other zones, and their data disks cannot follow. ${another}`,
    sshUser:
        "the machines have the account they were made with, and no other lets anybody in. Add keys to sshPublicKeys, or accounts by hand",
    databaseDataDiskType: `a disk of another type is a new, empty one, for all nodes at once. ${another}`,
};

/**
 * Changes that would lose the cluster's data or the way to its machines.
 * @param had what the cluster was made with
 * @param largestDiskGib size of the largest data disk there is; 0 where there is none
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
        const rule = `must be at least ${largestDiskGib}: a disk cannot shrink, a smaller one would be a new, empty one, for all nodes at once. ${another}`;
        mistakes.push({ key: "databaseDataDiskSizeGib", value: wanted.databaseDataDiskSizeGib, rule });
    }
    return mistakes;
}
