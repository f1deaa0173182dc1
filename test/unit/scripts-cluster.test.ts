/** The scripts that act on the cluster, with programs around them that answer as etcd, Patroni and SSH would. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { reconcileMembersCommand } from "../../cloud-init/roles/database-node.ts";
import { waitForSshCommand } from "../../cloud-init/roles/jump-host.ts";
import { installed, installedScript } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine("machine", ["10.0.0.1", "10.0.0.2"]);
    scratch.write({
        path: "/etc/profile.d/postgres-ha-etcd.sh",
        content: "export ETCDCTL_CACERT=/ca ETCDCTL_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379\n",
    });
});
afterEach(() => scratch.remove());

describe("one-after-another", () => {
    beforeEach(() => scratch.write(installedScript("one-after-another.sh")));
    const run = () =>
        scratch.run(installed("one-after-another"), ["sh", "-c", "echo ran $1 with $0", "two words", "one"]);

    it("runs the command under a lock in etcd", async () => {
        scratch.stub(
            "/usr/local/bin/etcdctl",
            '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        );
        expect(await run()).toMatchObject({ status: 0, stdout: "ran one with two words\n" });
        expect((await scratch.calls())[1]).toMatch(
            /^etcdctl lock --ttl=60 \/postgres-ha\/one-after-another -- timeout 540 bash -c .* sh -c echo ran/,
        );
    });

    it("waits for the lock again if etcd stops before the command has begun, and runs the command once", async () => {
        scratch.stub(
            "/usr/local/bin/etcdctl",
            '[ "$1" = lock ] || exit 0; [ -e /tmp/stopped ] || { touch /tmp/stopped; exit 1; }; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        );
        expect(await run()).toMatchObject({ status: 0, stdout: "ran one with two words\n" });
    });

    it("does not repeat a command that failed", async () => {
        scratch.stub(
            "/usr/local/bin/etcdctl",
            '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        );
        const result = await scratch.run(installed("one-after-another"), ["sh", "-c", "echo ran; exit 1"]);
        expect(result).toMatchObject({ status: 1, stdout: "ran\n" });
    });

    it("runs it at once where etcd has no quorum", async () => {
        scratch.stub("/usr/local/bin/etcdctl", "exit 1");
        expect(await run()).toMatchObject({ status: 0, stdout: "ran one with two words\n" });
        expect(await scratch.calls()).toHaveLength(1);
    });

    it("counts the command's time from when it has the lock", async () => {
        scratch.stub(
            "/usr/local/bin/etcdctl",
            '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        );
        scratch.stub("/usr/local/bin/timeout", 'exec /usr/bin/timeout "$@"');
        expect(await run()).toMatchObject({ status: 0 });
        const limits = (await scratch.calls())
            .filter((call) => call.startsWith("timeout"))
            .slice(1)
            .map((call) => Number(call.split(" ")[1]));
        expect(limits).toEqual([1620, 540]);
    });

    it("fails when the command fails", async () => {
        scratch.stub("/usr/local/bin/etcdctl", "exit 1");
        expect((await scratch.run(installed("one-after-another"), ["sh", "-c", "exit 7"])).status).toBe(7);
    });

    it("runs two commands one after the other", async () => {
        // A lock as etcd's, of one machine.
        scratch.stub(
            "/usr/local/bin/etcdctl",
            '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec flock /tmp/lock "$@"',
        );
        const one = `${installed("one-after-another")} sh -c 'echo in >>/tmp/order; sleep 0.3; echo out >>/tmp/order'`;
        await scratch.bash(`${one} & ${one} & wait`);
        expect((await scratch.run("cat", ["/tmp/order"])).stdout).toBe("in\nout\nin\nout\n");
    });
});

describe("patroni-callback", () => {
    function prepare(...script: readonly string[]): void {
        scratch.write(installedScript("patroni-callback.sh"), {
            path: "/etc/postgres-ha/callbacks/on_role_change",
            content: `${script.join("\n")}\n`,
            mode: "0755",
        });
        scratch.write({ path: "/tmp/in-recovery", content: "t\nt\nf\n" });
        scratch.stub(
            "/usr/local/bin/psql",
            'case "$*" in *pg_is_in_recovery*) head -n 1 /tmp/in-recovery; [ "$(wc -l </tmp/in-recovery)" = 1 ] || sed -i 1d /tmp/in-recovery ;; esac',
        );
    }
    const run = () =>
        scratch.run(installed("patroni-callback"), ["on_role_change", "primary", "main"], {
            input: "nothing for the script",
        });
    const line = "on_role_change role=primary scope=main\n";

    it("says what happened, and runs the action's script with the same arguments", async () => {
        prepare("#!/bin/bash", 'echo "$# $*"; cat; echo aside >&2');
        expect(await run()).toMatchObject({
            status: 0,
            stdout: `${line}3 on_role_change primary main\n`,
            stderr: "aside\n",
        });
    });

    it("says that the script failed", async () => {
        prepare("#!/bin/bash", "exit 7");
        expect(await run()).toMatchObject({
            status: 7,
            stdout: `${line}on_role_change: the script ended with status 7\n`,
        });
    });

    it("ends a script that hangs, and all it started", async () => {
        prepare("#!/bin/bash", "sleep 1000 & sleep 1000");
        scratch.stub("/usr/local/bin/timeout", 'exec /usr/bin/timeout "$1" 1 "${@:3}"');
        const ended = await scratch.bash(
            `${installed("patroni-callback")} on_role_change primary main || echo "status $?"; pgrep -x sleep || echo none left`,
        );
        expect(ended.stdout).toBe(`${line}on_role_change: the script was ended after 60 s\nstatus 124\nnone left\n`);
        expect((await scratch.calls()).filter((call) => call.startsWith("timeout"))).toEqual([
            "timeout --kill-after=5 60 /etc/postgres-ha/callbacks/on_role_change on_role_change primary main",
        ]);
    });

    it("has PgBouncer hear the new role, once PostgreSQL has it", async () => {
        prepare("#!/bin/bash", "exit 0");
        expect(await run()).toMatchObject({ status: 0, stdout: line });
        const calls = (await scratch.calls()).filter((call) => call.startsWith("psql"));
        expect(calls).toHaveLength(4);
        expect(calls.at(-1)).toBe("psql --host=/run/pgbouncer --port=6432 --dbname=pgbouncer -Xqc RECONNECT");
    });
});

describe("etcd-leader-away", () => {
    const OWN = "17446744073709551615";
    const OTHER = "9223372036854775809";
    const LEARNER = "11";
    const status = (id: string, leader: string, learner = false) =>
        `"MemberID" : ${id}\\n"Leader" : ${leader}\\n"IsLearner" : ${learner}\\n`;

    function prepare(own: string, all: string, leadsPostgresql = true): void {
        scratch.write(installedScript("etcd-leader-away.sh"), installedScript("etcd-hand-over.sh"));
        scratch.stub("/usr/local/bin/curl", leadsPostgresql ? "exit 0" : "exit 22");
        scratch.stub(
            "/usr/bin/etcdctl",
            `case "$*" in *move-leader*) exit 0 ;; *) case "\$ETCDCTL_ENDPOINTS" in https://127.0.0.1:2379) printf '${own}' ;; *) printf '${all}' ;; esac ;; esac`,
        );
    }
    const moves = async () => (await scratch.calls()).filter((call) => call.includes("move-leader"));
    const run = () => scratch.run(installed("etcd-leader-away"));

    it("hands etcd's lead to a voting member, by its id in hexadecimal to the last digit", async () => {
        prepare(status(OWN, OWN), status(OWN, OWN) + status(LEARNER, OWN, true) + status(OTHER, OWN));
        expect(await run()).toMatchObject({ status: 0 });
        expect(await moves()).toEqual(["etcdctl --command-timeout=3s move-leader 8000000000000001"]);
    });

    it.each([
        ["PostgreSQL's leader is elsewhere", status(OWN, OWN), status(OWN, OWN) + status(OTHER, OWN), false],
        ["etcd's leader is elsewhere", status(OWN, OTHER), status(OWN, OTHER) + status(OTHER, OTHER), true],
        ["nobody else could lead", status(OWN, OWN), status(OWN, OWN) + status(LEARNER, OWN, true), true],
    ])("does nothing when %s", async (_, own, all, leadsPostgresql) => {
        prepare(own, all, leadsPostgresql);
        expect(await run()).toMatchObject({ status: 0 });
        expect(await moves()).toEqual([]);
    });
});

describe("etcd-join", () => {
    const configuration = [
        "name: db-1",
        "data-dir: /var/lib/etcd/postgres-ha",
        "initial-advertise-peer-urls: https://10.0.0.1:2380",
        "advertise-client-urls: https://10.0.0.1:2379",
        "initial-cluster: db-1=https://10.0.0.1:2380,db-2=https://10.0.0.2:2380,db-3=https://10.0.0.3:2380",
        "initial-cluster-state: new",
        "",
    ].join("\n");
    const first = "a1, started, db-1, https://10.0.0.1:2380, https://10.0.0.1:2379, false";
    const others = [
        "b2, started, db-2, https://10.0.0.2:2380, https://10.0.0.2:2379, false",
        "c3, started, db-3, https://10.0.0.3:2380, https://10.0.0.3:2379, false",
    ];

    /** etcd as the other members tell of it: /tmp/members, one a line. */
    function prepare({
        members,
        cluster,
    }: {
        readonly members?: readonly string[];
        readonly cluster: "old" | "young";
    }): void {
        scratch.write(installedScript("etcd-join.sh"), { path: "/etc/postgres-ha/etcd.yaml", content: configuration });
        scratch.write({ path: "/tmp/members", content: (members ?? []).map((line) => `${line}\n`).join("") });
        if (cluster === "old") scratch.write({ path: "/var/lib/pgsql/17/data/PG_VERSION", content: "17\n" });
        scratch.stub("/usr/local/bin/mountpoint", "[[ ! -e /tmp/not-mounted ]]");
        scratch.stub(
            "/usr/local/bin/etcdctl",
            `[ "$ETCDCTL_ENDPOINTS" = https://10.0.0.2:2379 ] || exit 9
case "$4" in
list) [ -s /tmp/members ] && cat /tmp/members ;;
remove) sed -i "/^$5,/d" /tmp/members ;;
add) echo "d4, unstarted, , \${6#--peer-urls=}, , false" >>/tmp/members ;;
esac`,
        );
    }
    const run = () =>
        scratch.bash(
            `python3 -c 'import socket; s = socket.create_server(("10.0.0.2", 2379)); s.settimeout(20); s.accept()' & sleep 0.3; timeout 5 ${installed("etcd-join")} /etc/postgres-ha/etcd.yaml /tmp/result /var/lib/pgsql /var/lib/pgsql/17/data`,
        );
    const result = async () => (await scratch.run("cat", ["/tmp/result"])).stdout;
    const changes = async () =>
        (await scratch.calls())
            .filter((call) => /member (add|remove)/.test(call))
            .map((call) => call.replace(/.*member /, ""));
    const joined = configuration.replace("state: new", "state: existing");

    it("continues where there is data, without asking other members", async () => {
        prepare({ members: [first, ...others], cluster: "old" });
        scratch.write({ path: "/var/lib/etcd/postgres-ha/member/wal", content: "" });
        expect(await run()).toMatchObject({ status: 0 });
        expect(await result()).toBe(configuration);
        expect(await scratch.calls()).toEqual([]); // not even the mount
    });

    it("starts a new cluster if no member answers and PostgreSQL has never run", async () => {
        prepare({ cluster: "young" });
        expect(await run()).toMatchObject({ status: 0 });
        expect(await result()).toBe(configuration);
    });

    it("takes part in the first boot of members that were quicker", async () => {
        prepare({ members: [first.replace("https://10.0.0.1:2379", ""), ...others], cluster: "young" });
        expect(await run()).toMatchObject({ status: 0 });
        expect(await result()).toBe(configuration);
        expect(await changes()).toEqual([]);
    });

    it("never starts a new cluster where PostgreSQL has run, but waits for the others, and says so at once", async () => {
        prepare({ cluster: "old" });
        const { status, stdout } = await run();
        expect(status).toBe(124);
        expect(stdout).toContain('see "All of etcd lost" in docs/operations.md');
        expect(await result()).toBe("");
    });

    it("decides nothing while the data disk is not mounted", async () => {
        prepare({ cluster: "young" });
        scratch.write({ path: "/tmp/not-mounted", content: "" });
        expect(await run()).toMatchObject({
            status: 1,
            stderr: expect.stringContaining("/var/lib/pgsql is not mounted") as string,
        });
        expect(await result()).toBe("");
    });

    it.each(["old", "young"] as const)(
        "replaces the member whose data is lost, PostgreSQL's disk being %s",
        async (cluster) => {
            prepare({ members: [first, ...others], cluster });
            expect(await run()).toMatchObject({
                status: 0,
                stdout: expect.stringContaining("the cluster knows db-1 as member a1, whose data is lost") as string,
            });
            expect(await changes()).toEqual(["remove a1", "add db-1 --peer-urls=https://10.0.0.1:2380"]);
            expect(await result()).toBe(
                joined.replace(
                    /initial-cluster: .*/,
                    "initial-cluster: db-2=https://10.0.0.2:2380,db-3=https://10.0.0.3:2380,db-1=https://10.0.0.1:2380",
                ),
            );
        },
    );

    it("goes on where it was interrupted: removed, or added and not started", async () => {
        prepare({ members: others, cluster: "old" });
        expect(await run()).toMatchObject({ status: 0 });
        expect(await changes()).toEqual(["add db-1 --peer-urls=https://10.0.0.1:2380"]);
        expect(await run()).toMatchObject({ status: 0 });
        expect(await changes()).toEqual(["add db-1 --peer-urls=https://10.0.0.1:2380"]);
        expect(await result()).toContain("initial-cluster-state: existing");
    });
});

describe("reconcile-members", () => {
    /** etcd's members in /tmp/etcd as "id name", Patroni's in /tmp/patroni as "name role"; a switchover swaps two roles. */
    function prepare(etcd: readonly string[], patroni: readonly string[]): void {
        scratch.write(
            installedScript("reconcile-members.sh"),
            { path: "/tmp/etcd", content: `${etcd.join("\n")}\n` },
            { path: "/tmp/patroni", content: `${patroni.join("\n")}\n` },
        );
        scratch.stub(
            "/usr/local/bin/etcdctl",
            `case "$3" in
list) while read -r id name; do echo "$id, started, $name, https://$name:2380, https://$name:2379, false"; done </tmp/etcd ;;
remove) sed -i "/^$4 /d" /tmp/etcd ;;
esac`,
        );
        scratch.stub(
            "/usr/local/bin/patronictl",
            `case "$1" in
list) sed -E 's/([^ ]*) (.*)/{"Member": "\\1", "Role": "\\2"}/' /tmp/patroni | paste -sd, | sed 's/.*/[&]/' ;;
switchover) sed -i -e "s/^$3 .*/$3 Replica/" -e "s/^$5 .*/$5 Leader/" /tmp/patroni ;;
esac`,
        );
    }
    const run = (deadlineSeconds = 30) =>
        scratch.bash(
            reconcileMembersCommand(
                [1, 2, 3].map((k) => ({ name: `db-${k}`, fqdn: "", address: "" })),
                deadlineSeconds,
            ).replace("sudo ", ""),
        );
    const changes = async () => (await scratch.calls()).filter((call) => / remove |switchover/.test(call));
    const five = ["a db-1", "b db-2", "c db-3", "d db-4", "e db-5"];

    it("changes nothing where the members are as planned, or are just joining", async () => {
        prepare(["a db-1", "b db-2", "c "], ["db-1 Leader", "db-2 Replica"]);
        expect(await run()).toMatchObject({ status: 0 });
        expect(await changes()).toEqual([]);
    });

    it("takes out who is not planned, dead or alive", async () => {
        prepare(five, ["db-1 Leader", "db-2 Replica", "db-3 Quorum Standby", "db-4 Quorum Standby"]);
        expect(await run()).toMatchObject({ status: 0 });
        expect(await changes()).toEqual([
            "etcdctl --command-timeout=5s member remove d",
            "etcdctl --command-timeout=5s member remove e",
        ]);
    });

    it("does a switchover before, to a synchronous standby that stays", async () => {
        prepare(five, ["db-1 Replica", "db-2 Replica", "db-3 Quorum Standby", "db-4 Leader", "db-5 Quorum Standby"]);
        expect(await run()).toMatchObject({ status: 0 });
        expect(await changes()).toEqual([
            "patronictl switchover --leader db-4 --candidate db-3 --force",
            "etcdctl --command-timeout=5s member remove d",
            "etcdctl --command-timeout=5s member remove e",
        ]);
    });

    it("keeps the leader if no other node can become leader, and reports that it is not done", async () => {
        prepare(five, ["db-4 Leader", "db-5 Quorum Standby"]);
        const { status, stderr } = await run(3);
        expect(status).toBe(1);
        expect(stderr).toContain("reconcile-members: not done within 3 s; etcd's members:\na, started, db-1");
        expect(await changes()).toEqual([]);
    });
});

describe("replica-guard", () => {
    const removed =
        "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 00000002000000000000000C has already been removed";

    interface Situation {
        /** What Patroni says of this node. */
        readonly own: object;
        readonly journal?: string;
        readonly leaderState?: string;
    }
    async function run({ own, journal = removed, leaderState = "running" }: Situation) {
        scratch.write(installedScript("replica-guard.sh"), {
            path: "/etc/patroni/patroni.yml",
            content: "scope: main\nnamespace: /service\nname: main-db-2\n",
        });
        const members = {
            members: [
                { role: "leader", state: leaderState },
                { role: "replica", state: "running" },
            ],
        };
        scratch.stub(
            "/usr/local/bin/curl",
            `case "\${*: -1}" in */cluster) echo '${JSON.stringify(members)}' ;; *) echo '${JSON.stringify(own)}' ;; esac`,
        );
        scratch.stub("/usr/local/bin/journalctl", `echo '${journal}'`);
        scratch.stub("/usr/local/bin/psql", "cat >/dev/null");
        scratch.stub("/usr/local/bin/patronictl");
        const { status } = await scratch.run(installed("replica-guard"));
        const calls = (await scratch.calls()).filter((call) => /^(psql|patronictl) /.test(call));
        return { status, calls };
    }
    const stuck = { role: "replica", state: "running" };

    it("copies a replica anew whose WAL the leader has removed", async () => {
        expect(await run({ own: stuck })).toEqual({ status: 0, calls: ["patronictl reinit main main-db-2 --force"] });
    });

    it.each<[string, Situation]>([
        ["streams", { own: { ...stuck, replication_state: "streaming" } }],
        ["is being copied already", { own: { ...stuck, state: "creating replica" } }],
        ["has another trouble", { own: stuck, journal: "FATAL:  could not connect to the primary server" }],
        ["would have nobody to copy from", { own: stuck, leaderState: "stopped" }],
    ])("leaves a replica alone that %s", async (_, situation) => {
        expect(await run(situation)).toEqual({ status: 0, calls: [] });
    });

    it("drops lost slots on the leader, and nothing else", async () => {
        const { status, calls } = await run({ own: { role: "primary", state: "running" } });
        expect({ status, calls }).toEqual({
            status: 0,
            calls: [expect.stringMatching(/^psql --host=\/run\/postgresql /)],
        });
    });
});

describe("pgbouncer-guard", () => {
    interface Situation {
        /** What systemd says of PgBouncer. */
        readonly state?: string;
        /** What PgBouncer says to whoever connects. */
        readonly answer?: string;
        /** What the command says of PostgreSQL, as pg_isready would. */
        readonly isReady: string;
    }
    /** @returns what it has ended within 7 s: two questions, 2 s apart, each of which may wait 2 s for its answer */
    async function run({ state = "active", answer = "N", isReady }: Situation) {
        scratch.write(installedScript("pgbouncer-guard.sh"));
        scratch.stub("/usr/local/bin/systemctl", `[ "$1" = kill ] || echo ${state}`);
        const pooler = `python3 -c 'import socket\ns = socket.create_server(("127.0.0.1", 6432))\nheld = []\nwhile True: held.append(s.accept()[0]); held[-1].sendall(b"${answer}")'`;
        await scratch.bash(
            `timeout 8 ${pooler} & sleep 0.5; timeout 7 ${installed("pgbouncer-guard")} ${isReady} || true; kill %1; wait`,
        );
        return (await scratch.calls()).filter((call) => call.startsWith("systemctl kill"));
    }
    const ended = "systemctl kill --signal=KILL pgbouncer";

    it("ends a PgBouncer that does not answer", async () => {
        expect(await run({ answer: "", isReady: "true" })).toEqual([ended]);
    });

    it("ends a PgBouncer whose PostgreSQL refuses connections", async () => {
        expect(await run({ isReady: "false" })).toEqual([ended, ended]);
    });

    it.each<[string, Situation]>([
        ["is well", { isReady: "true" }],
        ["has a PostgreSQL that keeps silent", { isReady: "sleep 10" }],
        ["does not run, or waits for PostgreSQL", { state: "activating", isReady: "false" }],
    ])("leaves a PgBouncer alone that %s", async (_, situation) => {
        expect(await run(situation)).toEqual([]);
    });
});

describe("wait-for-ssh", () => {
    beforeEach(() => scratch.write(installedScript("wait-for-ssh.sh")));
    /** Something that greets on port 22 after a while. */
    const server = (address: string, greeting: string, delaySeconds = 0) =>
        `(sleep ${delaySeconds}; exec python3 -c 'import socket\ns = socket.create_server(("${address}", 22))\nwhile True: s.accept()[0].sendall(b"${greeting}\\r\\n")') &`;
    const command = (deadlineSeconds: number) => waitForSshCommand(["db-1=10.0.0.1", "db-2=10.0.0.2"], deadlineSeconds);

    it("ends when every machine greets as SSH does", async () => {
        const result = await scratch.bash(
            `${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${server("10.0.0.2", "SSH-2.0-OpenSSH_9", 1)} ${command(10)}`,
        );
        expect(result).toMatchObject({ status: 0, stdout: "reachable: db-1=10.0.0.1 db-2=10.0.0.2\n" });
    });

    it("names the machine that does not answer", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${command(5)}`);
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/^db-2: no SSH server answers on 10\.0\.0\.2 after 5 s/);
    });

    it("does not take another service for SSH", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "220 mail ready")} ${command(1)}`);
        expect(result.stderr).toMatch(/^db-1: no SSH server/);
    });
});
