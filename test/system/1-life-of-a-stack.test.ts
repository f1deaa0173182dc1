import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { addressPlan } from "../../cluster/address-plan.ts";
import { securityGroupRules } from "../../cluster/flows.ts";
import type { Role } from "../../cluster/roles.ts";
import { captureAsClient } from "../../testbed/machines/client.ts";
import { listMachines } from "../../testbed/machines/records.ts";
import { nothingUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { leftovers, ownProcesses } from "./support/leftovers.ts";
import { local, mustRun, pulumi, run, stackOutputs, testbed } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { members, onMachine } from "../../local/machines.ts";
import type { Outputs } from "../../local/outputs.ts";
import { caFile, folder, repository, site } from "../../local/this-testbed.ts";
import { machineCounts } from "../support/machine-counts.ts";

/**
 * The life of one stack: created, used, inspected, changed and destroyed. The tests share it, in this order.
 */
let outputs: Outputs;

nothingUp();

describe("npm run local", () => {
    test("creates the cluster and prints how to connect", async () => {
        const screen = await local();
        for (const part of ["Leader", "Replicas", "Statistics", "psql", "ssh -F", "npm run local -- down"]) {
            expect(screen).toContain(part);
        }
        outputs = await stackOutputs();
    });

    test("changes nothing when it runs again", async () => {
        const screen = await local();
        expect(screen).not.toMatch(/created|updated|replaced|deleted/);
        expect(screen).toContain("unchanged");
    });

    test("leaves nothing to do: preview with refresh finds no change", async () => {
        const { exitCode, output } = await pulumi("preview", "--stack", "local", "--refresh", "--expect-no-changes");
        expect(exitCode, output).toBe(0);
    });

    test("starts no second testbed", async () => {
        const { exitCode, output } = await run("npm", ["run", "--silent", "testbed", "--", "up"]);
        // This clone's testbed runs already, so the command does nothing and succeeds.
        expect(exitCode, output).toBe(0);
        expect(ownProcesses().filter((line) => line.includes("testbed/daemon.ts"))).toHaveLength(1);
    });
});

describe("the endpoints", () => {
    test("5000 writes to the leader, 5001 reads the row back from a replica", async () => {
        const { readWrite, readOnly } = outputs.connections[0]!;
        await sql(readWrite, "CREATE TABLE IF NOT EXISTS life (token text PRIMARY KEY)");
        await sql(readWrite, "INSERT INTO life VALUES ('written') ON CONFLICT DO NOTHING");
        expect(await sql(readWrite, "SELECT pg_is_in_recovery()")).toBe("f");
        expect(
            await eventually(
                10,
                () => sql(readOnly, "SELECT pg_is_in_recovery(), token FROM life"),
                (row) => row !== "",
            ),
        ).toBe("t|written");
    });

    test("a write on a replica is refused", async () => {
        await expect(sql(outputs.connections[0]!.readOnly, "INSERT INTO life VALUES ('lost')")).rejects.toThrow(
            /read-only transaction/,
        );
    });

    test("the multi-host string finds the leader without a load balancer", async () => {
        expect(await sql(outputs.connections[0]!.multiHost, "SELECT pg_is_in_recovery()")).toBe("f");
    });

    test("no connection without TLS, none with a wrong name, none with a wrong password", async () => {
        const { readWrite, password } = outputs.connections[0]!;
        await expect(sql(readWrite.replace("verify-full", "disable"), "SELECT 1")).rejects.toThrow(/SSL required/);
        const misnamed = `${readWrite.replace(outputs.leaderEndpoint.host, "elsewhere.example")}&hostaddr=${outputs.leaderEndpoint.address}`;
        await expect(sql(misnamed, "SELECT 1")).rejects.toThrow(/does not match host name/);
        await expect(sql(readWrite.replace(password, "wrong"), "SELECT 1")).rejects.toThrow(/authentication failed/);
    });

    test("the cluster's own roles cannot log in through the pooler", async () => {
        const { readWrite, user } = outputs.connections[0]!;
        for (const role of ["postgres", "replicator", "rewinder"]) {
            await expect(
                sql(readWrite.replace(`//${user}:`, `//${role}:`).replace("/app?", "/postgres?"), "SELECT 1"),
            ).rejects.toThrow(/authentication failed|no such user|login rejected/);
        }
    });

    test("7000 shows the statistics page, verified", async () => {
        const page = await captureAsClient(site, [
            "curl",
            "--silent",
            "--fail",
            "--max-time",
            "3",
            "--cacert",
            caFile,
            outputs.statisticsUrl[0]!,
        ]);
        // Statistics are for administrators, through the jump host. Clients' addresses have no access.
        expect(page.exitCode).not.toBe(0);
        const [, address] = /:\/\/([^:]+):7000/.exec(outputs.statisticsUrl[0]!) ?? [];
        const html = await onMachine(
            "jump",
            "curl",
            "--silent",
            "--fail",
            "--cacert",
            "/etc/postgres-ha/tls/ca.crt",
            `https://${address}:7000/`,
        );
        for (const name of ["leader", "replicas", ...outputs.nodes.slice(0, 3).map(({ hostname }) => hostname)]) {
            expect(html).toContain(name);
        }
    });
});

describe("the new cluster", () => {
    test("one leader, two replicas streaming, at least one of them synchronous", async () => {
        const found = await members();
        expect(found.map(({ Role }) => Role).filter((role) => role === "Leader")).toHaveLength(1);
        expect(found.filter(({ State }) => State === "streaming")).toHaveLength(2);
        expect(found.filter(({ Role }) => /Quorum|Sync/.test(Role)).length).toBeGreaterThan(0);
    });

    test("etcd's leader moves to another node than PostgreSQL's leader", async () => {
        const leaders = async () => {
            const postgresql = (await members()).find(({ Role }) => Role === "Leader")!.Member;
            const status = await onMachine(
                "db-1",
                "bash",
                "-c",
                ". /etc/profile.d/postgres-ha-etcd.sh && etcdctl endpoint status --write-out=fields",
            );
            const [, leader] = /"Leader" : (\d+)/.exec(status)!;
            const own = [...status.matchAll(/"MemberID" : (\d+)[\s\S]*?"Endpoint" : "https:\/\/([\d.]+):/g)].find(
                ([, id]) => id === leader,
            );
            const etcd = outputs.nodes.find(({ address }) => address === own?.[2])!.hostname;
            return { postgresql, etcd };
        };
        await eventually(40, leaders, ({ postgresql, etcd }) => postgresql !== etcd);
    });

    test("the units' own settings are in force on AlmaLinux's layout", async () => {
        expect(
            await onMachine("db-1", "bash", "-c", "getenforce; systemctl show -P Type -P Restart -P KillMode patroni"),
        ).toMatch(/Enforcing\nsimple\nalways\nprocess/);
        expect(await onMachine("lb-1", "cat", "/var/log/testbed-selinux.log")).toMatch(
            /setsebool .*haproxy_connect_any/,
        );
        expect(await onMachine("db-1", "findmnt", "--noheadings", "--output", "SOURCE", "/var/lib/pgsql")).toContain(
            "/dev/",
        );
        expect(await onMachine("db-1", "systemctl", "--failed", "--no-legend")).toBe("");
    });

    test("only the jump host has a public address, and only SSH answers there", async () => {
        const { stdout } = await run("npm", ["run", "--silent", "testbed", "--", "status", "--json"]);
        const { machines } = JSON.parse(stdout) as { machines: { hostname: string; publicAddress?: string }[] };
        expect(machines.filter(({ publicAddress }) => publicAddress).map(({ hostname }) => hostname)).toEqual([
            "main-jump",
        ]);
        expect(outputs.sshConfig).toContain(outputs.jumpHostAddress);
    });

    test("ssh with the stack's configuration reaches every machine through the jump host", async () => {
        for (const { hostname } of outputs.nodes) {
            const name = await mustRun("ssh", [
                "-F",
                join(folder, "ssh/config"),
                "-o",
                "BatchMode=yes",
                hostname,
                "hostname",
                "-s",
            ]);
            expect(name.trim()).toBe(hostname);
        }
    });

    test("an administrator can use every tool without preparation", async () => {
        const ssh = (hostname: string, command: string) =>
            mustRun("ssh", [
                "-F",
                join(folder, "ssh/config"),
                "-o",
                "BatchMode=yes",
                hostname,
                `bash -lc ${JSON.stringify(command)}`,
            ]);
        const [node] = outputs.nodes;
        expect(await ssh(node!.hostname, "patronictl list")).toMatch(/Leader/);
        expect(await ssh(node!.hostname, "etcdctl endpoint health 2>&1")).toMatch(/(is healthy[\s\S]*){3}/);
        expect(await ssh(node!.hostname, "psql --tuples-only --no-align --command 'SELECT current_user'")).toBe(
            "postgres\n",
        );
        expect(await ssh(node!.hostname, "psql --port 6432 --command 'SHOW VERSION' pgbouncer")).toMatch(/PgBouncer/);
        // The same in root's login shell.
        expect(await ssh(node!.hostname, "sudo -i psql -p 6432 pgbouncer -c 'SHOW POOLS'")).toMatch(
            /database .* cl_active/,
        );
        expect(await ssh(node!.hostname, "sudo -i psql -At -c 'SELECT current_user'")).toBe("postgres\n");
        expect(await ssh(node!.hostname, "/usr/local/libexec/postgres-ha/welcome")).toMatch(
            /PostgreSQL here: (primary|replica), running/,
        );
        expect(await ssh("main-lb-1", "haproxy-console show info")).toMatch(/Name: HAProxy/);
    });
});

describe("security", () => {
    /** All ports with a listener somewhere in the cluster, and two without. */
    const scanned = [22, 80, 2379, 2380, 5000, 5001, 5432, 6432, 7000, 8008, 9100];
    const roleOf = (hostname: string): Role =>
        hostname.includes("-db-") ? "database" : hostname.includes("-lb-") ? "loadBalancer" : "jumpHost";

    test("each role reaches exactly the ports of the flow table", async () => {
        const plan = addressPlan({
            clusterName: "main",
            zones: ["ru-central1-a", "ru-central1-b", "ru-central1-d"],
            network: { cidr: "10.10.0.0/16" },
            machines: machineCounts({ database: 3, loadBalancer: 1 }),
        });
        const context = { plan, adminCidrs: ["203.0.113.10/32"], clientCidrs: ["10.10.0.0/16"] };
        const inCidr = (cidr: string, address: string) =>
            cidr === `${address}/32` || (cidr === "10.10.0.0/16" && address.startsWith("10.10."));
        for (const source of [plan.nodes.jumpHost[0], plan.nodes.database[0], plan.nodes.loadBalancer[0]]) {
            for (const target of [plan.nodes.jumpHost[0], plan.nodes.database[1]!, plan.nodes.loadBalancer[0]].filter(
                ({ hostname }) => hostname !== source.hostname,
            )) {
                const matches = (
                    rule: ReturnType<typeof securityGroupRules>[number],
                    other: (typeof plan.nodes.jumpHost)[0],
                ) =>
                    "role" in rule.peer
                        ? rule.peer.role === roleOf(other.hostname)
                        : rule.peer.cidrs.some((cidr) => cidr === "0.0.0.0/0" || inCidr(cidr, other.address));
                const allowed = scanned.filter(
                    (port) =>
                        securityGroupRules(roleOf(target.hostname), context).some(
                            (rule) =>
                                rule.direction === "ingress" &&
                                rule.protocol === "TCP" &&
                                rule.port === port &&
                                matches(rule, source),
                        ) &&
                        securityGroupRules(roleOf(source.hostname), context).some(
                            (rule) =>
                                rule.direction === "egress" &&
                                rule.protocol === "TCP" &&
                                rule.port === port &&
                                matches(rule, target),
                        ),
                );
                const probe = scanned
                    .map(
                        (port) =>
                            `(timeout 1 bash -c 'exec 3<>/dev/tcp/${target.address}/${port}' 2>/dev/null && echo ${port}) &`,
                    )
                    .join(" ");
                const open = (await onMachine(source.hostname, "bash", "-c", `${probe} wait`))
                    .split("\n")
                    .filter(Boolean)
                    .map(Number)
                    .sort((a, b) => a - b);
                const listening = listeners[roleOf(target.hostname)];
                expect(open, `${source.hostname} → ${target.hostname}`).toEqual(
                    allowed.filter((port) => listening.includes(port)),
                );
            }
        }
    });

    const listeners: Record<Role, readonly number[]> = {
        jumpHost: [22],
        database: [22, 2379, 2380, 5432, 6432, 8008],
        loadBalancer: [22, 5000, 5001, 7000],
    };

    test("metadata is for root only", async () => {
        const asUser = await onMachine(
            "db-1",
            "bash",
            "-c",
            "runuser -u postgres -- timeout 2 bash -c 'exec 3<>/dev/tcp/169.254.169.254/80' 2>&1 || true",
        );
        expect(asUser).toMatch(/refused|unreachable|denied/i);
    });

    test("unsafe calls of Patroni's REST API need a certificate, etcd always does", async () => {
        const curl = (...args: string[]) =>
            onMachine(
                "db-2",
                "curl",
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--cacert",
                "/etc/postgres-ha/tls/ca.crt",
                ...args,
            );
        const api = `https://${outputs.nodes[0]!.address}:8008`;
        expect(await curl(`${api}/patroni`)).toBe("200");
        expect(await curl("--request", "PATCH", "--data", "{}", `${api}/config`)).toBe("403");
        await expect(curl(`https://${outputs.nodes[0]!.address}:2379/health`)).rejects.toThrow();
    });

    test("no secret in the exported state, in user-data, in arguments or in the journals", async () => {
        const { stdout: state } = await pulumi("stack", "export", "--stack", "local");
        const { stdout: decrypted } = await pulumi("stack", "export", "--stack", "local", "--show-secrets");
        const passwords = new Set(
            [...decrypted.matchAll(/"plaintext": "\\"([A-Za-z0-9]{32})\\""/g)].map(([, password]) => password!),
        );
        const keys = new Set(
            [...decrypted.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\+n)+([A-Za-z0-9+/]{40})/g)].map(
                ([, key]) => key!,
            ),
        );
        expect(passwords.size).toBeGreaterThanOrEqual(6);
        expect(keys.size).toBeGreaterThanOrEqual(10);

        const hostKeys = new Set<string>();
        for (const machine of ["jump", "db-1", "db-2", "db-3", "lb-1"]) {
            const hostKey = await onMachine(machine, "sed", "-n", "2p", "/etc/ssh/ssh_host_ed25519_key");
            hostKeys.add(hostKey.trim().slice(0, 40));
        }
        for (const secret of [...passwords, ...keys]) {
            expect(state.includes(secret), `a secret (${fingerprint(secret)}) stands in the state in clear`).toBe(
                false,
            );
        }
        for (const machine of ["db-1", "db-2", "lb-1"]) {
            const seen = await onMachine(
                machine,
                "bash",
                "-c",
                "cat /var/lib/cloud/instance/user-data.txt; ps -eo args; journalctl --no-pager; cat /var/log/cloud-init*.log",
            );
            for (const secret of [...passwords, ...keys].filter((candidate) => !hostKeys.has(candidate))) {
                expect(seen.includes(secret), `a secret (${fingerprint(secret)}) can be read on ${machine}`).toBe(
                    false,
                );
            }
        }
    });

    const fingerprint = (secret: string) => createHash("sha256").update(secret).digest("hex").slice(0, 8);
});

describe("an application's deploy", () => {
    test("takes the outputs by StackReference, migrates and queries", async () => {
        const app = join(repository, "examples/app");
        const inApp = (...args: string[]) => mustRun(join(repository, "tools/run"), args, { folder: app });
        await inApp("npm", "ci", "--no-audit", "--no-fund");
        await inApp("pulumi", "stack", "select", "--create", "example");
        await inApp("pulumi", "config", "set", "clusterStack", "organization/postgres-ha/local");
        const up = () =>
            captureAsClient(
                site,
                [
                    join(repository, "tools/run"),
                    "pulumi",
                    "--cwd",
                    app,
                    "up",
                    "--yes",
                    "--skip-preview",
                    "--stack",
                    "example",
                ],
                {
                    timeoutSeconds: 180,
                },
            );
        try {
            const first = await up();
            expect(first.exitCode, first.stdout + first.stderr).toBe(0);
            expect(JSON.parse(await inApp("pulumi", "stack", "output", "--json"))).toEqual({ visitCount: "1" });
            expect(await sql(outputs.connections[0]!.readOnly, "SELECT count(*) FROM visit")).toBe("1");
        } finally {
            await inApp("pulumi", "destroy", "--yes", "--skip-preview", "--stack", "example");
            await inApp("pulumi", "stack", "rm", "--yes", "--stack", "example");
        }
    });
});

describe("a later change of the configuration", () => {
    test("reaches the running machines, one node after another, and is checked again", async () => {
        const config = (...args: string[]) => pulumi("config", "--stack", "local", ...args);
        const parameters = "postgres-ha:postgresqlParameters";
        expect((await config("set", "--path", `${parameters}.work_mem`, "7MB")).exitCode).toBe(0);
        expect((await config("set", "--path", `${parameters}.max_connections`, "60")).exitCode).toBe(0);
        expect((await config("set", "--path", "postgres-ha:users[0].name", "report")).exitCode).toBe(0);
        expect((await config("set", "--path", "postgres-ha:users[0].databases[0]", "app")).exitCode).toBe(0);
        // As if this change added the unit.
        await onMachine("db-1", "systemctl", "stop", "pgbouncer-guard.service");
        const boots = await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished");
        const changed = await local();
        expect(changed).toContain("updated");
        expect(changed).not.toMatch(/ComputeInstance.*replac/);
        const { readWrite } = outputs.connections[0]!;
        expect(await sql(readWrite, "SHOW work_mem")).toBe("7MB");
        expect(await sql(readWrite, "SHOW max_connections")).toBe("60");
        expect(await onMachine("db-1", "cat", "/var/lib/cloud/instance/boot-finished")).toBe(boots);
        expect(await onMachine("db-1", "systemctl", "is-active", "pgbouncer-guard.service")).toBe("active\n");
        const report = (await stackOutputs()).connections.find(({ user }) => user === "report")!;
        expect(await sql(report.readOnly, "SELECT current_user")).toBe("report");
        const { exitCode, output } = await pulumi("preview", "--stack", "local", "--expect-no-changes");
        expect(exitCode, output).toBe(0);
    });

    test("lowers a parameter that standbys must not have lower than the leader, without a change of leader", async () => {
        const leader = async () => (await members()).find(({ Role }) => Role === "Leader")?.Member;
        const before = await leader();
        expect(
            (
                await pulumi(
                    "config",
                    "--stack",
                    "local",
                    "set",
                    "--path",
                    "postgres-ha:postgresqlParameters.max_connections",
                    "50",
                )
            ).exitCode,
        ).toBe(0);
        await local();
        for (const { hostname } of outputs.nodes.filter(({ hostname }) => hostname.includes("-db-"))) {
            expect(
                await onMachine(
                    hostname,
                    "bash",
                    "-lc",
                    "psql --tuples-only --no-align --command='SHOW max_connections'",
                ),
            ).toBe("50\n");
        }
        expect(await leader()).toBe(before);
        expect((await members()).every((member) => !("Pending restart" in member))).toBe(true);
    });

    test("adds a script to a callback of Patroni on the running cluster", async () => {
        const script = 'echo "seen by the new script: $*"\nsleep 1000';
        expect(
            (
                await pulumi(
                    "config",
                    "set",
                    "--stack",
                    "local",
                    "--path",
                    "postgres-ha:patroniCallbacks.on_restart",
                    script,
                )
            ).exitCode,
        ).toBe(0);
        const changed = await local();
        expect(changed).toContain("updated");
        expect(changed).not.toMatch(/ComputeInstance.*(updat|replac)/);

        const replica = (await members()).find(({ Role }) => Role !== "Leader")!.Member;
        const journal = () =>
            onMachine(replica, "journalctl", "--identifier=patroni-callback", "--output=cat", "--boot");
        expect(await journal()).toMatch(/^on_start role=(primary|replica) scope=main$/m);
        await onMachine(replica, "bash", "-lc", `patronictl restart main ${replica} --force`);
        await eventually(30, journal, (lines) =>
            lines.includes("\non_restart role=replica scope=main\nseen by the new script: on_restart replica main\n"),
        );
        // The script hangs, which does not block Patroni: the next callback ends it.
        await onMachine(replica, "bash", "-lc", `patronictl restart main ${replica} --force`);
        await eventually(30, journal, (lines) => lines.split("seen by the new script").length === 3);
        const running = "/bin/bash /etc/postgres-ha/callbacks/on_restart on_restart replica main";
        await eventually(
            30,
            () => onMachine(replica, "pgrep", "--full", "--exact", "--count", running),
            (count) => count.trim() === "1",
        );
        const { exitCode, output } = await pulumi("preview", "--stack", "local", "--expect-no-changes");
        expect(exitCode, output).toBe(0);
    });
});

describe("npm run local -- down", () => {
    test("leaves no machine, process, mount, namespace, interface, loop device or control group", async () => {
        const machineIds = listMachines(site).map(({ spec }) => spec.id);
        expect(machineIds).toHaveLength(5);
        await local("down");
        expect(
            await eventually(
                5,
                () => leftovers(machineIds),
                (lines) => lines.length === 0,
            ),
        ).toEqual([]);
        expect(
            existsSync(join(folder, "machines")) && (await mustRun("ls", [join(folder, "machines")])).trim(),
        ).toBeFalsy();
        expect((await testbed("status")).trim()).not.toContain("running");
    });
});
