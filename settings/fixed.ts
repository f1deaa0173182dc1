/** Refuses changes that a running cluster cannot make. The reasons are in the declarations (`fixed`). */
import type { Mistake } from "./mistakes.ts";
import { keys, type Settings } from "./index.ts";
import { secondStack } from "./key.ts";

/** Values with which a cluster was created, by key of the configuration. */
export interface FixedSettings {
    readonly clusterName: string;
    /** Empty for a network of the cluster's own, as in every state of version 0.1.0, where it is absent. */
    readonly networkId?: string;
    readonly networkCidr: string;
    readonly zones: readonly string[];
    readonly sshUser: string;
    readonly databaseDataDiskType: string;
    /** Absent in a state of version 0.1.0. */
    readonly postgresqlVersion?: number;
    /** It may grow. */
    readonly databaseDataDiskSizeGib: number;
}

/** The values that a running cluster cannot change. */
export function fixedSettings({ clusterName, network, zones, ssh, dataDisk, postgresql }: Settings): FixedSettings {
    return {
        clusterName,
        networkId: network.id ?? "",
        networkCidr: network.cidr,
        zones,
        sshUser: ssh.user,
        databaseDataDiskType: dataDisk.type,
        postgresqlVersion: postgresql.majorVersion,
        databaseDataDiskSizeGib: dataDisk.sizeGib,
    };
}

/**
 * A validation error for each change that would lose the cluster's data or the access to its machines.
 * @param had values with which the cluster was created
 * @param largestDiskGib size of the largest existing data disk; 0 if there is none
 */
export function refusedChanges(had: FixedSettings, wanted: FixedSettings, largestDiskGib: number): readonly Mistake[] {
    const before = { networkId: "", ...had };
    const mistakes = Object.entries(keys).flatMap(([name, { fixed }]): Mistake[] => {
        const key = name as keyof FixedSettings;
        const [was, is] = [before[key], wanted[key]];
        if (fixed === undefined || was === undefined || JSON.stringify(was) === JSON.stringify(is)) return [];
        return [{ key, value: is, rule: `must stay ${JSON.stringify(was)}: ${fixed}` }];
    });
    if (wanted.databaseDataDiskSizeGib < largestDiskGib) {
        const rule = `must be at least ${largestDiskGib}: a disk cannot shrink. A smaller one would be a new, empty disk, for all nodes at once. ${secondStack}`;
        mistakes.push({ key: "databaseDataDiskSizeGib", value: wanted.databaseDataDiskSizeGib, rule });
    }
    return mistakes;
}
