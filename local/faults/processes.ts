/** Programs that are killed, hang, or are stopped. */
import { onMachine } from "../machines.ts";
import type { Cluster } from "../cluster.ts";
import type { End, Fault } from "./fault.ts";

type Choice = (cluster: Cluster) => Promise<string>;

const onLeader: Choice = async (cluster) => (await cluster.roles()).leader;
const onReplica: Choice = async (cluster) => (await cluster.roles()).replicas[0]!;

/** Sends a signal to the main process of a unit. */
function signal(name: string, choose: Choice, unit: string): Fault["inject"] {
    return async (cluster) => {
        await onMachine(await choose(cluster), "systemctl", "kill", "--kill-whom=main", `--signal=${name}`, unit);
    };
}

/** Kills the server process, whose id is in postmaster.pid. */
function killPostgres(choose: Choice): Fault["inject"] {
    return async (cluster) => {
        await onMachine(
            await choose(cluster),
            "bash",
            "-c",
            "kill -9 $(head -n 1 /var/lib/pgsql/17/data/postmaster.pid)",
        );
    };
}

/** Stops a unit on machines. The end starts it again. */
function stopUnit(choose: (cluster: Cluster) => Promise<readonly string[]>, unit: string): Fault["inject"] {
    return async (cluster): Promise<End> => {
        const names = await choose(cluster);
        await Promise.all(names.map((name) => onMachine(name, "systemctl", "stop", unit)));
        return async () => {
            await Promise.all(names.map((name) => onMachine(name, "systemctl", "start", unit)));
        };
    };
}

export const processFaults: readonly Fault[] = [
    {
        name: "postgres-killed",
        title: "postgres on the leader: kill -9",
        inject: killPostgres(onLeader),
        writeGapGoalSeconds: 5,
    },
    {
        name: "postgres-crash-loop",
        title: "postgres on the leader killed every half second until another node is leader",
        inject: async (cluster) => {
            const leader = await onLeader(cluster);
            await onMachine(
                leader,
                "systemd-run",
                "--unit=bench-crash-loop",
                "bash",
                "-c",
                "while true; do kill -9 $(head -n 1 /var/lib/pgsql/17/data/postmaster.pid); sleep 0.5; done",
            );
            return async () => {
                await onMachine(leader, "systemctl", "stop", "bench-crash-loop");
            };
        },
        lasts: "until writes flow",
    },
    {
        name: "patroni-killed",
        title: "Patroni on the leader: kill -9",
        inject: signal("KILL", onLeader, "patroni.service"),
        writeGapGoalSeconds: 5,
    },
    {
        name: "patroni-stopped",
        title: "Patroni on the leader stopped cleanly",
        inject: stopUnit(async (cluster) => [await onLeader(cluster)], "patroni.service"),
        lasts: "until writes flow",
        writeGapGoalSeconds: 1,
    },
    {
        name: "pgbouncer-killed",
        title: "PgBouncer on the leader: kill -9",
        inject: signal("KILL", onLeader, "pgbouncer.service"),
        writeGapGoalSeconds: 3,
    },
    {
        name: "pgbouncer-hung",
        title: "PgBouncer on the leader hangs (SIGSTOP)",
        inject: signal("STOP", onLeader, "pgbouncer.service"),
        lasts: "until writes flow",
    },
    {
        name: "haproxy-killed",
        title: "HAProxy: kill -9 of all its processes",
        inject: async ({ balancer }) => {
            await onMachine(balancer, "systemctl", "kill", "--signal=KILL", "haproxy.service");
        },
        writeGapGoalSeconds: 3,
    },
    { name: "replica-postgres-killed", title: "postgres on a replica: kill -9", inject: killPostgres(onReplica) },
    { name: "etcd-killed", title: "etcd on the leader: kill -9", inject: signal("KILL", onLeader, "etcd.service") },
    {
        name: "etcd-member-lost",
        title: "etcd on a replica stopped for 20 s",
        inject: stopUnit(async (cluster) => [await onReplica(cluster)], "etcd.service"),
        lasts: 20,
    },
    {
        name: "etcd-quorum-lost",
        title: "etcd on both replicas stopped for 40 s (failsafe mode)",
        inject: stopUnit(async (cluster) => (await cluster.roles()).replicas, "etcd.service"),
        lasts: 40,
    },
];
