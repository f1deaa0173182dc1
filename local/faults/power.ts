/** Machines that lose power, freeze, or reboot. */
import { freeze, powerOff, start, thaw } from "../../testbed/machines/machine.ts";
import { eventually } from "../eventually.ts";
import { machineId, onMachine } from "../machines.ts";
import { site } from "../this-testbed.ts";
import type { Cluster } from "../cluster.ts";
import { superuserSql } from "../machines.ts";
import { type End, type Fault, orUndo } from "./fault.ts";
import { writeWal } from "./wal.ts";

/** Cuts the power of several machines at the same moment. The end starts them again. */
export async function losePower(names: readonly string[]): Promise<End> {
    await Promise.all(names.map((name) => powerOff(site, machineId(name))));
    return async () => {
        await Promise.all(names.map((name) => start(site, machineId(name))));
    };
}

async function freezeMachine(name: string): Promise<End> {
    await freeze(site, machineId(name));
    return () => thaw(site, machineId(name));
}

/** Moves etcd's leader to, or away from, PostgreSQL's leader. The fault must follow within 10 s, before etcd-leader-away checks again. */
async function placeEtcdLeader(cluster: Cluster, onLeader: boolean): Promise<void> {
    const { leader, replicas } = await cluster.roles();
    await cluster.moveEtcdLeader(onLeader ? leader : replicas[0]!);
}

async function leaderLosesPower(cluster: Cluster): Promise<End> {
    return losePower([(await cluster.roles()).leader]);
}

/** Far above Patroni's default lag limit (1 MiB). */
const aheadMib = 64;

/** The leader's WAL position in bytes, as Patroni has published it. */
async function publishedPosition(node: string): Promise<number> {
    const values = await onMachine(node, "bash", "-lc", "etcdctl get --prefix --print-value-only /service/");
    return Number(/"optime":\s*(\d+)/.exec(values)?.[1] ?? 0);
}

/** The goal by profile, wherever etcd's leader was. */
const lostMachineSeconds = { fast: 22, normal: 30 };

export const powerFaults: readonly Fault[] = [
    {
        name: "leader-power-loss",
        title: "Leader's machine loses power",
        writeGapGoalSeconds: lostMachineSeconds,
        prepare: (cluster) => placeEtcdLeader(cluster, false),
        inject: leaderLosesPower,
        lasts: "until writes flow",
    },
    {
        name: "leader-power-loss-with-etcd-leader",
        title: "The same, with etcd's leader on it",
        writeGapGoalSeconds: lostMachineSeconds,
        inject: async (cluster) => {
            const { leader } = await cluster.roles();
            await cluster.moveEtcdLeader(leader);
            return losePower([leader]);
        },
        lasts: "until writes flow",
    },
    {
        name: "leader-power-loss-ahead",
        title: `Leader's machine loses power with ${aheadMib} MiB of WAL that no replica has`,
        inject: async (cluster) => {
            const { leader } = await cluster.roles();
            const senders = (await superuserSql(leader, "SELECT pid FROM pg_stat_replication")).split("\n");
            const goOn: End = async () => {
                await onMachine(leader, "kill", "-CONT", ...senders);
            };
            await orUndo(goOn, async () => {
                await onMachine(leader, "kill", "-STOP", ...senders);
                await writeWal(leader, aheadMib);
                const written = Number(await superuserSql(leader, "SELECT pg_current_wal_lsn() - '0/0'"));
                // Patroni publishes the leader's position once in each round.
                await eventually(
                    15,
                    () => publishedPosition(leader),
                    (position) => position >= written,
                );
            });
            return losePower([leader]);
        },
        lasts: "until writes flow",
    },
    {
        name: "leader-freeze-5s",
        title: "Leader's machine frozen for 5 s",
        inject: async (cluster) => freezeMachine((await cluster.roles()).leader),
        lasts: 5,
    },
    {
        name: "leader-freeze-10s",
        title: "Leader's machine frozen for 10 s (live migration)",
        inject: async (cluster) => freezeMachine((await cluster.roles()).leader),
        lasts: 10,
    },
    {
        name: "leader-freeze",
        title: "Leader's machine frozen until another node is leader",
        prepare: (cluster) => placeEtcdLeader(cluster, false),
        inject: async (cluster) => freezeMachine((await cluster.roles()).leader),
        lasts: "until writes flow",
    },
    {
        name: "replica-power-loss",
        title: "A replica's machine loses power",
        inject: async (cluster) => losePower([(await cluster.roles()).replicas[0]!]),
        lasts: 10,
    },
    {
        name: "both-replicas-power-loss",
        title: "Both replicas lose power (no quorum in etcd, no standby)",
        inject: async (cluster) => losePower((await cluster.roles()).replicas),
        lasts: 30,
    },
    {
        name: "all-nodes-power-loss",
        title: "All database nodes lose power for 5 s",
        inject: (cluster) => losePower(cluster.nodes),
        lasts: 5,
    },
    {
        name: "balancer-power-loss",
        title: "A load balancer's machine loses power for 10 s",
        inject: ({ balancer }) => losePower([balancer]),
        lasts: 10,
    },
    {
        name: "rolling-reboot",
        title: "Every database node rebooted in turn, replicas first",
        inject: async (cluster) => {
            const { leader, replicas } = await cluster.roles();
            for (const name of [...replicas, leader]) {
                await onMachine(name, "systemctl", "--no-block", "reboot");
                // The cluster still looks whole until the machine goes down.
                await new Promise((resolve) => setTimeout(resolve, 3000));
                await cluster.whole(120);
            }
        },
    },
];
