/** Replicas that fall behind, and synchronous standbys. */
import { powerOff, start } from "../../testbed/machines/machine.ts";
import { eventually } from "../eventually.ts";
import { machineId, onMachine } from "../machines.ts";
import { site } from "../this-testbed.ts";
import { superuserSql } from "../machines.ts";
import { type End, type Fault, orUndo } from "./fault.ts";
import { writeWal } from "./wal.ts";

/** Above the default of `maxReplicaLagMib`. */
const lagMib = 64;

const standbysThatCount = `SELECT string_agg(application_name, ',') FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')`;

export const replicationFaults: readonly Fault[] = [
    {
        name: "replica-lags",
        title: `A replica's replay hangs for 30 s, and ${lagMib} MiB are written meanwhile`,
        inject: async (cluster) => {
            const { leader, replicas } = await cluster.roles();
            const replica = replicas[0]!;
            // Not pg_wal_replay_pause(): Patroni would soon end the pause.
            const process = await superuserSql(
                replica,
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'",
            );
            const resume: End = async () => {
                await onMachine(replica, "kill", "-CONT", process);
            };
            return orUndo(resume, async () => {
                await onMachine(replica, "kill", "-STOP", process);
                await writeWal(leader, lagMib);
                // Otherwise the fault would have no effect.
                await eventually(
                    20,
                    () => cluster.servers(),
                    (servers) => servers?.replicas.includes(replica) === false,
                );
            });
        },
        lasts: 30,
    },
    {
        name: "sync-standby-lost",
        title: "The only standby that confirms commits loses power (the other's Patroni is stopped)",
        inject: async (cluster) => {
            const { leader, replicas } = await cluster.roles();
            const [confirms, resting] = replicas as [string, string];
            const bringBack: End = async () => {
                await Promise.all([
                    start(site, machineId(confirms)),
                    onMachine(resting, "systemctl", "start", "patroni.service"),
                ]);
            };
            return orUndo(bringBack, async () => {
                await onMachine(resting, "systemctl", "stop", "patroni.service");
                await eventually(
                    30,
                    () => superuserSql(leader, standbysThatCount),
                    (names) => names === confirms,
                );
                await powerOff(site, machineId(confirms));
            });
        },
        lasts: "until writes flow",
    },
];
