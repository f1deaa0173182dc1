/** What faults of replication and disks do to the leader's WAL. */
import { eventually } from "../eventually.ts";
import { onMachine } from "../machines.ts";
import { superuserSql } from "../machines.ts";

/** Writes this much WAL on the leader. */
export async function writeWal(leader: string, mib: number): Promise<void> {
    await superuserSql(
        leader,
        `SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1024 * 1024))) FROM generate_series(1, ${mib})`,
        120,
    );
}

/** Size of pg_wal. */
export async function walMib(leader: string): Promise<number> {
    return Number(await superuserSql(leader, "SELECT (sum(size) / 1024 / 1024)::bigint FROM pg_ls_waldir()"));
}

/** Changes a parameter that needs only a reload, and waits until it is in force on the leader. @returns a function that restores the old value */
export async function setParameter(leader: string, name: string, value: string): Promise<() => Promise<void>> {
    const current = () => superuserSql(leader, `SHOW ${name}`);
    const set = (to: string) =>
        onMachine(
            leader,
            "patronictl",
            "-c",
            "/etc/patroni",
            "edit-config",
            "--force",
            "--quiet",
            "--set",
            `postgresql.parameters.${name}=${to}`,
        );
    const before = await current();
    await set(value);
    await eventually(30, current, (now) => now === value);
    return async () => {
        await set(before);
    };
}
