/** What Patroni, etcd, PostgreSQL and HAProxy did during a run, from the machines' journals. */
import { executeInGuest } from "../../testbed/machines/guest.ts";
import { listMachines } from "../../testbed/machines/records.ts";
import { site } from "../../local/this-testbed.ts";
import type { Trace } from "../../local/faults/run-fault.ts";

export interface Event {
    /** In ms of the monotonic clock. */
    readonly at: number;
    /** Host name. */
    readonly machine: string;
    readonly text: string;
}

/** The relevant lines, and their names in the picture. */
const patterns: readonly [unit: string, pattern: RegExp, name: string][] = [
    ["patroni", /promoted self to leader/, "becomes leader"],
    ["patroni", /database system is ready to accept connections/, "PostgreSQL accepts writes"],
    ["replica-guard", /copying anew/, "is copied anew"],
    ["patroni", /database system is ready to accept read-only connections/, "PostgreSQL accepts reads"],
    ["patroni", /started streaming WAL from primary/, "streams"],
    ["patroni", /received fast shutdown request/, "PostgreSQL shuts down"],
    ["patroni", /received immediate shutdown request/, "PostgreSQL stops at once"],
    ["patroni", /Demoting self|demoted self/i, "steps down"],
    ["patroni", /continue to run as a leader because failsafe mode/, "stays leader in failsafe mode"],
    ["patroni", /Postmaster died|crashed|doing crash recovery/i, "finds PostgreSQL crashed"],
    ["patroni", /parameter "synchronous_standby_names" changed/, "changes synchronous standbys"],
    ["etcd", /elected leader/, "etcd: new leader seen"],
    ["etcd", /became leader at term/, "becomes etcd's leader"],
    ["haproxy", /^Server leader\/(\S+) is DOWN/, "leader out: $1"],
    ["haproxy", /^Server leader\/(\S+) is UP/, "leader in: $1"],
    ["haproxy", /^Server replicas\/(\S+) is DOWN/, "replica out: $1"],
    ["haproxy", /^Server replicas\/(\S+) is UP/, "replica in: $1"],
];

/** The events of a run in the order of time, on the machines that run now. */
export async function eventsOf(trace: Trace): Promise<Event[]> {
    const since = (trace.span.from + trace.wallOffset) / 1000;
    const events = await Promise.all(
        listMachines(site).map(async ({ spec }) => {
            const { stdout } = await executeInGuest(site, spec.id, [
                "journalctl",
                "--no-pager",
                "--output=json",
                "--output-fields=MESSAGE,_SYSTEMD_UNIT",
                `--since=@${since.toFixed(3)}`,
                "--unit=patroni",
                "--unit=etcd",
                "--unit=haproxy",
                "--unit=replica-guard",
            ]);
            return stdout
                .split("\n")
                .filter(Boolean)
                .flatMap((line) => toEvents(spec.hostname, JSON.parse(line) as JournalEntry));
        }),
    );
    return events
        .flat()
        .filter(({ at }) => at >= trace.span.from && at <= trace.span.to)
        .sort((a, b) => a.at - b.at)
        .filter(isNews);
}

/** Whether an event differs from the machine's last one: repeated attempts are shown once. */
function isNews({ machine, text }: Event, index: number, all: readonly Event[]): boolean {
    return all.slice(0, index).findLast((earlier) => earlier.machine === machine)?.text !== text;
}

interface JournalEntry {
    readonly MESSAGE: string | number[];
    readonly _SYSTEMD_UNIT?: string;
    /** In µs. Machines share the host's kernel and its clock. */
    readonly __MONOTONIC_TIMESTAMP: string;
}

function toEvents(machine: string, entry: JournalEntry): Event[] {
    const message = typeof entry.MESSAGE === "string" ? entry.MESSAGE : Buffer.from(entry.MESSAGE).toString();
    const known = patterns.find(
        ([unit, pattern]) => entry._SYSTEMD_UNIT === `${unit}.service` && pattern.test(message),
    );
    if (!known) return [];
    const [, pattern, name] = known;
    const text = name.replace("$1", pattern.exec(message)?.[1] ?? "");
    return [{ at: Number(entry.__MONOTONIC_TIMESTAMP) / 1000, machine, text }];
}
