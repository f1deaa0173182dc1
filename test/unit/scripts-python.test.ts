/** The decisions in check-cluster.py and apply-dynamic-configuration.py. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { callPython } from "../support/scripts.ts";

describe("apply-dynamic-configuration", () => {
    const difference = (desired: unknown, actual: unknown) =>
        callPython("apply-dynamic-configuration.py", "difference", [desired, actual]).returned;

    it("finds nothing where nothing differs, whatever else Patroni keeps", () => {
        expect(
            difference(
                { ttl: 25, postgresql: { parameters: { jit: "off" } } },
                { ttl: 25, extra: 1, postgresql: { parameters: { jit: "off" }, pg_hba: [] } },
            ),
        ).toEqual({});
    });

    it("names what is new or has another value, and only that", () => {
        expect(
            difference(
                { ttl: 30, loop_wait: 3, postgresql: { use_slots: true, parameters: { a: 1, b: 2 } } },
                { loop_wait: 3, ttl: 25, postgresql: { use_slots: true, parameters: { a: 1, b: 1 } } },
            ),
        ).toEqual({
            ttl: 30,
            postgresql: { parameters: { b: 2 } },
        });
    });

    it("removes parameters that are no longer desired, and no other keys", () => {
        expect(
            difference(
                { postgresql: { parameters: { a: 1 } } },
                { maximum_lag_on_failover: 1, postgresql: { use_slots: true, parameters: { a: 1, gone: 2 } } },
            ),
        ).toEqual({
            postgresql: { parameters: { gone: null } },
        });
    });

    it("starts from nothing", () => {
        expect(difference({ ttl: 25, postgresql: { parameters: { a: 1 } } }, {})).toEqual({
            ttl: 25,
            postgresql: { parameters: { a: 1 } },
        });
    });

    it("tells 1 from true no more than Patroni does, but text from numbers", () => {
        expect(difference({ a: "10" }, { a: 10 })).toEqual({ a: "10" });
    });

    it("takes off for false, as Patroni's tools write it, and no other text", () => {
        expect(difference({ a: "off", b: "on", c: "on" }, { a: false, b: true, c: "off" })).toEqual({ c: "on" });
    });

    describe("before anything is changed", () => {
        const scratch = mkdtempSync(join(tmpdir(), "postgres-ha-data-"));
        afterAll(() => rmSync(scratch, { recursive: true }));
        mkdirSync(join(scratch, "global"));
        for (const name of ["PG_VERSION", "global/pg_control"]) writeFileSync(join(scratch, name), "17\n");
        const trial = (stderr: string, returncode: number, dataDirectory = scratch) =>
            callPython(
                "apply-dynamic-configuration.py",
                "try_parameters",
                [{ dataDirectory, binDirectory: "/usr/pgsql-17/bin" }, { work_mem: "4MB" }],
                {
                    "subprocess.run": [{ attributes: {} }, { attributes: { stderr, returncode } }],
                },
            );

        it("has PostgreSQL itself read the values", () => {
            const { raised, calls } = trial("", 0);
            expect(raised).toBeUndefined();
            expect((calls.at(-1)!.arguments[0] as string[]).slice(0, 7)).toEqual([
                "runuser",
                "-u",
                "postgres",
                "--",
                "/usr/pgsql-17/bin/postgres",
                "-C",
                "shared_memory_size",
            ]);
        });

        it("refuses with PostgreSQL's words what it refuses", () => {
            expect(
                trial(
                    'LOG:  invalid value for parameter "a": "b"\nHINT:  c\nFATAL:  configuration file "/tmp/x" contains errors\n',
                    1,
                ).raised,
            ).toBe(
                'Refused: PostgreSQL does not take the parameters, nothing was changed:\nLOG:  invalid value for parameter "a": "b"\nHINT:  c',
            );
        });

        it("changes nothing then", () => {
            const refused = callPython("apply-dynamic-configuration.py", "apply", [], {
                own_state: [{ pending_restart: true }],
                read_json: [{ postgresql: { parameters: {} } }],
                try_parameters: [{ raise: "no" }],
                request: [{}],
            });
            expect(refused.raised).toBe("OSError: no");
            expect(refused.calls.map(({ name }) => name)).not.toContain("request");
        });

        it("has nothing to try on a node without data yet", () => {
            expect(trial("", 1, "/nonexistent")).toMatchObject({ calls: [] });
        });

        it("writes values as PostgreSQL reads them, and loads what each session would", () => {
            expect(
                callPython("apply-dynamic-configuration.py", "configuration_file", [
                    { a: "it's \\", jit: true, session_preload_libraries: "x", shared_preload_libraries: "y,z" },
                ]).returned,
            ).toBe(
                "a = 'it''s \\\\'\njit = 'True'\nsession_preload_libraries = 'x'\nshared_preload_libraries = 'y,z,x'\n",
            );
        });
    });

    describe("before a restart, of the other nodes", () => {
        const cluster = {
            members: ["a", "b", "c"].map((name) => ({ name, address: name })),
            synchronousMode: "quorum",
        };
        const own = (role = "replica") => ({ role, patroni: { name: "a" } });
        const standby = { state: "running", role: "replica", replication_state: "streaming", quorum_standby: true };
        const primary = { state: "running", role: "primary" };
        const look = (state: object, answers: readonly object[], changes: object = {}) =>
            callPython("apply-dynamic-configuration.py", "look_at_others", [{ ...cluster, ...changes }, state], {
                request: answers,
            }).returned;

        it("is content when they lead or stream, and asks each of them", () => {
            expect(look(own(), [primary, standby])).toBe(null);
            expect(look(own("primary"), [standby, { ...standby, quorum_standby: false }])).toBe(null);
        });

        it.each<[string, readonly object[], string]>([
            [
                "one does not start",
                [{ state: "start failed", role: "replica" }, standby],
                "b: PostgreSQL is start failed",
            ],
            [
                "one does not stream",
                [primary, { ...standby, replication_state: "in archive recovery" }],
                "c: PostgreSQL does not stream from the leader",
            ],
            ["one does not answer", [{ raise: "timed out" }, standby], "b: Patroni does not answer: timed out"],
        ])("names the node when %s", (_, answers, reason) => {
            expect(look(own(), answers)).toBe(reason);
        });

        it("lets a leader restart only where a standby has everything acknowledged, if that is promised", () => {
            const behind = { ...standby, quorum_standby: false };
            expect(look(own("primary"), [behind, behind])).toBe("no standby is a synchronous one");
            expect(look(own("primary"), [behind, { ...behind, sync_standby: true }])).toBe(null);
            expect(look(own("primary"), [behind, behind], { synchronousMode: "off" })).toBe(null);
            expect(look(own(), [primary, behind])).toBe(null);
        });

        it("gives up soon where one does not start, later where one is not there", () => {
            const wait = (reason: string, ...times: readonly number[]) =>
                callPython("apply-dynamic-configuration.py", "wait_for_others", [cluster], {
                    own_state: [own()],
                    look_at_others: [reason],
                    "time.monotonic": times,
                    "time.sleep": [null],
                });
            expect(wait("b: PostgreSQL is start failed", 0, 1, 10, 17)).toMatchObject({
                raised: expect.stringMatching(
                    /^Refused: not restarted, .*: b: PostgreSQL is start failed\. Mend that node/,
                ) as string,
            });
            expect(
                wait("b: PostgreSQL is starting", 0, 17, 100, 121).calls.filter(
                    ({ name }) => name === "look_at_others",
                ),
            ).toHaveLength(3);
        });
    });

    describe("a restart", () => {
        const state = (role: string, text = "running") => ({
            state: text,
            role,
            patroni: { name: "a", scope: "main" },
        });
        const restart = (
            inPlace: boolean,
            states: readonly object[],
            others: unknown = null,
            times: readonly number[] = [0],
        ) => {
            const { calls, raised } = callPython("apply-dynamic-configuration.py", "restart", [inPlace], {
                read_json: [{}],
                wait_for_others: [others],
                own_state: states,
                why_not_started: ["FATAL:  no memory"],
                "subprocess.run": [null],
                "time.monotonic": times,
                "time.sleep": [null],
            });
            return {
                raised,
                commands: calls
                    .filter(({ name }) => name === "subprocess.run")
                    .map(({ arguments: [command] }) => (command as string[]).slice(3).join(" ")),
            };
        };

        it("hands over first where the node leads, and restarts only when it follows", () => {
            const { commands, raised } = restart(false, [
                state("primary"),
                state("primary"),
                state("replica", "stopping"),
                state("replica"),
            ]);
            expect(raised).toBeUndefined();
            expect(commands).toEqual(["switchover --leader a --force", "restart main a --force"]);
        });

        it("is in place when told so, and where the node does not lead", () => {
            expect(restart(true, [state("primary")]).commands).toEqual(["restart main a --force"]);
            expect(restart(false, [state("replica")]).commands).toEqual(["restart main a --force"]);
        });

        it("does not begin where another node is not well", () => {
            expect(restart(false, [state("replica")], { raise: "unwell" })).toEqual({
                raised: "OSError: unwell",
                commands: [],
            });
        });

        it("fails with PostgreSQL's words when it does not start, and waits while it may", () => {
            const failed = restart(
                false,
                [
                    state("replica"),
                    state("replica", "start failed"),
                    state("replica", "starting"),
                    state("replica", "start failed"),
                ],
                null,
                [0, 1, 2, 20],
            );
            expect(failed.raised).toBe(
                "Refused: PostgreSQL does not start. No other node is restarted: put the parameters back, then `up` again.\nFATAL:  no memory",
            );
            expect(
                restart(false, [state("replica"), state("replica", "start failed"), state("replica")], null, [0, 1])
                    .raised,
            ).toBeUndefined();
        });
    });

    it("says PostgreSQL's last words when it did not start", () => {
        const stdout = [
            "12:00:01 UTC [7] LOG:  starting",
            "12:00:02 UTC [7] FATAL:  no memory",
            "12:00:02 UTC [7] HINT:  buy some",
            "INFO: failed to start postgres",
        ].join("\n");
        expect(
            callPython("apply-dynamic-configuration.py", "why_not_started", [], {
                "subprocess.run": [{ attributes: { stdout } }],
            }).returned,
        ).toBe("FATAL:  no memory\nHINT:  buy some");
    });

    it("does not restart where another node failed to, whose turn it was", () => {
        const members = [
            { name: "a", role: "leader", pending_restart: true },
            { name: "b", role: "replica", state: "start failed" },
            { name: "c", role: "replica", pending_restart: true },
        ];
        const outcome = callPython("apply-dynamic-configuration.py", "restart_in_turn", [1e9], {
            own_state: [{ pending_restart: true, role: "primary", patroni: { name: "a" } }],
            request: [{ members }],
            "time.monotonic": [0, 1, 20],
            "time.sleep": [null],
            "subprocess.run": [null],
            print: [null],
        });
        expect(outcome.raised).toMatch(/^Refused: not restarted, .*: b: PostgreSQL does not start\./);
        expect(outcome.calls.map(({ name }) => name)).not.toContain("subprocess.run");
    });

    describe("restarts", () => {
        const next = (...members: readonly object[]) =>
            callPython("apply-dynamic-configuration.py", "next_to_restart", [members]).returned;
        const member = (name: string, role: string, reason?: object) => ({
            name,
            role,
            ...(reason ? { pending_restart: true, pending_restart_reason: reason } : {}),
        });
        const bufferChange = { shared_buffers: { old_value: "128MB", new_value: "64MB" } };
        const lowered = { max_connections: { old_value: "100", new_value: "60" } };
        const raised = { max_connections: { old_value: "60", new_value: "100" } };

        it("replicas before the leader, so that it hands over to one that is through", () => {
            expect(
                next(
                    member("a", "leader", bufferChange),
                    member("b", "replica", bufferChange),
                    member("c", "quorum_standby", bufferChange),
                ),
            ).toEqual(["b", "c"]);
            expect(
                next(member("a", "leader", raised), member("b", "replica"), member("c", "sync_standby", raised)),
            ).toEqual(["c"]);
            expect(next(member("a", "leader", bufferChange), member("b", "replica"))).toEqual(["a"]);
        });

        it("the leader first where standbys must not have less than it", () => {
            expect(
                next(member("a", "leader", { ...bufferChange, ...lowered }), member("b", "replica", lowered)),
            ).toEqual(["a"]);
            expect(next(member("a", "leader"), member("b", "replica", lowered), member("c", "replica"))).toEqual(["b"]);
        });

        it("none if nothing waits", () => {
            expect(next(member("a", "leader"), member("b", "replica"))).toEqual([]);
        });

        const restart = (members: readonly object[]) =>
            callPython("apply-dynamic-configuration.py", "restart_in_turn", [1e9], {
                own_state: [{ pending_restart: true, role: "primary", patroni: { name: "a" } }],
                request: [{ members }],
                "subprocess.run": [{ attributes: { returncode: 0 } }],
                print: [null],
            })
                .calls.filter(({ name }) => name === "subprocess.run")
                .map(({ arguments: [command] }) => (command as string[]).slice(3));

        it("in place where handing over would meet a standby with the old value", () => {
            expect(restart([member("a", "leader", lowered), member("b", "replica", lowered)])).toEqual([["in-place"]]);
            expect(restart([member("a", "leader", bufferChange), member("b", "replica")])).toEqual([[]]);
        });
    });

    describe("a standby whose leader goes down with max_connections", () => {
        const waits = (own: object, noted: string) =>
            callPython("apply-dynamic-configuration.py", "leader_still_has_more", [own], {
                control_data: [{ "max_connections setting": noted }],
            }).returned;
        const reason = (from: string, to: string) => ({
            pending_restart_reason: { max_connections: { old_value: from, new_value: to } },
        });

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
        const outcome = callPython("apply-dynamic-configuration.py", "main", [[]], {
            print: [null],
            request: [{ raise: "refused" }],
        });
        expect(outcome.raised).toBeUndefined();
        expect(outcome.calls.map(({ name, arguments: args }) => `${name} ${args[0]}`)).toEqual([
            "request /patroni",
            "print Patroni does not run yet: nothing to change",
        ]);
    });
});

describe("check-cluster", () => {
    const cluster = {
        members: ["db-1", "db-2", "db-3"].map((name, index) => ({
            name,
            fqdn: `${name}.internal`,
            address: `10.0.0.${index + 1}`,
        })),
        loadBalancers: [{ name: "lb-1", fqdn: "lb-1.internal", address: "10.0.0.9" }],
        synchronousMode: "quorum",
    };
    const leader = { name: "db-2", role: "leader", state: "running", timeline: 3 };
    const replica = (name: string, role = "replica") => ({ name, role, state: "streaming", timeline: 3 });
    const healthy = [replica("db-1", "quorum_standby"), leader, replica("db-3", "quorum_standby")];
    const judge = (members: readonly object[], changes: object = {}) =>
        callPython("check-cluster.py", "check_patroni", [{ ...cluster, ...changes }], { patroni: [{ members }] });

    describe("of etcd's members", () => {
        const judgeEtcd = (...answers: readonly object[]) =>
            callPython("check-cluster.py", "check_etcd", [cluster], { etcd: answers });
        const well = { health: "true", reason: "" };

        it("asks each of them", () => {
            const outcome = judgeEtcd(well, well, well);
            expect(outcome.raised).toBeUndefined();
            expect(outcome.calls.map(({ arguments: [address, path] }) => `${String(address)}${String(path)}`)).toEqual([
                "10.0.0.1/health",
                "10.0.0.2/health",
                "10.0.0.3/health",
            ]);
        });

        it("names the one that is not healthy, or does not answer", () => {
            expect(judgeEtcd(well, { health: "false", reason: "RAFT NO LEADER" }).raised).toBe(
                "NotYet: db-2: etcd is not healthy: RAFT NO LEADER",
            );
            expect(judgeEtcd(well, well, { raise: "connection refused" }).raised).toBe(
                "NotYet: db-3: etcd does not answer: connection refused",
            );
        });
    });

    describe("of Patroni's members", () => {
        it("names the leader of a healthy cluster", () => {
            expect(judge(healthy)).toMatchObject({ returned: "db-2" });
            expect(judge([replica("db-1", "sync_standby"), leader, replica("db-3")])).toMatchObject({
                returned: "db-2",
            });
            expect(judge([replica("db-1"), leader, replica("db-3")], { synchronousMode: "off" })).toMatchObject({
                returned: "db-2",
            });
        });

        it.each<[string, readonly object[], string]>([
            [
                "there is no leader",
                [replica("db-1"), replica("db-2"), replica("db-3")],
                "NotYet: Patroni reports 0 leaders: []",
            ],
            [
                "two lead",
                [{ ...leader, name: "db-1" }, leader, replica("db-3")],
                "NotYet: Patroni reports 2 leaders: ['db-1', 'db-2']",
            ],
            ["a member is missing", healthy.slice(0, 2), "NotYet: db-3: patroni.service has not joined the cluster"],
            [
                "a replica is still copied",
                [{ ...replica("db-1"), state: "creating replica" }, ...healthy.slice(1)],
                "NotYet: db-1: PostgreSQL is creating replica on timeline 3, not streaming on 3",
            ],
            [
                "a replica is on another timeline",
                [{ ...replica("db-1"), timeline: 2 }, ...healthy.slice(1)],
                "NotYet: db-1: PostgreSQL is streaming on timeline 2, not streaming on 3",
            ],
            [
                "the leader is stopping",
                [healthy[0]!, { ...leader, state: "stopping" }, healthy[2]!],
                "NotYet: db-2: PostgreSQL is stopping on timeline 3, not running on 3",
            ],
            [
                "a member was not restarted",
                [
                    healthy[0]!,
                    leader,
                    {
                        ...healthy[2]!,
                        pending_restart: true,
                        pending_restart_reason: { max_connections: { old_value: "60", new_value: "50" } },
                    },
                ],
                "NotYet: db-3: PostgreSQL waits for a restart to take max_connections",
            ],
            [
                "no standby is synchronous",
                [replica("db-1"), leader, replica("db-3")],
                "NotYet: no replica is a synchronous standby",
            ],
        ])("is not content when %s", (_, members, reason) => {
            expect(judge(members).raised).toBe(reason);
        });

        it("says that Patroni does not answer", () => {
            const outcome = callPython("check-cluster.py", "check_patroni", [cluster], {
                patroni: [{ raise: "connection refused" }],
            });
            expect(outcome.raised).toBe("NotYet: Patroni on this node does not answer: connection refused");
        });
    });

    it("names a paused Patroni", () => {
        expect(
            callPython("check-cluster.py", "check_patroni", [cluster], { patroni: [{ members: healthy, pause: true }] })
                .raised,
        ).toMatch(/^NotYet: Patroni is paused, .*`patronictl resume`/);
    });

    describe("of the parameters", () => {
        const judge = (wanted: object, found: object) =>
            callPython("check-cluster.py", "wrong_parameters", [wanted, found]).returned;
        const has = (
            vartype: string,
            unit: string | null,
            actual: string,
            shown = actual,
            source = "configuration file",
            file: string | null = "/data/postgresql.conf",
        ) => [vartype, unit, actual, shown, source, file];

        it.each<[string, unknown, readonly unknown[]]>([
            ["a number with the unit", "4096MB", has("integer", "8kB", "524288", "4GB")],
            ["a fraction", "1.5GB", has("integer", "kB", "1572864")],
            ["a fraction that PostgreSQL rounds", "30.1GB", has("integer", "kB", "31561728")],
            ["time", "0.5min", has("integer", "s", "30")],
            ["a number without one", 100, has("integer", null, "100")],
            ["a real number", 1.1, has("real", null, "1.1")],
            ["six digits of a real number", "0.123456789", has("real", null, "0.123457")],
            ["a boolean of JSON", true, has("bool", null, "on")],
            ["another spelling", "no", has("bool", null, "off")],
            ["a list's other case", "Replica", has("enum", null, "replica")],
            ["a list's boolean", "1", has("enum", null, "on")],
            ["text", "%m [%p] ", has("string", null, "%m [%p] ")],
            ["what PostgreSQL computes", -1, has("integer", "8kB", "2048", "16MB", "override", null)],
            ["what is the session's own", "4MB", has("integer", "kB", "9999", "9999kB", "user", null)],
        ])("is content with %s", (_, wanted, found) => {
            expect(judge({ name: wanted }, { name: found })).toEqual([]);
        });

        it("is content with half of a DateStyle, and with an encoding as PostgreSQL spells it", () => {
            expect(judge({ DateStyle: "dmy" }, { datestyle: has("string", null, "ISO, DMY") })).toEqual([]);
            expect(judge({ client_encoding: "utf8" }, { client_encoding: has("string", null, "UTF8") })).toEqual([]);
        });

        it.each<[unknown, readonly unknown[], string]>([
            ["6MB", has("integer", "kB", "4096", "4MB"), "name is 4MB, not 6MB"],
            ["everything", has("enum", null, "none"), "name is none, not everything"],
            [-1, has("real", null, "0"), "name is 0, not -1"],
            ["4ms", has("integer", "kB", "4096", "4MB"), "name is 4MB, not 4ms"],
            ["off", has("bool", null, "on"), "name is on, not off"],
            ["%m ", has("string", null, "%m"), "name is %m, not %m "],
            [
                "4MB",
                has("integer", "kB", "9999", "9999kB", "configuration file", "/data/postgresql.auto.conf"),
                "name is 9999kB, not 4MB (by ALTER SYSTEM; `ALTER SYSTEM RESET name` on this node takes that back)",
            ],
        ])("is not content with %j where there is %j", (wanted, found, sentence) => {
            expect(judge({ name: wanted }, { name: found })).toEqual([sentence]);
        });

        it("says all of a node's", () => {
            expect(judge({ a: 1, b: 2, c: 3 }, { a: has("integer", null, "2"), c: has("integer", null, "3") })).toEqual(
                ["a is 2, not 1", "PostgreSQL does not know b"],
            );
        });

        const desired = join(mkdtempSync(join(tmpdir(), "postgres-ha-desired-")), "patroni-dynamic.json");
        writeFileSync(desired, JSON.stringify({ ttl: 25, postgresql: { parameters: { work_mem: "4MB" } } }));
        afterAll(() => rmSync(join(desired, ".."), { recursive: true }));
        const judgeAll = (different: object, ...nodes: readonly unknown[]) =>
            callPython(
                "check-cluster.py",
                "check_parameters",
                [cluster],
                {
                    run: [[0, JSON.stringify(different)]],
                    psql: nodes.map((node) => (typeof node === "string" ? [2, node] : [0, JSON.stringify(node)])),
                },
                { DESIRED: desired },
            ).raised;
        const right = { errors: [], settings: { work_mem: has("integer", "kB", "4096") } };

        it("asks each node, and names the one that differs", () => {
            expect(judgeAll({}, right, right, right)).toBeUndefined();
            expect(
                judgeAll({}, right, right, { ...right, settings: { work_mem: has("integer", "kB", "64", "64kB") } }),
            ).toBe("NotYet: db-3: work_mem is 64kB, not 4MB");
            expect(judgeAll({}, right, "too many connections")).toBe(
                "NotYet: db-2: PostgreSQL does not serve the superuser: too many connections",
            );
        });

        it("names a line with which a node would not start again", () => {
            expect(judgeAll({}, right, { ...right, errors: ["DateStyle: setting could not be applied"] })).toBe(
                "NotYet: db-2: PostgreSQL's configuration files have errors, and it would not start again: DateStyle: setting could not be applied",
            );
        });

        it("names what of Patroni's configuration is another one", () => {
            expect(judgeAll({ ttl: 25, postgresql: { parameters: { work_mem: "4MB", gone: null } } }, right)).toMatch(
                /^NotYet: Patroni's configuration is not the one asked for: work_mem, gone, ttl differ/,
            );
            expect(judgeAll({ postgresql: { use_slots: true } }, right)).toMatch(/: postgresql differ/);
        });
    });

    describe("of the users", () => {
        const judgeAccess = (answer: readonly [number, string]) =>
            callPython(
                "check-cluster.py",
                "check_access",
                [{ ...cluster, users: [{ name: "app", databases: ["app"] }] }, "db-2"],
                { psql: [answer] },
            );

        it("asks the leader of each of them", () => {
            const { raised, calls } = judgeAccess([0, ""]);
            expect(raised).toBeUndefined();
            expect(calls[0]!.arguments.slice(0, 2)).toEqual(["db-2.internal", 5432]);
            expect(String(calls[0]!.arguments[2])).toContain(
                `json_array_elements('[{"name": "app", "databases": ["app"]}]')`,
            );
        });

        it("names who cannot log in", () => {
            expect(judgeAccess([0, "role app may not log in; ALTER ROLE app LOGIN lets it"]).raised).toBe(
                "NotYet: db-2: role app may not log in; ALTER ROLE app LOGIN lets it",
            );
        });
    });

    it("has every Patroni begin its next round, also when one of them does not answer", () => {
        const outcome = callPython("check-cluster.py", "wake_patroni", [cluster], {
            ask: [{}, { raise: "connection refused" }, {}],
        });
        expect(outcome.raised).toBeUndefined();
        expect(outcome.calls.map(({ arguments: [url, patch] }) => [url, patch])).toEqual(
            [1, 2, 3].map((node) => [`https://10.0.0.${node}:8008/config`, { no_such_key: null }]),
        );
    });

    describe("of the poolers", () => {
        const judgePoolers = (...answers: readonly [number, string][]) =>
            callPython("check-cluster.py", "check_poolers", [cluster, "db-2", "secret"], { psql: answers });

        it("is content when each leads to a server of the right role", () => {
            const outcome = judgePoolers([0, "t"], [0, "f"], [0, "t"]);
            expect(outcome.raised).toBeUndefined();
            expect(outcome.calls.map(({ arguments: [host, port] }) => `${String(host)}:${String(port)}`)).toEqual([
                "db-1.internal:6432",
                "db-2.internal:6432",
                "db-3.internal:6432",
            ]);
        });

        it("names the pooler that does not serve, or leads astray", () => {
            expect(judgePoolers([0, "t"], [2, "refused"]).raised).toBe(
                "NotYet: db-2: PgBouncer does not serve: refused",
            );
            expect(judgePoolers([0, "f"]).raised).toMatch(/^NotYet: db-1: PgBouncer/);
            expect(judgePoolers([0, "t"], [0, "t"]).raised).toMatch(/^NotYet: db-2: PgBouncer/);
        });
    });

    describe("of what should be known", () => {
        const headers = (etcd: string, watchdog?: string) => ({
            "postgres-ha-packages": `etcd-${etcd} patroni-4.1.0-1PGDG.rhel9`,
            ...(watchdog === undefined ? {} : { "postgres-ha-watchdog": watchdog }),
        });
        const remarks = (...told: readonly object[]) =>
            callPython("check-cluster.py", "remarks", [cluster], { told_by: told }).returned;

        it("reports neither equal nodes nor a watchdog that is not configured", () => {
            expect(remarks(headers("3.6.6-1"), headers("3.6.6-1"), headers("3.6.6-1"))).toEqual([]);
        });

        it("warns of different versions", () => {
            expect(remarks(headers("3.6.6-1"), headers("3.6.6-2"), headers("3.6.6-1"))).toEqual([
                "WARNING: nodes have different versions: etcd-3.6.6-1 on db-1 db-3, etcd-3.6.6-2 on db-2",
            ]);
        });

        it("names each watchdog, and warns where one is promised and there is none", () => {
            expect(
                remarks(headers("1-1", "Software Watchdog"), headers("1-1", "none"), headers("1-1", "i6300ESB timer")),
            ).toEqual([
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
            callPython("check-cluster.py", "check_endpoints", [cluster, "secret"], {
                psql: answers,
                "uuid.uuid4": [token],
            });

        it("writes through 5000 and reads through 5001", () => {
            const { calls: all, raised } = judgeEndpoints([0, ""], [0, `t|${token}`]);
            const calls = all.filter(({ name }) => name === "psql");
            expect(raised).toBeUndefined();
            expect(calls.map(({ arguments: [host, port] }) => `${String(host)}:${String(port)}`)).toEqual([
                "lb-1.internal:5000",
                "lb-1.internal:5001",
            ]);
            expect(String(calls[0]!.arguments[2])).toMatch(
                new RegExp(`^INSERT INTO health_check\\.probe .*'${token}'`),
            );
        });

        it.each<[string, [number, string][], RegExp]>([
            [
                "the write fails",
                [[2, "read-only transaction"]],
                /^NotYet: lb-1: no write through HAProxy's port 5000: read-only/,
            ],
            [
                "the read fails",
                [
                    [0, ""],
                    [2, "refused"],
                ],
                /^NotYet: lb-1: no read through HAProxy's port 5001: refused/,
            ],
            [
                "it reads an older row",
                [
                    [0, ""],
                    [0, "t|older"],
                ],
                /^NotYet: lb-1: port 5001 read 't\|older', not the row just written/,
            ],
        ])("is not content when %s", (_, answers, reason) => {
            expect(judgeEndpoints(...answers).raised).toMatch(reason);
        });

        it("is not content with a read from the leader", () => {
            expect(judgeEndpoints([0, ""], [0, `f|${token}`]).raised).toMatch(
                /not the row just written from a replica$/,
            );
        });
    });
});

describe("unreachable-peers", () => {
    const transactions = (refused: boolean, outcomes: readonly boolean[]) =>
        callPython("unreachable-peers.py", "set_refused", ["10.0.0.2", refused], { nft: outcomes }).calls.map(
            ({ arguments: [commands] }) => (commands as string).trim().split("\n"),
        );
    const element = (verb: string, rest = "") => `${verb} element inet unreachable_peers addresses { 10.0.0.2${rest} }`;

    it("renews a refusal, which ends by itself", () => {
        expect(transactions(true, [true])).toEqual([
            [element("add"), element("delete"), element("add", " timeout 5s")],
        ]);
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
        expect(callPython("unreachable-peers.py", "set_refused", ["10.0.0.2", true], { nft: [false] }).raised).toBe(
            "RuntimeError: the kernel does not take the table",
        );
    });

    const answers = (outcome: unknown) =>
        callPython("unreachable-peers.py", "answers", ["127.0.0.1"], { "socket.create_connection": [outcome] })
            .returned;

    it("takes a refused connection for an answer, and no other error", () => {
        expect(answers({ raise: "[Errno 113] No route to host" })).toBe(false);
        // Nothing listens there: the kernel itself refuses.
        expect(callPython("unreachable-peers.py", "answers", ["127.255.255.254"]).returned).toBe(true);
    });
});
