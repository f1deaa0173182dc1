import { beforeAll, describe, expect, test } from "vitest";

import { programPath } from "../../cloud-init/machine/program.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { local, pulumi, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { members, onMachine } from "../../local/machines.ts";

/** Values of PostgreSQL's parameters that the settings cannot judge, and what the check reports about values in force. */
let readWrite: string;

clusterUp();
beforeAll(async () => {
    readWrite = (await stackOutputs()).connections[0]!.readWrite;
});

const nodes = ["main-db-1", "main-db-2", "main-db-3"];
const psql = (node: string, statement: string) =>
    onMachine(node, "bash", "-lc", 'psql --quiet --tuples-only --no-align --command="$0"', statement);
const leader = async () => (await members()).find(({ Role }) => Role === "Leader")!.Member;
const onLeader = async (statement: string) => psql(await leader(), statement);
const up = () => pulumi("up", "--yes", "--skip-preview", "--stack", "local");

/** Sets a parameter while `work` runs, and restores it afterwards. */
async function withParameter(name: string, value: string, work: () => Promise<void>): Promise<void> {
    const config = async (...args: string[]) => expect((await pulumi("config", ...args)).exitCode).toBe(0);
    await config("set", "--stack", "local", "--path", `postgres-ha:postgresqlParameters.${name}`, value);
    await work().finally(() => config("rm", "--stack", "local", "postgres-ha:postgresqlParameters"));
}

/** The state of each node, and whether it waits for a restart. */
const states = async () =>
    (await members())
        .map(
            ({ Member, State, ...rest }) => `${Member} ${State}${"Pending restart" in rest ? ", to be restarted" : ""}`,
        )
        .sort();

describe("a value that PostgreSQL refuses on the machine", () => {
    test("is in force on no node; up fails with PostgreSQL's message, and succeeds with the old value", async () => {
        const before = await onMachine("db-1", "bash", "-lc", "patronictl show-config");
        // Above the machine's own limit, which the settings do not know.
        await withParameter("max_stack_depth", "100MB", async () => {
            const { exitCode, output } = await up();
            expect(exitCode).not.toBe(0);
            expect(output).toMatch(
                /main-db-1\S*: PostgreSQL does not take the parameters, nothing was changed:\s+LOG: +invalid value for parameter "max_stack_depth": 102400\s+DETAIL: +"max_stack_depth" must not exceed/,
            );
            expect(await onMachine("db-1", "bash", "-lc", "patronictl show-config")).toBe(before);
            for (const node of nodes)
                expect(
                    await psql(
                        node,
                        "SHOW max_stack_depth; SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL",
                    ),
                ).toBe("2MB\n0\n");
        });
        await local();
    });
});

describe("a value with which PostgreSQL does not start", () => {
    test("stops one node only, and the node returns with the old value", async () => {
        const before = await leader();
        // The testbed's machines have no huge pages: their shared_buffers are too small for the program to reserve any.
        await withParameter("huge_pages", "on", async () => {
            const started = Date.now();
            const { exitCode, output } = await up();
            expect(exitCode).not.toBe(0);
            expect((Date.now() - started) / 1000).toBeLessThan(120);
            expect(output).toMatch(
                /main-db-\d\S*: PostgreSQL does not start\. No other node is restarted: put back what was changed, then `up` again\.\s+FATAL: +could not map anonymous shared memory/,
            );
            expect(output).toMatch(
                /main-db-\d\S*: not restarted, because not every other node is well: main-db-\d: PostgreSQL/,
            );

            const now = await states();
            expect(
                now.filter((line) => /(start failed|starting)$/.test(line)),
                now.join(),
            ).toHaveLength(1);
            expect(
                now.filter((line) => /(running|streaming), to be restarted$/.test(line)),
                now.join(),
            ).toHaveLength(2);
            expect(await leader()).toBe(before);
            expect(await sql(readWrite, "CREATE TABLE IF NOT EXISTS wanted (id int); SELECT pg_is_in_recovery()")).toBe(
                "f",
            );
        });
        await local();
        expect(await states()).toEqual(nodes.map((node) => `${node} ${node === before ? "running" : "streaming"}`));
        for (const node of nodes) expect(await psql(node, "SHOW huge_pages")).toBe("try\n");
    });
});

describe("the check reports", () => {
    /** The first problem that the check finds. In a healthy cluster it is the password, because this test gives none. */
    const reason = async () => {
        const error = await onMachine(
            "db-1",
            "bash",
            "-c",
            `${programPath} check-cluster 1 <<<'{"password": "none", "users": [{"name": "app", "databases": ["app"]}], "databases": ["app"]}'`,
        ).catch((failure: Error) => failure.message);
        return /the cluster is not healthy after 1 s: ([^]*?)\n--- /.exec(error)?.[1] ?? error;
    };
    const well = /^main-db-1: PgBouncer does not serve: [^]*SASL authentication failed/;

    test("a parameter that ALTER SYSTEM has changed on a node", async () => {
        expect(await reason()).toMatch(well);
        await psql("main-db-3", "ALTER SYSTEM SET work_mem = '99MB'");
        await psql("main-db-3", "SELECT pg_reload_conf()");
        const wanted = (
            JSON.parse(await onMachine("db-1", "cat", "/etc/postgres-ha/patroni-dynamic.json")) as {
                postgresql: { parameters: Record<string, string> };
            }
        ).postgresql.parameters["work_mem"]!;
        expect(await eventually(10, reason, (text) => !well.test(text))).toBe(
            `main-db-3: work_mem is 99MB, not ${wanted} (by ALTER SYSTEM; \`ALTER SYSTEM RESET work_mem\` on this node takes that back)`,
        );
        await psql("main-db-3", "ALTER SYSTEM RESET work_mem");
        await psql("main-db-3", "SELECT pg_reload_conf()");
        await eventually(10, reason, (text) => well.test(text));
    });

    test("a line in a node's configuration files with which PostgreSQL would not start again", async () => {
        await psql("main-db-2", "ALTER SYSTEM SET DateStyle = 'ISO'");
        await onMachine(
            "db-2",
            "sed",
            "-i",
            "s/^DateStyle.*/DateStyle = 'foo'/I",
            "/var/lib/pgsql/17/data/postgresql.auto.conf",
        );
        expect(await reason()).toMatch(
            /^main-db-2: PostgreSQL's configuration files have errors, and it would not start again: .*DateStyle: /,
        );
        await psql("main-db-2", "ALTER SYSTEM RESET DateStyle");
        await psql("main-db-2", "SELECT pg_reload_conf()");
        await eventually(10, reason, (text) => well.test(text));
    });

    test("a change by hand of Patroni's configuration, and a paused Patroni", async () => {
        await onMachine(
            "db-1",
            "bash",
            "-lc",
            "patronictl edit-config --force --set ttl=61 --pg vacuum_cost_limit=300",
        );
        expect(await reason()).toMatch(
            /^Patroni's configuration is not the one asked for: vacuum_cost_limit, ttl differ/,
        );
        await onMachine("db-1", programPath, "apply-dynamic-configuration");
        await onMachine("db-1", "bash", "-lc", "patronictl pause");
        expect(await reason()).toMatch(/^Patroni is paused, .*patronictl resume/);
        await onMachine("db-1", "bash", "-lc", "patronictl resume --wait");
        await eventually(10, reason, (text) => well.test(text));
    });

    test("a user who cannot log in or connect", async () => {
        await onLeader("ALTER ROLE app NOLOGIN");
        expect(await reason()).toMatch(/^main-db-\d: role app may not log in; ALTER ROLE app LOGIN lets it$/);
        await onLeader("ALTER ROLE app LOGIN VALID UNTIL '2000-01-01'");
        expect(await reason()).toMatch(/^main-db-\d: role app has a password that ended at 2000-01-01/);
        await onLeader("ALTER ROLE app VALID UNTIL 'infinity'");
        expect(await reason()).toMatch(well);
    });
});
