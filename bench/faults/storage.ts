/** Data disks that are full, or that a dead replica would fill. */
import { eventually, onMachine } from "../../test/stand/support/stand";
import { superuserSql } from "../cluster";
import type { Fault } from "./fault";
import { losePower } from "./power";
import { setParameter, walMib, writeWal } from "./wal";

const fillFile = "/var/lib/pgsql/bench-fill";

/** Takes every block that PostgreSQL's account could have. */
const fillDisk = `cd / && runuser -u postgres -- bash -c '
    fallocate --length "$(df --output=avail --block-size=1 /var/lib/pgsql | tail -n 1)" ${fillFile} 2>/dev/null
    while head --bytes=65536 /dev/zero >>${fillFile}; do :; done 2>/dev/null'; test -s ${fillFile}`;

/** Far more than the WAL files that a server of the stand keeps ready. */
const walUntilFullMib = 2048;

const keptForReplicaMib = 64;
/** What the dead replica misses before its slot is given up, in pieces with a checkpoint after each: only it removes WAL. */
const missed = { pieces: 12, mib: 64 };

export const storageFaults: readonly Fault[] = [
    {
        name: "disk-full",
        title: "Data disk full on the leader, until another leads",
        inject: async (cluster) => {
            const { leader } = await cluster.roles();
            await onMachine(leader, "bash", "-c", fillDisk);
            // Ends with an error when the server does, which it must.
            const outlived = await writeWal(leader, walUntilFullMib).then(() => true, () => false);
            if (outlived) throw new Error(`${leader} wrote ${walUntilFullMib} MiB on a full disk`);
            return async () => {
                await onMachine(leader, "rm", "-f", fillFile);
            };
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
            const most = Number(await superuserSql(leader, "SELECT setting FROM pg_settings WHERE name = 'max_wal_size'")) + keptForReplicaMib;
            for (let piece = 0; piece < missed.pieces; piece++) {
                await writeWal(leader, missed.mib);
                await superuserSql(leader, "CHECKPOINT");
                const size = await walMib(leader);
                if (size > most) throw new Error(`${leader} keeps ${size} MiB of WAL, more than ${most}`);
            }
            const slot = `SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${replica.replaceAll("-", "_")}'`;
            // Lost, or given up by Patroni already.
            await eventually(30, () => superuserSql(leader, slot), (status) => ["lost", ""].includes(status));
            return async () => {
                await putBack();
                await powerOn();
            };
        },
        lasts: 0,
    },
];
