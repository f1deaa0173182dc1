/** Full data disks, and disks that a dead replica could fill. */
import { eventually } from "../eventually.ts";
import { onMachine } from "../machines.ts";
import { superuserSql } from "../machines.ts";
import { type End, type Fault, orUndo } from "./fault.ts";
import { losePower } from "./power.ts";
import { setParameter, walMib, writeWal } from "./wal.ts";

const fillFile = "/var/lib/pgsql/bench-fill";

/** Fills all space that PostgreSQL's account can use. */
const fillDisk = `cd / && runuser -u postgres -- bash -c '
    fallocate --length "$(df --output=avail --block-size=1 /var/lib/pgsql | tail -n 1)" ${fillFile} 2>/dev/null
    while head --bytes=65536 /dev/zero >>${fillFile}; do :; done 2>/dev/null'; test -s ${fillFile}`;

/** Far more than the WAL files that a server of the testbed has prepared. */
const walUntilFullMib = 2048;

const keptForReplicaMib = 128;
/** The WAL that the dead replica misses. A checkpoint follows each piece, because only checkpoints remove WAL. */
const missed = { pieces: 12, mib: 64 };
/** Upper bound of pg_wal: what the slot may hold, min_wal_size, wal_keep_size, and the pieces before and after a checkpoint. It is less than all missed WAL. */
const mostWalMib = keptForReplicaMib + 256 + 128 + 2 * missed.mib;

/** Whether every replica but the dead one has received the WAL. The dead one's connection can still be listed. */
const receivedByOthers = (dead: string) =>
    `SELECT bool_and(flush_lsn >= pg_current_wal_lsn() - 1024 * 1024::numeric) FROM pg_stat_replication WHERE application_name <> '${dead}'`;

export const storageFaults: readonly Fault[] = [
    {
        name: "disk-full",
        title: "Data disk full on the leader, until another node is leader",
        inject: async (cluster) => {
            const { leader } = await cluster.roles();
            const makeRoom: End = async () => {
                await onMachine(leader, "rm", "-f", fillFile);
            };
            return orUndo(makeRoom, async () => {
                await onMachine(leader, "bash", "-c", fillDisk);
                // The server must stop, which ends this with an error.
                const outlived = await writeWal(leader, walUntilFullMib).then(
                    () => true,
                    () => false,
                );
                if (outlived) throw new Error(`${leader} wrote ${walUntilFullMib} MiB on a full disk`);
            });
        },
        lasts: "until writes flow",
    },
    {
        name: "wal-held-by-dead-replica",
        title: `A replica is dead until its slot is lost (max_slot_wal_keep_size ${keptForReplicaMib} MiB)`,
        inject: async (cluster) => {
            const { leader, replicas } = await cluster.roles();
            const replica = replicas[0]!;
            const putBack = await setParameter(leader, "max_slot_wal_keep_size", `${keptForReplicaMib}MB`);
            const powerOn = await losePower([replica]);
            const lastReceived = await superuserSql(leader, "SELECT pg_current_wal_lsn()");
            const bringBack: End = async () => {
                await putBack();
                await powerOn();
            };
            return orUndo(bringBack, async () => {
                for (let piece = 0; piece < missed.pieces; piece++) {
                    await writeWal(leader, missed.mib);
                    // The other replica must keep its slot, even on a slow computer.
                    await eventually(
                        120,
                        () => superuserSql(leader, receivedByOthers(replica)),
                        (answer) => answer === "t",
                    );
                    await superuserSql(leader, "CHECKPOINT");
                    const size = await walMib(leader);
                    if (size > mostWalMib)
                        throw new Error(`${leader} keeps ${size} MiB of WAL, more than ${mostWalMib}`);
                }
                // Lost, or already dropped and recreated for later WAL.
                const slot = `SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${replica.replaceAll("-", "_")}' AND wal_status <> 'lost' AND restart_lsn <= '${lastReceived}'`;
                await eventually(
                    60,
                    () => superuserSql(leader, slot),
                    (count) => count === "0",
                );
            });
        },
        lasts: 0,
    },
];
