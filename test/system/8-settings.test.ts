import { afterAll, expect, test } from "vitest";

import { settingChangeNamed } from "../../local/changes/index.ts";
import { runTogether, type ChangeResult } from "../../local/changes/run-change.ts";
import { members, superuserSql } from "../../local/machines.ts";
import { clusterUp } from "./support/what-is-up.ts";

/** Settings of a running cluster are changed, and changed back, under load. The benchmark does the same with each one alone. */
clusterUp();
afterAll(async () => {
    const leader = (await members()).find(({ Role }) => Role === "Leader")!.Member;
    for (const rest of ["DATABASE billing", "ROLE billing", "ROLE reporting"])
        await superuserSql(leader, `DROP ${rest}`);
});

/** @param mostSwitchovers of one `up` */
function holds(result: ChangeResult, mostSwitchovers: number): void {
    expect(result).toMatchObject({
        missing: [],
        replaced: [],
        nextUpChangesNothing: true,
        lost: 0,
        duplicated: 0,
        resurrected: 0,
        replicasDiffer: 0,
    });
    expect(result.switchovers).toBeLessThanOrEqual(mostSwitchovers);
    // As after any switchover; the benchmark has the figures.
    expect(result.writeGapSeconds).toBeLessThan(15);
}

test("live changes arrive on every node and cost no switchover", async () => {
    const live = [
        "labels",
        "clientCidrs",
        "securityUpdates",
        "timeZone",
        "loadBalancerMaxConnections",
        "postgresqlParameters/live",
        "databases",
        "users",
        "patroniCallbacks",
        "maxReplicaLagMib",
        "pgbouncerPoolMode",
        "pgbouncerMaxClientConnections",
    ].map(settingChangeNamed);
    for (const result of await runTogether(live)) holds(result, 0);
});

test("changes that restart services go from node to node", async () => {
    const restarting = ["profile", "postgresqlParameters/restart"].map(settingChangeNamed);
    for (const result of await runTogether(restarting)) holds(result, 2);
});

test("a second load balancer comes and goes", async () => {
    for (const result of await runTogether([settingChangeNamed("loadBalancers")])) {
        const { replaced, ...rest } = result;
        expect(replaced).toEqual(result.direction === "back" ? ["main-lb-2"] : []);
        holds({ ...rest, replaced: [] }, 0);
    }
});
