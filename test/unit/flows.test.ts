import { describe, expect, it } from "vitest";
import { addressPlan } from "../../cluster/address-plan.ts";
import {
    flows,
    flowsOf,
    flowsMarkdown,
    inputRules,
    securityGroupRules,
    type FlowContext,
    type SecurityGroupRule,
} from "../../cluster/flows.ts";
import { roleNames, type Role } from "../../cluster/roles.ts";
import { machineCounts } from "../support/machine-counts.ts";

const context: FlowContext = {
    plan: addressPlan({
        clusterName: "main",
        zones: ["ru-central1-a", "ru-central1-b", "ru-central1-d"],
        network: { cidr: "10.10.0.0/16" },
        machines: machineCounts({ database: 3, loadBalancer: 2 }),
    }),
    adminCidrs: ["203.0.113.10/32"],
    clientCidrs: ["10.10.0.0/16", "10.20.0.0/16"],
};

const text = ({ direction, protocol, port, peer }: SecurityGroupRule): string =>
    [direction, protocol, port, "role" in peer ? peer.role : peer.cidrs.join(" ")]
        .filter((part) => part !== undefined)
        .join(" ");

describe("securityGroupRules", () => {
    it("lets only administrators' SSH and pings into the jump host", () => {
        const ingress = securityGroupRules("jumpHost", context).filter(({ direction }) => direction === "ingress");
        expect(ingress.map(text)).toEqual(["ingress TCP 22 203.0.113.10/32", "ingress ICMP 10.10.0.0/16"]);
    });

    it("opens on a database node what its neighbours need", () => {
        const ingress = securityGroupRules("database", context).filter(({ direction }) => direction === "ingress");
        expect(ingress.map(text)).toEqual([
            "ingress TCP 22 jumpHost",
            "ingress TCP 6432 jumpHost",
            "ingress TCP 6432 10.10.0.0/16 10.20.0.0/16",
            "ingress TCP 6432 loadBalancer",
            "ingress TCP 8008 loadBalancer",
            "ingress TCP 2379 database",
            "ingress TCP 2380 database",
            "ingress TCP 5432 database",
            "ingress TCP 6432 database",
            "ingress TCP 8008 database",
            "ingress ICMP 10.10.0.0/16",
        ]);
    });

    it("lets a load balancer out to the nodes, repositories, time and names only", () => {
        const egress = securityGroupRules("loadBalancer", context).filter(({ direction }) => direction === "egress");
        expect(egress.map(text)).toEqual([
            "egress TCP 6432 database",
            "egress TCP 8008 database",
            "egress TCP 80 0.0.0.0/0",
            "egress TCP 443 0.0.0.0/0",
            "egress UDP 123 0.0.0.0/0",
            "egress UDP 53 10.10.0.2/32 10.10.32.2/32 10.10.64.2/32",
            "egress TCP 53 10.10.0.2/32 10.10.32.2/32 10.10.64.2/32",
            "egress ICMP 10.10.0.0/16",
        ]);
    });

    it("has both ends of every flow between two roles", () => {
        const rules = (role: Role) => securityGroupRules(role, context);
        for (const from of roleNames) {
            for (const to of roleNames) {
                const ports = (all: readonly SecurityGroupRule[], direction: string, peer: Role) =>
                    all
                        .filter(
                            (rule) => rule.direction === direction && "role" in rule.peer && rule.peer.role === peer,
                        )
                        .map(({ port }) => port);
                expect(ports(rules(from), "egress", to)).toEqual(ports(rules(to), "ingress", from));
            }
        }
    });

    it("stays within Yandex's limits: 50 rules a group, 50 CIDRs a rule, 256 characters a description", () => {
        for (const role of roleNames) {
            const rules = securityGroupRules(role, context);
            expect(rules.length).toBeLessThanOrEqual(50);
            for (const { description, peer } of rules) {
                expect(description.length).toBeLessThanOrEqual(256);
                if ("cidrs" in peer) expect(peer.cidrs.length).toBeLessThanOrEqual(50);
            }
        }
    });

    it("has no rule twice", () => {
        for (const role of roleNames) {
            const rules = securityGroupRules(role, context).map(text);
            expect(new Set(rules).size).toBe(rules.length);
        }
    });

    it("opens nothing but outgoing traffic to the whole Internet", () => {
        const open = roleNames
            .flatMap((role) => securityGroupRules(role, context))
            .filter(({ peer }) => "cidrs" in peer && peer.cidrs.includes("0.0.0.0/0"));
        expect(new Set(open.map(({ direction }) => direction))).toEqual(new Set(["egress"]));
    });
});

describe("inputRules", () => {
    it("let administrators come from anywhere: only the security group knows their addresses, which can change", () => {
        const ssh = inputRules("jumpHost", context).find(({ ports }) => ports.includes(22));
        expect(ssh!.sources).toEqual(["0.0.0.0/0"]);
        const group = securityGroupRules("jumpHost", context).find(({ port }) => port === 22);
        expect(group!.peer).toEqual({ cidrs: context.adminCidrs });
    });

    it("names sources by planned address, of database nodes that may yet come as well", () => {
        const databases = ["10.10.0.10", "10.10.32.11", "10.10.64.12", "10.10.0.13", "10.10.32.14"];
        expect(
            inputRules("loadBalancer", context).map(({ sources, protocol, ports }) => ({ sources, protocol, ports })),
        ).toEqual([
            { sources: ["10.10.0.4"], protocol: "TCP", ports: [22] },
            { sources: ["10.10.0.4"], protocol: "TCP", ports: [5000, 5001, 7000] },
            { sources: ["10.10.0.0/16", "10.20.0.0/16"], protocol: "TCP", ports: [5000, 5001] },
            { sources: databases, protocol: "TCP", ports: [5000, 5001] },
            {
                sources: ["10.10.0.0/16", "10.20.0.0/16", "10.10.0.4", ...databases],
                protocol: "TCP",
                ports: [5010, 5011],
            },
            { sources: ["198.18.235.0/24", "198.18.248.0/24"], protocol: "TCP", ports: [5012] },
            { sources: ["10.10.0.0/16"], protocol: "ICMP", ports: [] },
        ]);
    });

    it("accepts exactly the ports of the security group's ingress", () => {
        for (const role of roleNames) {
            const group = securityGroupRules(role, context)
                .filter(({ direction }) => direction === "ingress")
                .flatMap(({ port }) => port ?? []);
            const host = inputRules(role, context).flatMap(({ ports }) => ports);
            expect(new Set(host)).toEqual(new Set(group));
        }
    });
});

describe("a network load balancer", () => {
    const egress = (role: Role) =>
        securityGroupRules(role, context)
            .filter(({ direction }) => direction === "egress")
            .map(text);

    it("is reached from the jump host and the nodes by its address, and behind it by its targets' ports", () => {
        for (const role of ["jumpHost", "database"] as const) {
            expect(egress(role)).toEqual(
                expect.arrayContaining([
                    "egress TCP 5000 10.10.0.9/32",
                    "egress TCP 5001 10.10.0.9/32",
                    "egress TCP 5010 loadBalancer",
                    "egress TCP 5011 loadBalancer",
                ]),
            );
        }
    });

    it("opens nothing where there is one load balancer", () => {
        const one: FlowContext = {
            ...context,
            plan: addressPlan({
                clusterName: "main",
                zones: ["ru-central1-a"],
                network: { cidr: "10.10.0.0/16" },
                machines: machineCounts({ database: 3, loadBalancer: 1 }),
            }),
        };
        expect(flowsOf(one.plan).some(({ balanced }) => balanced)).toBe(false);
        const ports = roleNames.flatMap((role) => [
            ...securityGroupRules(role, one).map(({ port }) => port),
            ...inputRules(role, one).flatMap((rule) => rule.ports),
        ]);
        expect(ports.filter((port) => port !== undefined && port >= 5010 && port <= 5012)).toEqual([]);
    });
});

describe("flowsMarkdown", () => {
    it("has a row for every flow and nothing else", () => {
        const lines = flowsMarkdown().trimEnd().split("\n");
        expect(lines.length).toBe(flows.length + 2);
        expect(lines).toContain(
            "| administrators (`adminCidrs`) | jump host | TCP 22 | SSH of administrators, the only way in from outside |",
        );
        expect(lines).toContain("| every machine | Internet | UDP 123 | Time (NTP) |");
    });

    it("says every machine only where it is every machine", () => {
        expect(
            flowsMarkdown()
                .split("\n")
                .filter((line) => /5010|the cluster's network/.test(line)),
        ).toEqual([
            "| applications (`clientCidrs`), jump host, database nodes | load balancers | TCP 5010, 5011 | What the network load balancer passes on, with the sender's address (with several load balancers) |",
            "| the cluster's network | every machine | ICMP | Path MTU discovery, ping |",
            "| every machine | the cluster's network | ICMP | Path MTU discovery, ping |",
        ]);
    });
});
