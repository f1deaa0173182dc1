import { expect, test } from "vitest";
import type { NetworkState, SecurityRule } from "./driver.ts";
import { renderFaults } from "./faults.ts";
import { machineInterface } from "./names.ts";
import { planNetwork } from "./network-plan.ts";
import { attempt } from "./run.ts";
import { renderSecurityGroups } from "./security-groups.ts";
import { testNetwork, testPublicAddress } from "./testing.ts";

const isRoot = process.getuid?.() === 0;

/** Lines of one chain without its braces. */
function chain(ruleset: string, name: string): string[] {
    const lines = ruleset.split("\n").map((line) => line.trim());
    const start = lines.indexOf(`chain ${name} {`);
    return lines.slice(start + 1, lines.indexOf("}", start));
}

function withRule(rule: SecurityRule): NetworkState {
    return {
        ...testNetwork,
        securityGroups: testNetwork.securityGroups.map((group) =>
            group.id === "database" ? { ...group, rules: [rule] } : group,
        ),
    };
}

test("ingress rules accept, with groups as sets of addresses; the rest is dropped", () => {
    expect(chain(renderSecurityGroups(planNetwork(testNetwork)), `ingress_${machineInterface("db-id")}`)).toEqual([
        "ip saddr @group_jump tcp dport 22 accept",
        "ip saddr 10.120.0.0/24 tcp dport 5432 accept",
        "ip saddr @group_database tcp dport 2379 accept",
        "drop",
    ]);
});

test("egress rules pass packets on to the target's ingress rules", () => {
    expect(chain(renderSecurityGroups(planNetwork(testNetwork)), `egress_${machineInterface("db-id")}`)).toEqual([
        "ip daddr 0.0.0.0/0 return",
        "drop",
    ]);
});

test.each<[Partial<SecurityRule>, string[]]>([
    [{ protocol: "ANY" }, ["ip saddr 10.0.0.0/8 accept", "drop"]],
    [
        { protocol: "ANY", fromPort: 1, toPort: 9 },
        ["ip saddr 10.0.0.0/8 meta l4proto { tcp, udp } th dport 1-9 accept", "drop"],
    ],
    [{ protocol: "UDP", fromPort: 53 }, ["ip saddr 10.0.0.0/8 udp dport 53 accept", "drop"]],
    [{ protocol: "ICMP" }, ["ip saddr 10.0.0.0/8 meta l4proto icmp accept", "drop"]],
    [{ protocol: "112" }, ["ip saddr 10.0.0.0/8 meta l4proto 112 accept", "drop"]],
    [{ protocol: "TCP", cidrs: ["::/0"] }, ["drop"]],
])("%o", (rule, expected) => {
    const state = withRule({ direction: "ingress", protocol: "ANY", cidrs: ["10.0.0.0/8"], ...rule });
    expect(chain(renderSecurityGroups(planNetwork(state)), `ingress_${machineInterface("db-id")}`)).toEqual(expected);
});

test("an unknown protocol is refused", () => {
    const state = withRule({ direction: "ingress", protocol: "TCPP", cidrs: ["10.0.0.0/8"] });
    expect(() => renderSecurityGroups(planNetwork(state))).toThrow("security rule of unknown protocol TCPP");
});

test("only subnets with a route and published machines reach the Internet", () => {
    const state: NetworkState = structuredClone(testNetwork);
    const database = state.interfaces[1] as NetworkState["interfaces"][number];
    expect(renderSecurityGroups(planNetwork(state))).toContain("elements = { 10.120.0.0/24 }\n  }\n  set group_");
    database.publicAddress = testPublicAddress;
    expect(renderSecurityGroups(planNetwork(state))).toContain(
        "elements = { 10.120.0.0/24, 10.120.1.10 }\n  }\n  set group_",
    );
});

test.runIf(isRoot)("nft accepts the rules, twice in a row, of no, one and several networks", async () => {
    const other: NetworkState["subnets"] = [
        { id: "other", networkId: "other", zone: "a", cidr: "10.121.0.0/24", hasInternetRoute: true },
    ];
    for (const state of [
        { subnets: [], securityGroups: [], interfaces: [] },
        testNetwork,
        { ...testNetwork, subnets: [...testNetwork.subnets, ...other] },
    ]) {
        expect(await load(renderSecurityGroups(planNetwork(state)))).toMatchObject({ exitCode: 0, stderr: "" });
    }
});

test.runIf(isRoot)("nft accepts the faults", async () => {
    const from = ["10.120.0.4"];
    const ruleset = renderFaults([
        { kind: "cut", from },
        {
            kind: "cut",
            from,
            to: ["10.120.1.0/24", "203.0.113.0/24"],
            direction: "to-from",
            protocol: "tcp",
            port: 2379,
        },
        { kind: "loss", from, percent: 20, protocol: "icmp" },
        { kind: "latency", from, to: ["10.120.1.10"], milliseconds: 200 },
    ]);
    expect(await load(ruleset)).toMatchObject({ exitCode: 0, stderr: "" });
});

/** Loads a ruleset twice in a namespace of its own. */
function load(ruleset: string): ReturnType<typeof attempt> {
    return attempt("unshare", ["--net", "bash", "-c", 'rules=$(cat); nft -f - <<<"$rules" && nft -f - <<<"$rules"'], {
        input: ruleset,
    });
}
