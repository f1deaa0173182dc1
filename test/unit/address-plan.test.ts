import fc from "fast-check";
import { Address4 } from "ip-address";
import { describe, expect, it } from "vitest";
import {
    type AddressPlan,
    addressPlan,
    type AddressPlanInput,
    type Listener,
    type Node,
} from "../../cluster/address-plan.ts";
import { roleNames } from "../../cluster/roles.ts";
import { machineCounts } from "../support/machine-counts.ts";

const zones = ["ru-central1-a", "ru-central1-b", "ru-central1-d"];

const network = fc
    .tuple(fc.constantFrom("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"), fc.integer({ min: 16, max: 25 }), fc.nat())
    .map(([block, prefixLength, random]) => {
        const outer = new Address4(block);
        const parts = 2 ** (prefixLength - outer.subnetMask);
        return `${outer
            .startAddress()
            .offset((random % parts) * 2 ** (32 - prefixLength))
            .correctForm()}/${prefixLength}`;
    });

const input: fc.Arbitrary<AddressPlanInput> = fc.record({
    clusterName: fc.constantFrom("main", "orders"),
    zones: fc.integer({ min: 1, max: 3 }).map((count) => zones.slice(0, count)),
    network: fc.record({ cidr: network }),
    machines: fc
        .record({ database: fc.constantFrom(1, 3, 5), loadBalancer: fc.integer({ min: 1, max: 4 }) })
        .map(machineCounts),
});

const machines = (plan: AddressPlan): Node[] => [
    plan.nodes.jumpHost[0],
    ...plan.nodes.loadBalancer,
    ...plan.nodes.database,
];
const taken = (plan: AddressPlan): Listener[] => [
    ...machines(plan),
    ...(plan.networkLoadBalancer ? [plan.networkLoadBalancer] : []),
];

describe("addressPlan", () => {
    it("is the documented one for the default network", () => {
        const plan = addressPlan({
            clusterName: "main",
            zones,
            network: { cidr: "10.10.0.0/16" },
            machines: machineCounts({ database: 5, loadBalancer: 2 }),
        });
        expect(plan.subnets).toEqual([
            { zone: "ru-central1-a", cidr: "10.10.0.0/19", dnsServer: "10.10.0.2" },
            { zone: "ru-central1-b", cidr: "10.10.32.0/19", dnsServer: "10.10.32.2" },
            { zone: "ru-central1-d", cidr: "10.10.64.0/19", dnsServer: "10.10.64.2" },
        ]);
        expect(machines(plan).map(({ fqdn, zone, address }) => `${fqdn} ${zone} ${address}`)).toEqual([
            "main-jump.ru-central1.internal ru-central1-a 10.10.0.4",
            "main-lb-1.ru-central1.internal ru-central1-a 10.10.0.5",
            "main-lb-2.ru-central1.internal ru-central1-b 10.10.32.6",
            "main-db-1.ru-central1.internal ru-central1-a 10.10.0.10",
            "main-db-2.ru-central1.internal ru-central1-b 10.10.32.11",
            "main-db-3.ru-central1.internal ru-central1-d 10.10.64.12",
            "main-db-4.ru-central1.internal ru-central1-a 10.10.0.13",
            "main-db-5.ru-central1.internal ru-central1-b 10.10.32.14",
        ]);
    });

    it("gives several load balancers an address in common, and one none", () => {
        const plan = (count: number) =>
            addressPlan({
                clusterName: "main",
                zones,
                network: { cidr: "10.10.0.0/16" },
                machines: machineCounts({ database: 3, loadBalancer: count }),
            });
        expect(plan(1).networkLoadBalancer).toBeUndefined();
        expect(plan(2).networkLoadBalancer).toEqual({ zone: "ru-central1-a", address: "10.10.0.9" });
    });

    it("gives every machine a name and an address of its own", () => {
        fc.assert(
            fc.property(input, (value) => {
                const all = machines(addressPlan(value));
                expect(new Set(taken(addressPlan(value)).map(({ address }) => address)).size).toBe(
                    taken(addressPlan(value)).length,
                );
                expect(new Set(all.map(({ hostname }) => hostname)).size).toBe(all.length);
            }),
        );
    });

    it("keeps subnets apart, inside the network, and of a size Yandex accepts", () => {
        fc.assert(
            fc.property(input, (value) => {
                const plan = addressPlan(value);
                const subnets = plan.subnets.map(({ cidr }) => new Address4(cidr));
                subnets.forEach((subnet, index) => {
                    expect(subnet.isInSubnet(new Address4(value.network.cidr))).toBe(true);
                    expect(subnet.subnetMask).toBeGreaterThanOrEqual(16);
                    expect(subnet.subnetMask).toBeLessThanOrEqual(28);
                    subnets
                        .slice(index + 1)
                        .forEach((other) => expect(subnet.isInSubnet(other) || other.isInSubnet(subnet)).toBe(false));
                });
            }),
        );
    });

    it("puts each machine into its zone's subnet and leaves reserved addresses out", () => {
        fc.assert(
            fc.property(input, (value) => {
                const plan = addressPlan(value);
                for (const { address, zone } of taken(plan)) {
                    const subnet = new Address4(plan.subnets.find((candidate) => candidate.zone === zone)!.cidr);
                    const offset = new Address4(address).bigInt() - subnet.startAddress().bigInt();
                    expect(offset).toBeGreaterThan(2n); // network, gateway, DNS
                    expect(offset).toBeLessThan(2n ** BigInt(32 - subnet.subnetMask) - 1n); // broadcast
                }
            }),
        );
    });

    it("changes no address when machines or zones are added", () => {
        fc.assert(
            fc.property(input, (value) => {
                const before = addressPlan(value);
                const grown = addressPlan({
                    ...value,
                    machines: machineCounts({ database: 5, loadBalancer: 4 }),
                });
                for (const role of roleNames)
                    expect(grown.nodes[role].slice(0, before.nodes[role].length)).toEqual(before.nodes[role]);
                if (before.networkLoadBalancer) expect(grown.networkLoadBalancer).toEqual(before.networkLoadBalancer);
                const moreZones = addressPlan({ ...value, zones });
                expect(moreZones.subnets.slice(0, before.subnets.length)).toEqual(before.subnets);
            }),
        );
    });

    it("spreads nodes evenly over the zones", () => {
        fc.assert(
            fc.property(input, (value) => {
                const counts = value.zones.map(
                    (zone) => addressPlan(value).nodes.database.filter((node) => node.zone === zone).length,
                );
                expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
            }),
        );
    });

    it.each([
        ["10.10.0.0/15", "network 10.10.0.0/15: must be an IPv4 range without host bits, /16 to /25"],
        ["10.10.0.0/26", "network 10.10.0.0/26: must be an IPv4 range without host bits, /16 to /25"],
        ["10.10.0.1/16", "network 10.10.0.1/16: must be an IPv4 range without host bits, /16 to /25"],
        ["fd00::/64", "network fd00::/64: must be an IPv4 range without host bits, /16 to /25"],
    ])("refuses the network %s", (cidr, message) => {
        expect(() =>
            addressPlan({
                clusterName: "main",
                zones,
                network: { cidr },
                machines: machineCounts({ database: 3, loadBalancer: 1 }),
            }),
        ).toThrow(new RangeError(message));
    });

    it("refuses more machines than there are places", () => {
        const valid = {
            clusterName: "main",
            zones,
            network: { cidr: "10.10.0.0/16" },
            machines: machineCounts({ database: 3, loadBalancer: 1 }),
        };
        expect(() => addressPlan({ ...valid, machines: { ...valid.machines, database: { count: 6 } } })).toThrow(
            "6 database nodes: must be 1 to 5",
        );
        expect(() => addressPlan({ ...valid, machines: { ...valid.machines, loadBalancer: { count: 5 } } })).toThrow(
            "5 load balancers: must be 1 to 4",
        );
        expect(() => addressPlan({ ...valid, zones: [] })).toThrow("0 zones: must be 1 to 8");
    });
});
