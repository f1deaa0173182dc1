import { describe, expect, test } from "vitest";
import type { NetworkState } from "./driver.ts";
import { clientAddresses, planNetwork, publicPorts } from "./network-plan.ts";
import { testNetwork } from "./testing.ts";

const [jump, database] = testNetwork.interfaces;

function withInterface(changes: Partial<NetworkState["interfaces"][number]>): NetworkState {
    return {
        ...testNetwork,
        interfaces: [
            jump as NetworkState["interfaces"][number],
            { ...(database as NetworkState["interfaces"][number]), ...changes },
        ],
    };
}

describe("planNetwork", () => {
    test("gateway and name server are the first two addresses of the subnet", () => {
        expect(planNetwork(testNetwork).interfaces[1]).toMatchObject({
            gateway: "10.120.1.1",
            dns: "10.120.1.2",
            prefixLength: 24,
            zone: "b",
        });
    });

    test("groups know their members' addresses", () => {
        const members = Object.fromEntries(
            planNetwork(testNetwork).securityGroups.map((group) => [group.id, group.members]),
        );
        expect(members).toEqual({ jump: ["10.120.0.4"], database: ["10.120.1.10"], "default-network": [] });
    });

    test("an interface without groups is in its network's default group", () => {
        const plan = planNetwork(withInterface({ securityGroupIds: [] }));
        expect(plan.securityGroups.find((group) => group.id === "default-network")).toMatchObject({
            members: ["10.120.1.10"],
            rules: [
                { direction: "ingress", selfSecurityGroup: true },
                { direction: "egress", cidrs: ["0.0.0.0/0"] },
            ],
        });
    });

    test.each([
        [{ address: "10.120.0.10" }, "interface 0 of main-db-1: 10.120.0.10 is not in 10.120.1.0/24"],
        [{ index: 1 }, "interface 1 of main-db-1: a machine of the testbed has one interface"],
        [{ subnetId: "none" }, "interface 0 of main-db-1: unknown subnet none"],
        [{ securityGroupIds: ["none"] }, "interface 0 of main-db-1: unknown security group none"],
        [{ subnetId: "front", address: "10.120.0.4" }, "interface 0 of main-db-1: 10.120.0.4 is main-jump's"],
    ])("refuses %o", (changes, message) => {
        expect(() => planNetwork(withInterface(changes))).toThrow(message);
    });

    test("subnets are in the order of their addresses, whatever the input's order", () => {
        const cidrs = (state: NetworkState) => planNetwork(state).subnets.map(({ cidr }) => cidr);
        expect(cidrs(testNetwork)).toEqual(["10.120.0.0/24", "10.120.1.0/24"]);
        expect(cidrs({ ...testNetwork, subnets: [...testNetwork.subnets].reverse() })).toEqual([
            "10.120.0.0/24",
            "10.120.1.0/24",
        ]);
    });

    test("refuses subnets that overlap, of other networks, too", () => {
        const other = { id: "other", networkId: "other", zone: "a", cidr: "10.120.1.128/25", hasInternetRoute: false };
        expect(() => planNetwork({ ...testNetwork, subnets: [...testNetwork.subnets, other] })).toThrow(
            "10.120.1.0/24 and 10.120.1.128/25",
        );
    });
});

test("public ports are SSH and the single TCP ports admitted from blocks", () => {
    const state = structuredClone(testNetwork) as NetworkState;
    state.securityGroups[0]?.rules.push(
        { direction: "ingress", protocol: "TCP", fromPort: 7000, cidrs: ["203.0.113.10/32"] },
        { direction: "ingress", protocol: "TCP", fromPort: 8000, toPort: 9000, cidrs: ["203.0.113.10/32"] },
        { direction: "ingress", protocol: "UDP", fromPort: 53, toPort: 53, cidrs: ["203.0.113.10/32"] },
        { direction: "ingress", protocol: "TCP", fromPort: 5432, toPort: 5432, securityGroupId: "database" },
        { direction: "egress", protocol: "TCP", fromPort: 443, toPort: 443, cidrs: ["0.0.0.0/0"] },
    );
    const plan = planNetwork(state);
    expect(publicPorts(plan, plan.interfaces[0] as (typeof plan.interfaces)[number])).toEqual([22, 7000]);
});

test("clients get addresses from the top that no instance has", () => {
    const plan = planNetwork(withInterface({ address: "10.120.1.254" }));
    const addresses = [...clientAddresses(plan, plan.subnets[1] as (typeof plan.subnets)[number])];
    expect([addresses[0], addresses.at(-1), addresses.length]).toEqual(["10.120.1.253", "10.120.1.3", 251]);
});
