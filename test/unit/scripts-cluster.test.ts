/** The scripts that act on the cluster, with programs around them that answer as etcd, Patroni and SSH would. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { waitForSshCommand } from "../../cloud-init/jump-host";
import { installed, installedScript } from "../support/scripts";
import { ScratchMachine } from "../support/scratch-machine";

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine("machine", ["10.0.0.1", "10.0.0.2"]);
    scratch.write({ path: "/etc/profile.d/postgres-ha-etcd.sh", content: "export ETCDCTL_CACERT=/ca ETCDCTL_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379\n" });
});
afterEach(() => scratch.remove());

describe("one-after-another", () => {
    beforeEach(() => scratch.write(installedScript("one-after-another.sh")));
    const run = () => scratch.run(installed("one-after-another"), ["sh", "-c", "echo ran $1 with $0", "two words", "one"]);

    it("runs the command under a lock in etcd", async () => {
        scratch.stub("/usr/local/bin/etcdctl", '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec "$@"');
        expect(await run()).toMatchObject({ status: 0, stdout: "ran one with two words\n" });
        expect((await scratch.calls())[1]).toMatch(/^etcdctl lock --ttl=60 \/postgres-ha\/one-after-another -- sh -c /);
    });

    it("runs it at once where etcd has no quorum", async () => {
        scratch.stub("/usr/local/bin/etcdctl", "exit 1");
        expect(await run()).toMatchObject({ status: 0, stdout: "ran one with two words\n" });
        expect(await scratch.calls()).toHaveLength(1);
    });

    it("fails when the command fails", async () => {
        scratch.stub("/usr/local/bin/etcdctl", "exit 1");
        expect((await scratch.run(installed("one-after-another"), ["sh", "-c", "exit 7"])).status).toBe(7);
    });

    it("runs two commands one after the other", async () => {
        // A lock as etcd's, of one machine.
        scratch.stub("/usr/local/bin/etcdctl", '[ "$1" = lock ] || exit 0; while [ "$1" != -- ]; do shift; done; shift; exec flock /tmp/lock "$@"');
        const one = `${installed("one-after-another")} sh -c 'echo in >>/tmp/order; sleep 0.3; echo out >>/tmp/order'`;
        await scratch.bash(`${one} & ${one} & wait`);
        expect((await scratch.run("cat", ["/tmp/order"])).stdout).toBe("in\nout\nin\nout\n");
    });
});

describe("patroni-callback", () => {
    const prepare = (...script: readonly string[]) =>
        scratch.write(installedScript("patroni-callback.sh"), { path: "/etc/postgres-ha/callbacks/on_role_change", content: `${script.join("\n")}\n`, mode: "0755" });
    const run = () => scratch.run(installed("patroni-callback"), ["on_role_change", "primary", "main"], { input: "nothing for the script" });
    const line = "on_role_change role=primary scope=main\n";

    it("says what happened, and runs the action's script with the same arguments", async () => {
        prepare("#!/bin/bash", 'echo "$# $*"; cat; echo aside >&2');
        expect(await run()).toMatchObject({ status: 0, stdout: `${line}3 on_role_change primary main\n`, stderr: "aside\n" });
    });

    it("says that the script failed", async () => {
        prepare("#!/bin/bash", "exit 7");
        expect(await run()).toMatchObject({ status: 7, stdout: `${line}on_role_change: the script ended with status 7\n` });
    });

    it("ends a script that hangs, and all it started", async () => {
        prepare("#!/bin/bash", "sleep 1000 & sleep 1000");
        scratch.stub("/usr/local/bin/timeout", 'exec /usr/bin/timeout "$1" 1 "${@:3}"');
        const ended = await scratch.bash(`${installed("patroni-callback")} on_role_change primary main || echo "status $?"; pgrep -x sleep || echo none left`);
        expect(ended.stdout).toBe(`${line}on_role_change: the script was ended after 60 s\nstatus 124\nnone left\n`);
        expect(await scratch.calls()).toEqual(["timeout --kill-after=5 60 /etc/postgres-ha/callbacks/on_role_change on_role_change primary main"]);
    });
});

describe("etcd-leader-away", () => {
    const OWN = "17446744073709551615";
    const OTHER = "9223372036854775809";
    const LEARNER = "11";
    const status = (id: string, leader: string, learner = false) => `"MemberID" : ${id}\\n"Leader" : ${leader}\\n"IsLearner" : ${learner}\\n`;

    function prepare(own: string, all: string, leadsPostgresql = true): void {
        scratch.write(installedScript("etcd-leader-away.sh"));
        scratch.stub("/usr/local/bin/curl", leadsPostgresql ? "exit 0" : "exit 22");
        scratch.stub("/usr/bin/etcdctl", `case "$*" in *move-leader*) exit 0 ;; *) case "\$ETCDCTL_ENDPOINTS" in https://127.0.0.1:2379) printf '${own}' ;; *) printf '${all}' ;; esac ;; esac`);
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

describe("restart-postgresql", () => {
    /** Patroni's REST API as curl sees it: /primary while /tmp/leads exists, else /replica; /health always. */
    function prepare(leads: boolean): void {
        scratch.write(installedScript("restart-postgresql.sh"), { path: "/etc/patroni/patroni.yml", content: "scope: main\nnamespace: /service\nname: main-db-1\n" });
        if (leads) scratch.write({ path: "/tmp/leads", content: "" });
        scratch.stub("/usr/local/bin/curl", 'case "${*: -1}" in */primary) test -e /tmp/leads ;; */replica) ! test -e /tmp/leads ;; *) exit 0 ;; esac');
        scratch.stub("/usr/local/bin/patronictl", '[ "$1" != switchover ] || (sleep 0.7; rm /tmp/leads) &');
    }
    const patronictl = async () => (await scratch.calls()).filter((call) => call.startsWith("patronictl "));

    it("hands over first when it leads, and restarts only when it follows", async () => {
        prepare(true);
        expect(await scratch.run(installed("restart-postgresql"))).toMatchObject({ status: 0 });
        expect(await patronictl()).toEqual(["patronictl switchover --leader main-db-1 --force", "patronictl restart main main-db-1 --force"]);
        const calls = await scratch.calls();
        const restart = calls.findIndex((call) => call.startsWith("patronictl restart"));
        expect(calls[restart - 1]).toMatch(/\/replica$/);
        expect(calls.slice(0, restart).filter((call) => call.endsWith("/replica")).length).toBeGreaterThan(1);
    });

    it("restarts a replica without a switchover", async () => {
        prepare(false);
        expect(await scratch.run(installed("restart-postgresql"))).toMatchObject({ status: 0 });
        expect(await patronictl()).toEqual(["patronictl restart main main-db-1 --force"]);
    });
});

describe("wait-for-ssh", () => {
    beforeEach(() => scratch.write(installedScript("wait-for-ssh.sh")));
    /** Something that greets on port 22 after a while. */
    const server = (address: string, greeting: string, delaySeconds = 0) =>
        `(sleep ${delaySeconds}; exec python3 -c 'import socket\ns = socket.create_server(("${address}", 22))\nwhile True: s.accept()[0].sendall(b"${greeting}\\r\\n")') &`;
    const command = (deadlineSeconds: number) => waitForSshCommand(["db-1=10.0.0.1", "db-2=10.0.0.2"], deadlineSeconds);

    it("ends when every machine greets as SSH does", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${server("10.0.0.2", "SSH-2.0-OpenSSH_9", 1)} ${command(10)}`);
        expect(result).toMatchObject({ status: 0, stdout: "reachable: db-1=10.0.0.1 db-2=10.0.0.2\n" });
    });

    it("names the machine that does not answer", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "SSH-2.0-OpenSSH_9")} ${command(1)}`);
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/^db-2: no SSH server answers on 10\.0\.0\.2 after 1 s/);
    });

    it("does not take another service for SSH", async () => {
        const result = await scratch.bash(`${server("10.0.0.1", "220 mail ready")} ${command(1)}`);
        expect(result.stderr).toMatch(/^db-1: no SSH server/);
    });
});
