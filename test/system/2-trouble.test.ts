import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { powerOff } from "../../testbed/machines/machine.ts";
import { lockFolder, stateFile } from "../../local/this-testbed.ts";
import { nothingUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { leftovers } from "./support/leftovers.ts";
import { local, pulumi, run, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { machineId, onMachine } from "../../local/machines.ts";
import { folder, site, stackFile } from "../../local/this-testbed.ts";

/** Failures of `up` and `destroy`, and how to continue after them. */
nothingUp();
afterAll(async () => {
    await pulumi("cancel", "--yes", "--stack", "local");
});

/**
 * Starts `npm run local` and interrupts it like Ctrl-C as soon as a line of its output matches. Fails if no line
 * matches, or if Pulumi still holds the stack afterwards. @param pattern an extended regular expression
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

interface PulumiState {
    readonly checkpoint: {
        readonly latest?: {
            readonly pending_operations?: readonly {
                readonly type: string;
                readonly resource: { readonly urn: string };
            }[];
        };
    };
}

/** Reads a JSON file; undefined if it does not exist, or is being written. */
function readJson<T>(file: string): T | undefined {
    try {
        return JSON.parse(readFileSync(file, "utf8")) as T;
    } catch {
        return undefined;
    }
}

/** The machines that the cloud has and that are still being created according to Pulumi's state. */
function unknownMachines(): { name: string; id: string }[] {
    const pending = readJson<PulumiState>(stateFile)?.checkpoint.latest?.pending_operations ?? [];
    const creating = pending
        .filter(({ type, resource }) => type === "creating" && resource.urn.includes("ComputeInstance::"))
        .map(({ resource }) => resource.urn.split("::").at(-1)!);
    const instances =
        readJson<{ tables: { instances: { name: string; id: string }[] } }>(join(folder, "cloud.json"))?.tables
            .instances ?? [];
    return instances.filter(({ name }) => creating.includes(name)).map(({ name, id }) => ({ name, id }));
}

/** Starts `npm run local` and kills Pulumi's engine, as a lack of memory would, while the cloud creates machines that are not in the state yet. */
async function killedLocal(): Promise<void> {
    const ended = run("npm", ["run", "--silent", "local"]);
    await eventually(
        120,
        async () => unknownMachines(),
        (machines) => machines.length > 0,
        0.02,
    );
    const [lock] = readdirSync(lockFolder).filter((name) => name.endsWith(".json"));
    process.kill(readJson<{ pid: number }>(join(lockFolder, lock!))!.pid, "SIGKILL");
    const { exitCode, output } = await ended;
    expect(exitCode, output.slice(-2000)).not.toBe(0);
    expect(unknownMachines()).not.toEqual([]);
}

describe("an interrupted up", () => {
    test("during the creation of machines is continued by the next one", async () => {
        await interruptedLocal("ComputeInstance main-db-. creat");
    });

    test("during Commands is continued by the next one", async () => {
        await interruptedLocal("main-db-1-configured creating");
        expect(await local()).toContain("every promise was checked");
        const { readWrite } = (await stackOutputs()).connections[0]!;
        expect(await sql(readWrite, "SELECT pg_is_in_recovery()")).toBe("f");
    });

    test("leaves no process of Pulumi behind", async () => {
        const processes = await eventually(
            15,
            async () => (await leftovers()).filter((line) => /pulumi-|terraform-provider/.test(line)),
            (lines) => lines.length === 0,
        );
        expect(processes).toEqual([]);
    });
});

describe("a dead machine", () => {
    test("makes up fail with the machine's name, and up continues when the machine is back", async () => {
        await powerOff(site, machineId("db-3"));
        const { readWrite } = (await stackOutputs()).connections[0]!;
        // Any change of the configuration makes the check run again.
        expect(
            (
                await pulumi(
                    "config",
                    "set",
                    "--stack",
                    "local",
                    "--path",
                    "postgres-ha:postgresqlParameters.work_mem",
                    "6MB",
                )
            ).exitCode,
        ).toBe(0);
        expect(
            (await pulumi("config", "set", "--stack", "local", "postgres-ha:readyTimeoutMinutes", "1")).exitCode,
        ).toBe(0);
        const failed = await pulumi("up", "--yes", "--skip-preview", "--stack", "local");
        expect(failed.exitCode).not.toBe(0);
        expect(failed.output).toMatch(/main-db-3/);
        expect(
            await eventually(
                60,
                () => sql(readWrite, "SELECT pg_is_in_recovery()"),
                (answer) => answer === "f",
            ),
        ).toBe("f");

        expect((await run("npm", ["run", "--silent", "testbed", "--", "start", "db-3"])).exitCode).toBe(0);
        expect((await pulumi("config", "rm", "--stack", "local", "postgres-ha:postgresqlParameters")).exitCode).toBe(0);
        expect(await local()).toContain("every promise was checked");
    });
});

describe("a machine that never becomes ready", () => {
    test("fails the up within its deadline and shows its log", async () => {
        await local("down");
        expect(
            (await pulumi("config", "set", "--stack", "local", "postgres-ha:readyTimeoutMinutes", "1")).exitCode,
        ).toBe(0);
        expect(
            (await pulumi("config", "set", "--stack", "local", "postgres-ha:pgdgMirror", "http://nobody.testbed/pgdg"))
                .exitCode,
        ).toBe(0);
        const started = Date.now();
        const { exitCode, output } = await run("npm", ["run", "--silent", "local"]);
        expect(exitCode).not.toBe(0);
        expect((Date.now() - started) / 1000).toBeLessThan(300);
        expect(output).toMatch(/main-db-1.*cloud-init did not finish within 60 s/);
        expect(output).toMatch(/first-boot: failed, again in|nobody/);
        expect(output).not.toContain("every promise was checked");
        expect(
            (await pulumi("config", "set", "--stack", "local", "postgres-ha:pgdgMirror", "http://repo.testbed/pgdg"))
                .exitCode,
        ).toBe(0);
    });
});

describe("a killed up", () => {
    test("during the creation of machines can be taken down, and leaves nothing", async () => {
        await local("down");
        expect((await pulumi("config", "rm", "--stack", "local", "postgres-ha:readyTimeoutMinutes")).exitCode).toBe(0);
        await killedLocal();
        expect(await leftovers()).not.toEqual([]);
        await local("down");
        expect(await eventually(15, leftovers, (lines) => lines.length === 0)).toEqual([]);
    });

    test("during the creation of machines is continued by the next one, with the existing machines", async () => {
        await killedLocal();
        const unknown = unknownMachines();
        expect(await local()).toContain("every promise was checked");
        expect(unknown.map(({ name }) => ({ name, id: machineId(name) }))).toEqual(unknown);
        expect((await pulumi("preview", "--expect-no-changes", "--stack", "local")).exitCode).toBe(0);
    });
});

describe("destroy", () => {
    test("works with a dead node and with the jump host gone", async () => {
        await local();
        await powerOff(site, machineId("db-2"));
        await powerOff(site, machineId("jump"));
        const { exitCode, output } = await pulumi("destroy", "--yes", "--skip-preview", "--stack", "local");
        expect(exitCode, output.slice(-3000)).toBe(0);
        expect(await onMachine("db-1", "true").catch((error: Error) => error.message)).toMatch(/there is no machine/);
    });
});

describe("npm run local -- down", () => {
    test("leaves nothing even if Pulumi's state and the stack's file are lost", async () => {
        await killedLocal();
        for (const file of [stateFile, stackFile]) rmSync(file);
        const output = await local("down");
        expect(output).toContain("Pulumi could not destroy everything");
        expect(await eventually(15, leftovers, (lines) => lines.length === 0)).toEqual([]);
        expect(unknownMachines()).toEqual([]);
        expect(existsSync(join(folder, "cloud.json"))).toBe(false);
    });
});
