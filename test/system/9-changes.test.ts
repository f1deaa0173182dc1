import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

import { powerOff, start } from "../../testbed/machines/machine.ts";
import { attempt } from "../../testbed/machines/run.ts";
import { Cluster } from "../../local/cluster.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { killedUp } from "../../local/killed-up.ts";
import { local, pulumi, run, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { machineId, onMachine } from "../../local/machines.ts";
import { setInStack } from "../../local/stack-settings.ts";
import { folder, site } from "../../local/this-testbed.ts";

/** Changes of a running cluster's settings: which are refused, and what a failed or killed change leaves behind. */
let readWrite: string;

clusterUp();
beforeAll(async () => {
    readWrite = (await stackOutputs()).connections[0]!.readWrite;
    await sql(
        readWrite,
        "CREATE TABLE changed (id int PRIMARY KEY); INSERT INTO changed SELECT generate_series(1, 1000)",
    );
});

const nodes = ["main-db-1", "main-db-2", "main-db-3"];
const stack = ["--stack", "local"];
const up = (...args: string[]) => pulumi("up", "--yes", "--skip-preview", ...stack, ...args);
const rows = () => sql(readWrite, "SELECT count(*), sum(id) FROM changed");
const allRows = "1000|500500";
/** Identifies a machine: a replaced one has another id. */
const instances = () => ["main-jump", ...nodes, "main-lb-1"].map(machineId);

/** Sets values while `work` runs, and restores the old ones afterwards. */
async function withSettings(settings: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
    const restore = setInStack(settings);
    try {
        await work();
    } finally {
        restore();
    }
}

describe("a change that a running cluster cannot make", () => {
    const fatal = {
        clusterName: "other",
        networkCidr: "10.20.0.0/16",
        zones: '["ru-central1-b","ru-central1-a","ru-central1-d"]',
        sshUser: "somebody",
        databaseDataDiskType: "network-hdd",
    };

    test("is refused in the preview, together with all others, with what to do instead", () =>
        withSettings(fatal, async () => {
            const { exitCode, output } = await pulumi("preview", ...stack);
            expect(exitCode).not.toBe(0);
            for (const [key, had] of [
                ["clusterName", '"main"'],
                ["networkCidr", '"10.10.0.0/16"'],
                ["zones", '["ru-central1-a","ru-central1-b","ru-central1-d"]'],
                ["sshUser", '"pgadmin"'],
                ["databaseDataDiskType", '"network-ssd"'],
            ]) {
                expect(output).toContain(
                    `${key}: ${key === "zones" ? fatal.zones : JSON.stringify(fatal[key as keyof typeof fatal])} must stay ${had}: `,
                );
            }
            expect(output).toContain("Create a second stack with the new value and move the data there");
        }));

    test("is refused without a preview too, before anything changes", () =>
        withSettings({ zones: fatal.zones, databaseDataDiskType: fatal.databaseDataDiskType }, async () => {
            const before = instances();
            const { exitCode, output } = await up();
            expect(exitCode).not.toBe(0);
            expect(output).toMatch(/Nothing was changed\.[\s\S]*zones: [\s\S]*databaseDataDiskType: /);
            expect(output).not.toMatch(/replac|delet|creat/);
            expect(instances()).toEqual(before);
            expect(await rows()).toBe(allRows);
        }));

    test("is refused if it would shrink a data disk, but not if the disk was never that large", async () => {
        // The cloud refuses to grow the disks, because of the account's quota.
        await withSettings({ databaseDataDiskSizeGib: "200", quotas: '{"ssdGib": 1000}' }, async () => {
            const { exitCode, output } = await up();
            expect(exitCode).not.toBe(0);
            expect(output).toMatch(/RESOURCE_EXHAUSTED|ResourceExhausted|quota/i);
        });
        await local();
        await withSettings({ databaseDataDiskSizeGib: "10" }, async () => {
            expect((await pulumi("preview", ...stack)).exitCode).toBe(0);
        });
        expect(await rows()).toBe(allRows);
    });
});

describe("an up that failed", () => {
    test("is followed by one that sends and checks everything, even if its change is taken back", async () => {
        const haproxy = () => onMachine("lb-1", "cat", "/etc/haproxy/haproxy.cfg");
        const before = await haproxy();
        await powerOff(site, machineId("lb-1"));
        await withSettings({ loadBalancerMaxConnections: "1500" }, async () => {
            const { exitCode, output } = await up();
            expect(exitCode).not.toBe(0);
            expect(output).toContain("main-lb-1");
        });
        // The change is taken back, but the load balancer is still down.
        const { exitCode, output } = await up();
        expect(exitCode, output.slice(-3000)).not.toBe(0);
        await start(site, machineId("lb-1"));
        await local();
        expect(await haproxy()).toBe(before);
        expect(await rows()).toBe(allRows);
    });

    test("in its check is followed by another check when its change is taken back", async () => {
        const patronictl = (command: string) => onMachine("db-1", "bash", "-lc", `patronictl ${command} --wait`);
        await patronictl("pause");
        try {
            await withSettings({ readyTimeoutMinutes: "1", loadBalancerMaxConnections: "1500" }, async () => {
                const { exitCode, output } = await up();
                expect(exitCode).not.toBe(0);
                expect(output).toContain("Patroni is paused");
            });
        } finally {
            await patronictl("resume");
        }
        const { exitCode, output } = await up();
        expect(exitCode, output.slice(-3000)).toBe(0);
        expect(output).toMatch(/command:remote:Command main-check (updated|replaced|created)/);
    });

    test("because it was killed is followed by one that sends everything, too", async () => {
        const configured = async () =>
            JSON.parse(
                await onMachine(
                    "db-2",
                    "curl",
                    "--silent",
                    "--cacert",
                    "/etc/postgres-ha/tls/ca.crt",
                    "https://127.0.0.1:8008/config",
                ),
            ).postgresql.parameters.max_connections;
        const running = (name: string) =>
            onMachine(name, "bash", "-lc", "psql --tuples-only --no-align --command='SHOW max_connections'");
        const before = await configured();
        await withSettings({ postgresqlParameters: '{"max_connections": 70}' }, async () => {
            await killedUp("main-db-1-configured updating", async () => {
                await eventually(60, configured, (value) => value === 70);
            });
        });
        const { exitCode, output } = await pulumi("cancel", "--yes", ...stack);
        expect(exitCode, output).toBe(0);
        await local();
        expect(await configured()).toBe(before);
        for (const name of nodes) expect(await running(name)).toBe(`${before}\n`);
        expect(await rows()).toBe(allRows);
        expect(await local()).not.toMatch(/updated|replaced|created/);
    });
});

describe("the keys of administrators", () => {
    const machines = ["main-jump", ...nodes, "main-lb-1"];
    const key = join(folder, "ssh/another");

    /** The machines that let the key in. */
    async function letIn(): Promise<string[]> {
        const config = readFileSync(join(folder, "ssh/config"), "utf8").replaceAll(/^ *IdentityFile .*\n/gm, "");
        writeFileSync(`${key}.config`, `${config}\nHost *\n    IdentityFile ${key}\n    IdentitiesOnly yes\n`);
        const tries = machines.map(async (name) => {
            const { exitCode } = await attempt("ssh", ["-F", `${key}.config`, "-o", "BatchMode=yes", name, "true"]);
            return exitCode === 0 ? [name] : [];
        });
        return (await Promise.all(tries)).flat();
    }

    test("are exactly those of the list, on every machine, with the up that changes it", async () => {
        rmSync(key, { force: true });
        expect(await attempt("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])).toMatchObject({
            exitCode: 0,
        });
        const own = readFileSync(join(folder, "ssh/id_ed25519.pub"), "utf8").trim();
        const another = readFileSync(`${key}.pub`, "utf8").trim();
        expect(await letIn()).toEqual([]);
        await withSettings({ sshPublicKeys: JSON.stringify([own, another]) }, async () => {
            const { exitCode, output } = await up();
            expect(exitCode, output.slice(-3000)).toBe(0);
            expect(await letIn()).toEqual(machines);
        });
        // One that somebody added by hand goes with it.
        await onMachine("db-2", "bash", "-c", `echo '${another}' >>/home/pgadmin/.ssh/authorized_keys`);
        await local();
        expect(await letIn()).toEqual([]);
        expect(await onMachine("db-2", "cat", "/home/pgadmin/.ssh/authorized_keys")).toContain(own);
        // The testbed's sshd (OpenSSH 9.8 and later) keeps out, for a while, an address whose logins have failed.
        const config = join(folder, "ssh/config");
        await eventually(
            120,
            () => attempt("ssh", ["-F", config, "-o", "BatchMode=yes", "main-jump", "true"]),
            ({ exitCode }) => exitCode === 0,
            3,
        );
    });
});

describe("a change by hand", () => {
    /** `npm run check-cluster`, as an administrator. */
    const check = () =>
        run("npm", [
            ...["run", "--silent", "check-cluster", "--", ...stack],
            ...["--identity", join(folder, "ssh/id_ed25519")],
        ]);

    test("is named by check-cluster, and undone by sending everything again, which restarts nothing", async () => {
        expect(await check()).toMatchObject({
            exitCode: 0,
            output: "5 machines and the cluster on them are as the last pulumi up made them.\n",
        });
        const started = (name: string) =>
            onMachine(name, "systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "patroni", "etcd");
        const before = await Promise.all(nodes.map(started));
        await onMachine(
            "lb-1",
            "bash",
            "-c",
            "sed -i 's/^    maxconn .*/    maxconn 111/' /etc/haproxy/haproxy.cfg && systemctl reload haproxy",
        );
        await onMachine("lb-1", "systemctl", "disable", "--now", "--quiet", "chronyd");
        await onMachine("db-2", "systemctl", "stop", "pgbouncer");
        await onMachine("db-3", "systemctl", "disable", "--now", "--quiet", "replica-guard.timer");
        await onMachine("db-1", "bash", "-lc", "patronictl edit-config --force --set ttl=60 --pg work_mem=99MB");
        const { user } = (await stackOutputs()).connections[0]!;
        await sql(readWrite, `ALTER ROLE ${user} NOLOGIN`).catch(() =>
            onMachine(
                "db-1",
                "bash",
                "-lc",
                `psql "host=$(patronictl list --format json | jq -r '.[] | select(.Role == "Leader").Host') passfile=/etc/postgres-ha/superuser.pgpass" --command='ALTER ROLE ${user} NOLOGIN'`,
            ),
        );

        const found = await check();
        expect(found.exitCode).toBe(1);
        for (const named of [
            "main-lb-1: /etc/haproxy/haproxy.cfg was changed",
            "main-lb-1: chronyd.service is inactive",
            "main-lb-1: chronyd.service is disabled",
            "main-db-3: replica-guard.timer is inactive",
            /^Patroni's configuration is not the one asked for: .*work_mem, ttl differ/m,
            /^main-db-1: .*work_mem is 99MB, not/m,
            `role ${user} may not log in`,
        ])
            expect(found.output).toMatch(named);

        const { exitCode, output } = await up("--replace", "**-revision");
        expect(exitCode, output.slice(-3000)).toBe(0);
        expect((await check()).output).toContain("as the last pulumi up made them");
        expect(await onMachine("lb-1", "grep", "-c", "maxconn 111", "/etc/haproxy/haproxy.cfg").catch(() => "0")).toBe(
            "0",
        );
        expect(await onMachine("db-2", "systemctl", "is-active", "pgbouncer")).toBe("active\n");
        expect(await onMachine("db-3", "systemctl", "is-active", "replica-guard.timer")).toBe("active\n");
        const patroni = await onMachine("db-1", "bash", "-lc", "patronictl show-config");
        expect(patroni).toMatch(/^ttl: 25$/m);
        expect(patroni).not.toContain("99MB");
        expect(await rows()).toBe(allRows);
        expect(await Promise.all(nodes.map(started))).toEqual(before);
    });
});

describe("a logical slot", () => {
    const user = {
        postgresqlParameters: '{"wal_level": "logical"}',
        users: '[{"name": "app", "databases": ["app"], "replication": true}]',
    };
    const slots = '[{"name": "cdc", "database": "app", "plugin": "test_decoding"}]';
    /** Takes what the slot has, as the application and through its endpoint. */
    const changes = () =>
        sql(
            readWrite,
            "SELECT substring(data FROM 'id.*') FROM pg_logical_slot_get_changes('cdc', NULL, NULL) WHERE data LIKE '%captured%'",
        );
    const insert = (id: number) => sql(readWrite, `INSERT INTO captured VALUES (${id})`);
    const succeeds = async () => {
        const { exitCode, output } = await up();
        expect(exitCode, output.slice(-3000)).toBe(0);
    };

    test("keeps its place when another node leads and when up runs, until it is off the list", async () => {
        await sql(readWrite, "CREATE TABLE captured (id int PRIMARY KEY)");
        await withSettings(user, async () => {
            await withSettings({ logicalSlots: slots }, async () => {
                await succeeds();
                await insert(1);
                expect(await changes()).toBe("id[integer]:1");
                await insert(2);
                const cluster = new Cluster(await stackOutputs());
                await cluster.moveLeader((await cluster.roles()).replicas[0]!);
                await eventually(
                    30,
                    () => insert(3).then(() => "in", String),
                    (answer) => answer === "in",
                );
                // A new leader may give again what was confirmed in the last seconds.
                expect(await changes()).toMatch(/^(id\[integer\]:1\n)?id\[integer\]:2\nid\[integer\]:3$/);
                await insert(4);
                expect((await up("--replace", "**-revision")).exitCode).toBe(0);
                expect(await changes()).toBe("id[integer]:4");
            });
            await succeeds();
            await eventually(
                30,
                () => sql(readWrite, "SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"),
                (count) => count === "0",
            );
        });
        await succeeds();
        expect(await rows()).toBe(allRows);
    });
});
