/** The decisions in check-cluster.py and apply-dynamic-configuration.py. */
import { describe, expect, it } from "vitest";

import { callPython } from "../support/scripts.ts";

describe("apply-dynamic-configuration", () => {
    const difference = (desired: unknown, actual: unknown) => callPython("apply-dynamic-configuration.py", "difference", [desired, actual]).returned;

    it("finds nothing where nothing differs, whatever else Patroni keeps", () => {
        expect(difference({ ttl: 25, postgresql: { parameters: { jit: "off" } } }, { ttl: 25, extra: 1, postgresql: { parameters: { jit: "off" }, pg_hba: [] } })).toEqual({});
    });

    it("names what is new or has another value, and only that", () => {
        expect(difference({ ttl: 30, loop_wait: 3, postgresql: { use_slots: true, parameters: { a: 1, b: 2 } } }, { loop_wait: 3, ttl: 25, postgresql: { use_slots: true, parameters: { a: 1, b: 1 } } })).toEqual({
            ttl: 30,
            postgresql: { parameters: { b: 2 } },
        });
    });

    it("removes parameters that nobody asks for any more, and no other keys", () => {
        expect(difference({ postgresql: { parameters: { a: 1 } } }, { maximum_lag_on_failover: 1, postgresql: { use_slots: true, parameters: { a: 1, gone: 2 } } })).toEqual({
            postgresql: { parameters: { gone: null } },
        });
    });

    it("starts from nothing", () => {
        expect(difference({ ttl: 25, postgresql: { parameters: { a: 1 } } }, {})).toEqual({ ttl: 25, postgresql: { parameters: { a: 1 } } });
    });

    it("tells 1 from true no more than Patroni does, but text from numbers", () => {
        expect(difference({ a: "10" }, { a: 10 })).toEqual({ a: "10" });
    });

    describe("restarts", () => {
        const next = (...members: readonly object[]) => callPython("apply-dynamic-configuration.py", "next_to_restart", [members]).returned;
        const member = (name: string, role: string, reason?: object) => ({ name, role, ...(reason ? { pending_restart: true, pending_restart_reason: reason } : {}) });
        const bufferChange = { shared_buffers: { old_value: "128MB", new_value: "64MB" } };
        const lowered = { max_connections: { old_value: "100", new_value: "60" } };
        const raised = { max_connections: { old_value: "60", new_value: "100" } };

        it("replicas before the leader, so that it hands over to one that is through", () => {
            expect(next(member("a", "leader", bufferChange), member("b", "replica", bufferChange), member("c", "quorum_standby", bufferChange))).toEqual(["b", "c"]);
            expect(next(member("a", "leader", raised), member("b", "replica"), member("c", "sync_standby", raised))).toEqual(["c"]);
            expect(next(member("a", "leader", bufferChange), member("b", "replica"))).toEqual(["a"]);
        });

        it("the leader first where standbys must not have less than it", () => {
            expect(next(member("a", "leader", { ...bufferChange, ...lowered }), member("b", "replica", lowered))).toEqual(["a"]);
            expect(next(member("a", "leader"), member("b", "replica", lowered), member("c", "replica"))).toEqual(["b"]);
        });

        it("nobody where nothing waits", () => {
            expect(next(member("a", "leader"), member("b", "replica"))).toEqual([]);
        });

        const restart = (members: readonly object[]) =>
            callPython("apply-dynamic-configuration.py", "restart_in_turn", [], {
                own_state: [{ pending_restart: true, role: "primary", patroni: { name: "a" } }],
                request: [{ members }],
                "subprocess.run": [null],
            }).calls.filter(({ name }) => name === "subprocess.run").map(({ arguments: [command] }) => (command as string[]).slice(2));

        it("in place where handing over would meet a standby with the old value", () => {
            expect(restart([member("a", "leader", lowered), member("b", "replica", lowered)])).toEqual([["in-place"]]);
            expect(restart([member("a", "leader", bufferChange), member("b", "replica")])).toEqual([[]]);
        });
    });

    describe("a standby whose leader goes down with max_connections", () => {
        const waits = (own: object, noted: string) => callPython("apply-dynamic-configuration.py", "leader_still_has_more", [own], { control_data: [{ "max_connections setting": noted }] }).returned;
        const reason = (from: string, to: string) => ({ pending_restart_reason: { max_connections: { old_value: from, new_value: to } } });

        it("waits until it has replayed that the leader was restarted", () => {
            expect(waits({ role: "replica", ...reason("100", "60") }, "100")).toBe(true);
            expect(waits({ role: "replica", ...reason("100", "60") }, "60")).toBe(false);
        });

        it("waits for nothing where it goes up, and a leader never", () => {
            expect(waits({ role: "replica", ...reason("60", "100") }, "100")).toBe(false);
            expect(waits({ role: "primary", ...reason("100", "60") }, "100")).toBe(false);
        });
    });

    it("does nothing where Patroni does not run", () => {
        const outcome = callPython("apply-dynamic-configuration.py", "main", [], { print: [null], request: [{ raise: "refused" }] });
        expect(outcome.raised).toBeUndefined();
        expect(outcome.calls.map(({ name, arguments: args }) => `${name} ${args[0]}`)).toEqual(["request /patroni", "print Patroni does not run yet: nothing to change"]);
    });
});

describe("check-cluster", () => {
    const cluster = {
        members: ["db-1", "db-2", "db-3"].map((name, index) => ({ name, fqdn: `${name}.internal`, address: `10.0.0.${index + 1}` })),
        loadBalancers: [{ name: "lb-1", fqdn: "lb-1.internal", address: "10.0.0.9" }],
        synchronousMode: "quorum",
    };
    const leader = { name: "db-2", role: "leader", state: "running", timeline: 3 };
    const replica = (name: string, role = "replica") => ({ name, role, state: "streaming", timeline: 3 });
    const healthy = [replica("db-1", "quorum_standby"), leader, replica("db-3", "quorum_standby")];
    const judge = (members: readonly object[], changes: object = {}) =>
        callPython("check-cluster.py", "check_patroni", [{ ...cluster, ...changes }], { patroni: [{ members }] });

    describe("of etcd's members", () => {
        const judgeEtcd = (...answers: readonly object[]) => callPython("check-cluster.py", "check_etcd", [cluster], { etcd: answers });
        const well = { health: "true", reason: "" };

        it("asks each of them", () => {
            const outcome = judgeEtcd(well, well, well);
            expect(outcome.raised).toBeUndefined();
            expect(outcome.calls.map(({ arguments: [address, path] }) => `${String(address)}${String(path)}`)).toEqual(["10.0.0.1/health", "10.0.0.2/health", "10.0.0.3/health"]);
        });

        it("names the one that is not healthy, or does not answer", () => {
            expect(judgeEtcd(well, { health: "false", reason: "RAFT NO LEADER" }).raised).toBe("NotYet: db-2: etcd is not healthy: RAFT NO LEADER");
            expect(judgeEtcd(well, well, { raise: "connection refused" }).raised).toBe("NotYet: db-3: etcd does not answer: connection refused");
        });
    });

    describe("of Patroni's members", () => {
        it("names the leader of a healthy cluster", () => {
            expect(judge(healthy)).toMatchObject({ returned: "db-2" });
            expect(judge([replica("db-1", "sync_standby"), leader, replica("db-3")])).toMatchObject({ returned: "db-2" });
            expect(judge([replica("db-1"), leader, replica("db-3")], { synchronousMode: "off" })).toMatchObject({ returned: "db-2" });
        });

        it.each<[string, readonly object[], string]>([
            ["there is no leader", [replica("db-1"), replica("db-2"), replica("db-3")], "NotYet: Patroni reports 0 leaders: []"],
            ["two lead", [{ ...leader, name: "db-1" }, leader, replica("db-3")], "NotYet: Patroni reports 2 leaders: ['db-1', 'db-2']"],
            ["a member is missing", healthy.slice(0, 2), "NotYet: db-3: patroni.service has not joined the cluster"],
            ["a replica is still copied", [{ ...replica("db-1"), state: "creating replica" }, ...healthy.slice(1)], "NotYet: db-1: PostgreSQL is creating replica on timeline 3, not streaming on 3"],
            ["a replica is on another timeline", [{ ...replica("db-1"), timeline: 2 }, ...healthy.slice(1)], "NotYet: db-1: PostgreSQL is streaming on timeline 2, not streaming on 3"],
            ["the leader is stopping", [healthy[0]!, { ...leader, state: "stopping" }, healthy[2]!], "NotYet: db-2: PostgreSQL is stopping on timeline 3, not running on 3"],
            ["a member was not restarted", [healthy[0]!, leader, { ...healthy[2]!, pending_restart: true, pending_restart_reason: { max_connections: { old_value: "60", new_value: "50" } } }], "NotYet: db-3: PostgreSQL waits for a restart to take max_connections"],
            ["no standby is synchronous", [replica("db-1"), leader, replica("db-3")], "NotYet: no replica is a synchronous standby"],
        ])("is not content when %s", (_, members, reason) => {
            expect(judge(members).raised).toBe(reason);
        });

        it("says that Patroni does not answer", () => {
            const outcome = callPython("check-cluster.py", "check_patroni", [cluster], { patroni: [{ raise: "connection refused" }] });
            expect(outcome.raised).toBe("NotYet: Patroni on this node does not answer: connection refused");
        });
    });

    it("has every Patroni begin its next round, also when one of them does not answer", () => {
        const outcome = callPython("check-cluster.py", "wake_patroni", [cluster], { ask: [{}, { raise: "connection refused" }, {}] });
        expect(outcome.raised).toBeUndefined();
        expect(outcome.calls.map(({ arguments: [url, patch] }) => [url, patch])).toEqual([1, 2, 3].map((node) => [`https://10.0.0.${node}:8008/config`, { no_such_key: null }]));
    });

    describe("of the poolers", () => {
        const judgePoolers = (...answers: readonly [number, string][]) => callPython("check-cluster.py", "check_poolers", [cluster, "db-2", "secret"], { psql: answers });

        it("is content when each leads to a server of the right role", () => {
            const outcome = judgePoolers([0, "t"], [0, "f"], [0, "t"]);
            expect(outcome.raised).toBeUndefined();
            expect(outcome.calls.map(({ arguments: [host, port] }) => `${String(host)}:${String(port)}`)).toEqual(["db-1.internal:6432", "db-2.internal:6432", "db-3.internal:6432"]);
        });

        it("names the pooler that does not serve, or leads astray", () => {
            expect(judgePoolers([0, "t"], [2, "refused"]).raised).toBe("NotYet: db-2: PgBouncer does not serve: refused");
            expect(judgePoolers([0, "f"]).raised).toMatch(/^NotYet: db-1: PgBouncer/);
            expect(judgePoolers([0, "t"], [0, "t"]).raised).toMatch(/^NotYet: db-2: PgBouncer/);
        });
    });

    describe("of what should be known", () => {
        const headers = (etcd: string, watchdog?: string) => ({
            "postgres-ha-packages": `etcd-${etcd} patroni-4.1.0-1PGDG.rhel9`,
            ...(watchdog === undefined ? {} : { "postgres-ha-watchdog": watchdog }),
        });
        const remarks = (...told: readonly object[]) => callPython("check-cluster.py", "remarks", [cluster], { told_by: told }).returned;

        it("says nothing of nodes that are alike, and of a watchdog that nobody promised", () => {
            expect(remarks(headers("3.6.6-1"), headers("3.6.6-1"), headers("3.6.6-1"))).toEqual([]);
        });

        it("warns of different versions", () => {
            expect(remarks(headers("3.6.6-1"), headers("3.6.6-2"), headers("3.6.6-1"))).toEqual([
                "WARNING: nodes have different versions: etcd-3.6.6-1 on db-1 db-3, etcd-3.6.6-2 on db-2",
            ]);
        });

        it("names each watchdog, and warns where one is promised and there is none", () => {
            expect(remarks(headers("1-1", "Software Watchdog"), headers("1-1", "none"), headers("1-1", "i6300ESB timer"))).toEqual([
                "WARNING: no watchdog on db-2: nothing resets such a machine when it leads and hangs, and Patroni goes on without",
                "db-1: Patroni's watchdog, while it leads, is Software Watchdog",
                "db-3: Patroni's watchdog, while it leads, is i6300ESB timer",
            ]);
        });

        it("bears a node that tells nothing", () => {
            expect(remarks({}, headers("1-1", "none"), {})).toEqual([expect.stringContaining("no watchdog on db-2")]);
        });
    });

    describe("of the endpoints", () => {
        const token = "11111111-1111-1111-1111-111111111111";
        const judgeEndpoints = (...answers: readonly [number, string][]) =>
            callPython("check-cluster.py", "check_endpoints", [cluster, "secret"], { psql: answers, "uuid.uuid4": [token] });

        it("writes through 5000 and reads through 5001", () => {
            const { calls: all, raised } = judgeEndpoints([0, ""], [0, `t|${token}`]);
            const calls = all.filter(({ name }) => name === "psql");
            expect(raised).toBeUndefined();
            expect(calls.map(({ arguments: [host, port] }) => `${String(host)}:${String(port)}`)).toEqual(["lb-1.internal:5000", "lb-1.internal:5001"]);
            expect(String(calls[0]!.arguments[2])).toMatch(new RegExp(`^INSERT INTO health_check\\.probe .*'${token}'`));
        });

        it.each<[string, [number, string][], RegExp]>([
            ["the write fails", [[2, "read-only transaction"]], /^NotYet: lb-1: no write through HAProxy's port 5000: read-only/],
            ["the read fails", [[0, ""], [2, "refused"]], /^NotYet: lb-1: no read through HAProxy's port 5001: refused/],
            ["it reads an older row", [[0, ""], [0, "t|older"]], /^NotYet: lb-1: port 5001 read 't\|older', not the row just written/],
        ])("is not content when %s", (_, answers, reason) => {
            expect(judgeEndpoints(...answers).raised).toMatch(reason);
        });

        it("is not content with a read from the leader", () => {
            expect(judgeEndpoints([0, ""], [0, `f|${token}`]).raised).toMatch(/not the row just written from a replica$/);
        });
    });
});

describe("unreachable-peers", () => {
    const transactions = (refused: boolean, outcomes: readonly boolean[]) =>
        callPython("unreachable-peers.py", "set_refused", ["10.0.0.2", refused], { nft: outcomes }).calls.map(({ arguments: [commands] }) => (commands as string).trim().split("\n"));
    const element = (verb: string, rest = "") => `${verb} element inet unreachable_peers addresses { 10.0.0.2${rest} }`;

    it("renews a refusal, which ends by itself", () => {
        expect(transactions(true, [true])).toEqual([[element("add"), element("delete"), element("add", " timeout 5s")]]);
    });

    it("takes a refusal back, whether it is still there or not", () => {
        expect(transactions(false, [true])).toEqual([[element("add"), element("delete")]]);
    });

    it("makes its table anew where somebody took it away", () => {
        const [, second] = transactions(true, [false, true]);
        expect(second![0]).toBe("table inet unreachable_peers");
        expect(second!.at(-1)).toBe(element("add", " timeout 5s"));
    });

    it("fails where the kernel refuses", () => {
        expect(callPython("unreachable-peers.py", "set_refused", ["10.0.0.2", true], { nft: [false] }).raised).toBe("RuntimeError: the kernel does not take the table");
    });

    const answers = (outcome: unknown) => callPython("unreachable-peers.py", "answers", ["127.0.0.1"], { "socket.create_connection": [outcome] }).returned;

    it("takes a refused connection for an answer, and no other error", () => {
        expect(answers({ raise: "[Errno 113] No route to host" })).toBe(false);
        // Nothing listens there: the kernel itself refuses.
        expect(callPython("unreachable-peers.py", "answers", ["127.255.255.254"]).returned).toBe(true);
    });
});
