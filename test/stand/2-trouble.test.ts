import { existsSync, readdirSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";

import { powerOff } from "../../stand/machines/machine.ts";
import { lockFolder } from "../../stand/this-stand.ts";
import { nothingUp } from "./support/what-is-up.ts";
import { sql } from "./support/sql.ts";
import { eventually, hostState, local, machineId, onMachine, pulumi, run, site, stackOutputs } from "./support/stand.ts";

/** What can go wrong around an `up` and a `destroy`, and how one goes on from there. */
nothingUp();
afterAll(async () => {
    await pulumi("cancel", "--yes", "--stack", "local");
});

/**
 * Starts `npm run local` and interrupts it as Ctrl-C does, as soon as a line of its output matches. Fails when
 * none does, or when Pulumi still holds the stack afterwards. @param pattern an extended regular expression
 */
async function interruptedLocal(pattern: string): Promise<void> {
    const child = run("bash", [
        "-c",
        `set -m
npm run --silent local > "$1" 2>&1 &
job=$!
for _ in $(seq 1200); do
    grep -qE "$0" "$1" && break
    kill -0 "$job" 2>/dev/null || break
    sleep 0.1
done
# The whole foreground group gets the signal, as from a terminal.
kill -INT -- "-$job"
wait "$job"
status=$?
cat "$1"
rm -f "$1"
exit "$status"`,
        pattern,
        `/tmp/postgres-ha-interrupted-${process.pid}.log`,
    ]);
    const { exitCode, output } = await child;
    expect(output).toMatch(new RegExp(pattern));
    expect(exitCode, output.slice(-2000)).not.toBe(0);
    expect(existsSync(lockFolder) ? readdirSync(lockFolder) : []).toEqual([]);
}

describe("an interrupted up", () => {
    test("while machines are being made is continued by the next one", async () => {
        await interruptedLocal("ComputeInstance main-db-. creat");
    });

    test("while Commands wait is continued by the next one", async () => {
        await interruptedLocal("main-db-1-configured creating");
        expect(await local()).toContain("every promise was checked");
        const { readWrite } = (await stackOutputs()).connections[0]!;
        expect(await sql(readWrite, "SELECT pg_is_in_recovery()")).toBe("f");
    });

    test("leaves no process of Pulumi behind", async () => {
        const processes = await eventually(15, async () => (await hostState())["processes"]!.filter((line) => /pulumi|terraform/.test(line)), (lines) => lines.length === 0);
        expect(processes).toEqual([]);
    });
});

describe("a dead machine", () => {
    test("lets up fail with the machine's name, and up goes on when it is back", async () => {
        await powerOff(site, machineId("db-3"));
        const { readWrite } = (await stackOutputs()).connections[0]!;
        // Any change makes the check run again.
        expect((await pulumi("config", "set", "--stack", "local", "--path", "postgres-ha:postgresqlParameters.work_mem", "6MB")).exitCode).toBe(0);
        expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:readyTimeoutMinutes", "1")).exitCode).toBe(0);
        const failed = await pulumi("up", "--yes", "--skip-preview", "--stack", "local");
        expect(failed.exitCode).not.toBe(0);
        expect(failed.output).toMatch(/main-db-3/);
        expect(await eventually(60, () => sql(readWrite, "SELECT pg_is_in_recovery()"), (answer) => answer === "f")).toBe("f");

        expect((await run("npm", ["run", "--silent", "stand", "--", "start", "db-3"])).exitCode).toBe(0);
        expect((await pulumi("config", "rm", "--stack", "local", "postgres-ha:postgresqlParameters")).exitCode).toBe(0);
        expect(await local()).toContain("every promise was checked");
    });
});

describe("a machine that never becomes ready", () => {
    test("fails the up within its deadline and shows its log", async () => {
        await local("down");
        expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:readyTimeoutMinutes", "1")).exitCode).toBe(0);
        expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:pgdgMirror", "http://nobody.stand/pgdg")).exitCode).toBe(0);
        const started = Date.now();
        const { exitCode, output } = await run("npm", ["run", "--silent", "local"]);
        expect(exitCode).not.toBe(0);
        expect((Date.now() - started) / 1000).toBeLessThan(300);
        expect(output).toMatch(/main-db-1.*cloud-init did not finish within 60 s/);
        expect(output).toMatch(/first-boot: failed, again in|nobody/);
        expect(output).not.toContain("every promise was checked");
        expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:pgdgMirror", "http://repo.stand/pgdg")).exitCode).toBe(0);
    });
});

describe("destroy", () => {
    test("works with a dead node and with the jump host gone", async () => {
        await local("down");
        expect((await pulumi("config", "rm", "--stack", "local", "postgres-ha:readyTimeoutMinutes")).exitCode).toBe(0);
        expect(await local()).toContain("every promise was checked");
        await powerOff(site, machineId("db-2"));
        await powerOff(site, machineId("jump"));
        const { exitCode, output } = await pulumi("destroy", "--yes", "--skip-preview", "--stack", "local");
        expect(exitCode, output.slice(-3000)).toBe(0);
        expect(await onMachine("db-1", "true").catch((error: Error) => error.message)).toMatch(/there is no machine/);
    });
});
