/** Data disks that are full, or that a dead replica would fill. */
import { eventually } from "../eventually.ts";
import { onMachine } from "../machines.ts";
import { superuserSql } from "../machines.ts";
import { type End, type Fault, orUndo } from "./fault.ts";
import { losePower } from "./power.ts";
import { setParameter, walMib, writeWal } from "./wal.ts";

const fillFile = "/var/lib/pgsql/bench-fill";

/** Takes every block that PostgreSQL's account could have. */
const fillDisk = `cd / && runuser -u postgres -- bash -c '
    fallocate --length "$(df --output=avail --block-size=1 /var/lib/pgsql | tail -n 1)" ${fillFile} 2>/dev/null
    while head --bytes=65536 /dev/zero >>${fillFile}; do :; done 2>/dev/null'; test -s ${fillFile}`;

/** Far more than the WAL files that a server of the testbed keeps ready. */
const walUntilFullMib = 2048;

const keptForReplicaMib = 128;
/** What the dead replica misses, in pieces with a checkpoint after each: only checkpoints remove WAL. */
const missed = { pieces: 12, mib: 64 };
/** PostgreSQL keeps besides: min_wal_size, wal_keep_size, and the pieces before and after a checkpoint. All that is missed is more. */
const mostWalMib = keptForReplicaMib + 256 + 128 + 2 * missed.mib;

/** Whether every replica that streams has what is written; the dead one's connection may still seem to be there. */
const receivedByOthers = (dead: string) =>
    `SELECT bool_and(flush_lsn >= pg_current_wal_lsn() - 1024 * 1024::numeric) FROM pg_stat_replication WHERE application_name <> '${dead}'`;

export const storageFaults: readonly Fault[] = [
    {
        name: "disk-full",
        title: "Data disk full on the leader, until another leads",
        inject: async (cluster) => {
            const { leader } = await cluster.roles();
            const makeRoom: End = async () => {
                await onMachine(leader, "rm", "-f", fillFile);
            };
            return orUndo(makeRoom, async () => {
                await onMachine(leader, "bash", "-c", fillDisk);
                // Ends with an error when the server does, which it must.
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
                    // The other replica must not lose its slot as well, however slow the computer is.
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
                // Lost, or dropped already and made anew for WAL that is written from then on.
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
