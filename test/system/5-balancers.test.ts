import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

import { captureAsClient } from "../../testbed/machines/client.ts";
import { powerOff, start } from "../../testbed/machines/machine.ts";
import { zoneConvergenceSeconds } from "../../testbed/machines/network-load-balancers.ts";
import { readNetwork } from "../../testbed/machines/records.ts";
import { balancerStatuses } from "../../testbed/machines/status.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { sql } from "../../local/sql.ts";
import { local, pulumi, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { machineId, onMachine, superuserSql } from "../../local/machines.ts";
import type { Outputs } from "../../local/outputs.ts";
import { repository, site } from "../../local/this-testbed.ts";

/**
 * Two load balancers behind a common address, and what still works when they are lost. Clients are in zone a like
 * main-lb-1, or in zone b like main-lb-2, because a network load balancer keeps connections in their zone. Times have
 * generous limits; the one that matters is the cloud's own, the two minutes in which a zone's routes converge.
 */
let outputs: Outputs;

clusterUp();
beforeAll(async () => {
    outputs = await stackOutputs();
    await sql(outputs.connections[0]!.readWrite, "CREATE TABLE life (token bigserial PRIMARY KEY)");
});

const zoneA = "ru-central1-a";
const zoneB = "ru-central1-b";
const insert = "INSERT INTO life DEFAULT VALUES RETURNING token";

/** A connection string with one address only. */
function only(host: string, port: number): string {
    const { user, password, database } = outputs.connections[0]!;
    return `postgresql://${user}:${password}@${host}:${port}/${database}?sslmode=verify-full&connect_timeout=3`;
}

/** The common address alone, without the other hosts of the stack's connection strings. */
const joined = () => only(outputs.leaderEndpoint.address, 5000);

/** Runs SQL as an application in a zone. @throws Error with psql's message */
const sqlFrom = (zone: string, uri: string, statement: string) =>
    sql(uri, statement, { subnetId: readNetwork(site).subnets.find((subnet) => subnet.zone === zone)!.id });

/** The health of the network load balancer's targets. */
const targets = () => balancerStatuses(site)[0]!.targets;
const believed = (seconds: number, first: "healthy" | "unhealthy", second: "healthy" | "unhealthy") =>
    eventually(
        seconds,
        async () => targets(),
        (found) => found["main-lb-1"] === first && found["main-lb-2"] === second,
    );

/** Writes one row after another while `work` runs. @returns the acknowledged rows, and the longest time without one */
async function writing(
    zone: string,
    uri: string,
    work: () => Promise<void>,
): Promise<{ tokens: string[]; longestGapSeconds: number }> {
    const tokens: string[] = [];
    let last = performance.now();
    let longestGapSeconds = 0;
    const note = () => {
        longestGapSeconds = Math.max(longestGapSeconds, (performance.now() - last) / 1000);
        last = performance.now();
    };
    let over = false;
    const writer = async () => {
        while (!over) {
            const token = await sqlFrom(zone, uri, insert).catch(() => undefined);
            if (token === undefined) continue;
            tokens.push(token);
            note();
        }
    };
    const written = writer();
    await work().finally(() => (over = true));
    await written;
    note();
    return { tokens, longestGapSeconds };
}

async function setBalancers(count: number): Promise<string> {
    expect((await pulumi("config", "set", "--stack", "local", "postgres-ha:loadBalancers", `${count}`)).exitCode).toBe(
        0,
    );
    const screen = await local();
    outputs = await stackOutputs();
    return screen;
}

describe("one load balancer", () => {
    test("has only its own address", () => {
        expect(outputs.leaderEndpoint).toEqual({
            host: "main-lb-1.ru-central1.internal",
            address: "10.10.0.5",
            port: 5000,
        });
        expect(balancerStatuses(site)).toEqual([]);
    });

    test("takes its endpoint away when its machine is lost; the multi-host string still works", async () => {
        const { readWrite, multiHost } = outputs.connections[0]!;
        await powerOff(site, machineId("lb-1"));
        try {
            await expect(sqlFrom(zoneA, `${readWrite}&connect_timeout=3`, "SELECT 1")).rejects.toThrow(
                /timeout expired|No route to host/,
            );
            expect(await sqlFrom(zoneA, multiHost, "SELECT pg_is_in_recovery()")).toBe("f");
        } finally {
            // Without this machine the next test's up would wait until its time limit.
            await start(site, machineId("lb-1"));
        }
        await eventually(
            60,
            () => sqlFrom(zoneA, readWrite, insert),
            (token) => token !== "",
        );
    });
});

describe("HAProxy", () => {
    /** What it says of its servers: status, and the sessions that its present process led there. */
    const servers = async () =>
        (await onMachine("lb-1", "haproxy-console", "show stat -1 4 -1"))
            .split("\n")
            .filter((line) => line !== "" && !line.startsWith("#"))
            .map((line) => line.split(","))
            .map((fields) => ({
                backend: fields[0],
                name: fields[1]!,
                status: fields[17],
                sessions: Number(fields[7]),
            }));
    const serversOfLeader = async () => (await servers()).filter(({ backend }) => backend === "leader");
    const leaderName = async () => (await serversOfLeader()).find(({ status }) => status === "UP")!.name;

    /** Opens one connection after another to the leader's port, and does something meanwhile. */
    async function connecting(seconds: number, work: () => Promise<void>) {
        const program = join(import.meta.dirname, "support/open-connections.ts");
        const { address, port } = outputs.leaderEndpoint;
        const [{ exitCode, stdout, stderr }] = await Promise.all([
            captureAsClient(site, [process.execPath, program, address, `${port}`, `${seconds}`], {
                timeoutSeconds: seconds + 20,
            }),
            work(),
        ]);
        expect(exitCode, stderr).toBe(0);
        return JSON.parse(stdout) as { answered: number; failed: string[] };
    }

    /** Waits until a new process has led sessions to the leader. @returns the names of all servers that got any */
    async function serversWithSessions(leader: string): Promise<string[]> {
        const found = await eventually(10, serversOfLeader, (all) =>
            all.some(({ name, sessions }) => name === leader && sessions > 0),
        );
        return found.filter(({ sessions }) => sessions > 0).map(({ name }) => name);
    }

    test("leads port 5000 to the leader only, from the first connection after a reload on, and refuses hardly any", async () => {
        const leader = await leaderName();
        const { answered, failed } = await connecting(12, async () => {
            for (let round = 0; round < 4; round++) {
                await onMachine("lb-1", "systemctl", "reload", "haproxy.service");
                expect(await serversWithSessions(leader)).toEqual([leader]);
                await new Promise((resolve) => setTimeout(resolve, 1000));
                expect(await serversWithSessions(leader)).toEqual([leader]);
            }
        });
        expect(answered).toBeGreaterThan(100);
        // A process that has to check its servers first would refuse for about a second after each reload: every tenth one.
        expect(failed.length, failed.join()).toBeLessThan(answered / 100);
    });

    test.each([["restart"], ["kill", "--signal=KILL"]])(
        "leads port 5000 to the leader only, from the first connection after systemctl %s on",
        async (...action) => {
            const leader = await leaderName();
            const { answered } = await connecting(12, async () => {
                for (let round = 0; round < 3; round++) {
                    await onMachine("lb-1", "systemctl", ...action, "haproxy.service");
                    await new Promise((resolve) => setTimeout(resolve, 2000));
                    expect(await serversWithSessions(leader)).toEqual([leader]);
                }
            });
            expect(answered).toBeGreaterThan(100);
        },
    );

    test("ends sessions from before a reload together with later ones when their node falls silent", async () => {
        const leader = await leaderName();
        const address = outputs.nodes.find(({ hostname }) => hostname === leader)!.address;
        const endings: number[] = [];
        const sessions: Promise<unknown>[] = [];
        const open = async () => {
            const name = `asleep-${sessions.length}`;
            const uri = `${outputs.connections[0]!.readWrite}&application_name=${name}`;
            sessions.push(sql(uri, "SELECT pg_sleep(300)").catch(() => endings.push(performance.now())));
            await eventually(
                10,
                () => superuserSql(leader, `SELECT count(*) FROM pg_stat_activity WHERE application_name = '${name}'`),
                (count) => count === "1",
            );
        };
        await open();
        await onMachine("lb-1", "systemctl", "reload", "haproxy.service");
        await open();
        expect(endings).toEqual([]);
        const silence = "inet silence";
        await onMachine(
            "lb-1",
            "nft",
            `add table ${silence}; add chain ${silence} output { type filter hook output priority 0; }; ` +
                `add rule ${silence} output ip daddr ${address} drop`,
        );
        try {
            const silent = performance.now();
            await eventually(
                30,
                async () => endings.length,
                (ended) => ended === 2,
                0.1,
            );
            expect(Math.abs(endings[1]! - endings[0]!)).toBeLessThan(5000);
            expect(Math.max(...endings) - silent).toBeLessThan(30_000);
        } finally {
            await onMachine("lb-1", "nft", `delete table ${silence}`);
            await Promise.all(sessions);
        }
        await eventually(
            30,
            () => sqlFrom(zoneA, outputs.connections[0]!.readWrite, insert),
            (token) => token !== "",
        );
    });
});

describe("a second load balancer", () => {
    test("gives both a common address, through which up has written", async () => {
        expect(await setBalancers(2)).toContain("every promise was checked");
        expect(outputs.leaderEndpoint).toEqual({ host: "10.10.0.9", address: "10.10.0.9", port: 5000 });
        expect(targets()).toEqual({ "main-lb-1": "healthy", "main-lb-2": "healthy" });
        // The two load balancers, and the network load balancer in front of them.
        expect((await pulumi("stack", "export", "--stack", "local")).stdout).toContain(
            "writes and reads verified through 3 load balancer(s)",
        );
    });

    test("works with the example application, whose driver knows one server at a time", async () => {
        const input = JSON.stringify({ connection: outputs.connections[0], ca: outputs.caCertificate });
        const example = async (program: string) => {
            const { exitCode, stdout, stderr } = await captureAsClient(
                site,
                [process.execPath, join(repository, "examples/app", program)],
                { input },
            );
            expect(exitCode, stderr).toBe(0);
            return stdout;
        };
        expect(await example("migrate.js")).toBe("migrated\n");
        expect(await example("visit.js")).toBe("1\n");
    });

    test("leaves nothing to do: preview with refresh finds no change", async () => {
        const { exitCode, output } = await pulumi("preview", "--stack", "local", "--refresh", "--expect-no-changes");
        expect(exitCode, output).toBe(0);
    });

    test.each([zoneA, zoneB])("serves clients in %s, which verify the address", async (zone) => {
        const token = await sqlFrom(zone, joined(), insert);
        expect(
            await eventually(
                10,
                () =>
                    sqlFrom(
                        zone,
                        only("10.10.0.9", 5001),
                        `SELECT pg_is_in_recovery() FROM life WHERE token = ${token}`,
                    ),
                (row) => row !== "",
            ),
        ).toBe("t");
    });

    test("can still be used directly, but not at the ports for the common address", async () => {
        for (const host of ["main-lb-1.ru-central1.internal", "main-lb-2.ru-central1.internal"]) {
            expect(await sqlFrom(zoneA, only(host, 5000), "SELECT pg_is_in_recovery()")).toBe("f");
            await expect(sqlFrom(zoneA, only(host, 5010), "SELECT 1")).rejects.toThrow(/timeout expired/);
        }
    });
});

describe("with two load balancers", () => {
    test("a killed HAProxy is back before it counts as unhealthy", async () => {
        const { longestGapSeconds, tokens } = await writing(zoneA, joined(), async () => {
            await onMachine("lb-1", "systemctl", "kill", "--signal=KILL", "haproxy.service");
            await eventually(
                20,
                () => sqlFrom(zoneA, joined(), insert),
                (token) => token !== "",
            );
        });
        expect(longestGapSeconds).toBeLessThan(20);
        expect(tokens.length).toBeGreaterThan(0);
        await believed(20, "healthy", "healthy");
    });

    test("a lost machine interrupts connection strings for seconds, and the address itself in its zone for two minutes", async () => {
        const { readWrite } = outputs.connections[0]!;
        const lost = performance.now();
        const sinceLost = () => (performance.now() - lost) / 1000;
        const [besideIt, elsewhere] = await Promise.all([
            writing(zoneA, readWrite, async () => {
                await powerOff(site, machineId("lb-1"));
                await believed(30, "unhealthy", "healthy");
                await expect(sqlFrom(zoneA, joined(), "SELECT 1")).rejects.toThrow(/timeout expired/);
                expect(
                    await eventually(
                        zoneConvergenceSeconds + 60,
                        () => sqlFrom(zoneA, joined(), "SELECT pg_is_in_recovery()"),
                        () => true,
                    ),
                ).toBe("f");
            }),
            writing(zoneB, joined(), () => believed(30, "unhealthy", "healthy").then(() => undefined)),
        ]);
        expect(sinceLost()).toBeGreaterThan(zoneConvergenceSeconds);
        expect(besideIt.longestGapSeconds).toBeLessThan(30);
        expect(elsewhere.longestGapSeconds).toBeLessThan(15);
        const acknowledged = [...besideIt.tokens, ...elsewhere.tokens];
        expect(
            await sqlFrom(zoneA, joined(), `SELECT count(*) FROM life WHERE token IN (${acknowledged.join(", ")})`),
        ).toBe(`${acknowledged.length}`);
    });

    test("the started machine serves its zone again", async () => {
        await start(site, machineId("lb-1"));
        await believed(60, "healthy", "healthy");
        expect(await sqlFrom(zoneA, joined(), insert)).toMatch(/^\d+$/);
    });

    test("with both lost the multi-host string still works, and both serve again after their start", async () => {
        const { readWrite, multiHost } = outputs.connections[0]!;
        await Promise.all([powerOff(site, machineId("lb-1")), powerOff(site, machineId("lb-2"))]);
        await expect(sqlFrom(zoneA, readWrite, "SELECT 1")).rejects.toThrow(/timeout expired|No route to host/);
        expect(await sqlFrom(zoneA, multiHost, insert)).toMatch(/^\d+$/);
        await Promise.all([start(site, machineId("lb-1")), start(site, machineId("lb-2"))]);
        await believed(60, "healthy", "healthy");
        for (const zone of [zoneA, zoneB])
            await eventually(
                30,
                () => sqlFrom(zone, joined(), insert),
                (token) => token !== "",
            );
    });
});

describe("back to one load balancer", () => {
    test("removes the common address, and the load balancer serves as before", async () => {
        expect(await setBalancers(1)).toContain("every promise was checked");
        expect(outputs.leaderEndpoint.host).toBe("main-lb-1.ru-central1.internal");
        expect(balancerStatuses(site)).toEqual([]);
        await expect(sqlFrom(zoneA, only("10.10.0.9", 5000), "SELECT 1")).rejects.toThrow(/timeout expired/);
        expect(await sqlFrom(zoneA, outputs.connections[0]!.readWrite, insert)).toMatch(/^\d+$/);
    });
});
