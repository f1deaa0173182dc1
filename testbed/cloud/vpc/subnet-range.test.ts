import { describe, expect, test } from "vitest";
import { allocateAddress, requireSubnetRange } from "./subnet-range.ts";

describe("the range of a subnet", () => {
    test.each(["10.0.0.0/16", "172.31.255.0/24", "192.168.7.16/28"])("can be %s", (range) => {
        expect(() => requireSubnetRange([range], ["10.200.0.0/24"])).not.toThrow();
    });

    test.each([
        [[], "exactly one range"],
        [["10.0.0.0/24", "10.0.1.0/24"], "exactly one range"],
        [["10.0.0.0"], "not an IPv4 range"],
        [["10.0.0.5/24"], "does not begin at its range's first address 10.0.0.0"],
        [["8.8.8.0/24"], "not in the private ranges"],
        [["172.32.0.0/16"], "not in the private ranges"],
        [["10.0.0.0/15"], "not between /16 and /28"],
        [["10.0.0.0/29"], "not between /16 and /28"],
        [["10.0.200.0/24"], "overlaps 10.0.128.0/17"],
    ])("cannot be %j", (blocks, message) => {
        expect(() => requireSubnetRange(blocks, ["10.0.128.0/17"])).toThrow(message);
    });
});

describe("the address of a resource", () => {
    const range = "10.0.0.0/28";

    test("is the first free one after the network's own", () => {
        expect(allocateAddress(range, "", new Set())).toBe("10.0.0.3");
        expect(allocateAddress(range, "", new Set(["10.0.0.3", "10.0.0.4"]))).toBe("10.0.0.5");
    });

    test("can be chosen", () => {
        expect(allocateAddress(range, "10.0.0.14", new Set())).toBe("10.0.0.14");
    });

    test.each(["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.15"])("cannot be the reserved %s", (address) => {
        expect(() => allocateAddress(range, address, new Set())).toThrow("is reserved");
    });

    test.each([
        ["10.0.0.16", "outside of subnet"],
        ["10.0.0.3", "already in use"],
        ["ten", "not an IPv4 address"],
    ])("cannot be %s", (address, message) => {
        expect(() => allocateAddress(range, address, new Set(["10.0.0.3"]))).toThrow(message);
    });

    test("runs out: a /28 has 12", () => {
        const taken = new Set<string>();
        for (let count = 0; count < 12; count++) taken.add(allocateAddress(range, "", taken));
        expect(() => allocateAddress(range, "", taken)).toThrow("no free address");
    });
});
