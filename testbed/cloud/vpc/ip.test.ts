import { describe, expect, test } from "vitest";
import { contains, formatAddress, overlap, parseAddress, parseCidr } from "./ip.ts";

const cidr = (text: string) => {
    const parsed = parseCidr(text);
    if (parsed === undefined) throw new Error(text);
    return parsed;
};

test.each(["0.0.0.0", "10.1.2.3", "127.0.0.1", "192.168.255.254", "255.255.255.255"])(
    "%s is read and written",
    (text) => {
        expect(formatAddress(parseAddress(text) ?? -1)).toBe(text);
    },
);

test.each(["", "10.0.0", "10.0.0.256", "10.0.0.0.1", "a.b.c.d", "10.0.0.-1", " 10.0.0.1", "10.0.0.0001"])(
    "%j is no address",
    (text) => {
        expect(parseAddress(text)).toBeUndefined();
    },
);

test.each(["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0/8"])(
    "%j is no range",
    (text) => {
        expect(parseCidr(text)).toBeUndefined();
    },
);

describe("ranges", () => {
    test("know whether they begin where they say", () => {
        expect(cidr("10.0.0.0/24")).toEqual({ first: 0x0a000000, last: 0x0a0000ff, prefixLength: 24, canonical: true });
        expect(cidr("10.0.0.7/24")).toMatchObject({ first: 0x0a000000, canonical: false });
        expect(cidr("0.0.0.0/0")).toMatchObject({ first: 0, last: 2 ** 32 - 1 });
    });

    test.each([
        ["10.0.0.0/24", "10.0.0.128/25", true, true],
        ["10.0.0.0/24", "10.0.0.0/16", false, true],
        ["10.0.0.0/24", "10.0.1.0/24", false, false],
        ["192.168.0.0/16", "192.168.255.240/28", true, true],
    ])("%s and %s", (a, b, isContained, isOverlap) => {
        expect(contains(cidr(a), cidr(b))).toBe(isContained);
        expect(overlap(cidr(a), cidr(b))).toBe(isOverlap);
        expect(overlap(cidr(b), cidr(a))).toBe(isOverlap);
    });
});
