/** When the machines of a new cluster reached each step, from their journals. */
import { executeInGuest } from "../../testbed/machines/guest.ts";
import type { Site } from "../../testbed/machines/names.ts";
import { listMachines } from "../../testbed/machines/records.ts";

/** Seconds from the start until the last machine reached the step. */
export type Milestones = Readonly<Record<string, number>>;

interface Milestone {
    readonly name: string;
    /** Matches a line of the journal. The first match on each machine counts. */
    readonly pattern: RegExp;
}

/** In the order of time. */
export const milestones: readonly Milestone[] = [
    { name: "machines run", pattern: /./ },
    { name: "user-data read, network and SSH up", pattern: /Started sshd\.service/ },
    { name: "packages begin", pattern: /first-boot: installing/ },
    { name: "packages installed, first boot done", pattern: /first-boot: done/ },
    { name: "secrets there: Patroni started", pattern: /Started patroni\.service/ },
    { name: "leader bootstrapped", pattern: /initialized a new cluster/ },
    { name: "base backups taken", pattern: /replica has been created using/ },
    { name: "replicas stream", pattern: /started streaming WAL from primary/ },
    { name: "commits wait for a standby", pattern: /parameter "synchronous_standby_names" changed to "ANY 1 \("/ },
    { name: "HAProxy has the leader", pattern: /^Server leader\/\S+ is UP/ },
];

/** @param startedAt wall clock, in ms */
export async function milestonesOf(site: Site, startedAt: number): Promise<Milestones> {
    const journals = await Promise.all(
        listMachines(site).map(async ({ spec }) => {
            const { stdout } = await executeInGuest(site, spec.id, [
                "journalctl",
                "--no-pager",
                "--boot",
                "--output=json",
                "--output-fields=MESSAGE",
            ]);
            return stdout
                .split("\n")
                .filter(Boolean)
                .map((line) => JSON.parse(line) as { MESSAGE?: unknown; __REALTIME_TIMESTAMP: string });
        }),
    );
    const entries = milestones.flatMap(({ name, pattern }) => {
        const moments = journals.flatMap((journal) => {
            const first = journal.find(({ MESSAGE }) => typeof MESSAGE === "string" && pattern.test(MESSAGE));
            return first ? [Number(first.__REALTIME_TIMESTAMP) / 1000] : [];
        });
        return moments.length === 0 ? [] : [[name, (Math.max(...moments) - startedAt) / 1000] as const];
    });
    return Object.fromEntries(entries);
}
