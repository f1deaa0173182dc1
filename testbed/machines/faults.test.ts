import { expect, test } from "vitest";
import { delaysOf, type Fault, refuseFault, renderFaults } from "./faults.ts";

const from = ["10.0.0.1"];
const to = ["10.0.1.0/24", "10.0.2.1"];
const notDelayed = 'iifname != "delay*"';

function rules(...faults: Fault[]): string[] {
    return renderFaults(faults)
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line.startsWith("iifname"));
}

test("a cut from all others loses packets in both directions", () => {
    expect(rules({ kind: "cut", from })).toEqual([
        `${notDelayed} ip saddr { 10.0.0.1 } drop`,
        `${notDelayed} ip daddr { 10.0.0.1 } drop`,
    ]);
});

test("an asymmetric cut loses one direction", () => {
    expect(rules({ kind: "cut", from, to, direction: "from-to" })).toEqual([
        `${notDelayed} ip saddr { 10.0.0.1 } ip daddr { 10.0.1.0/24, 10.0.2.1 } drop`,
    ]);
    expect(rules({ kind: "cut", from, to, direction: "to-from" })).toEqual([
        `${notDelayed} ip saddr { 10.0.1.0/24, 10.0.2.1 } ip daddr { 10.0.0.1 } drop`,
    ]);
});

test("a port counts at either end", () => {
    expect(rules({ kind: "cut", from, direction: "from-to", protocol: "tcp", port: 2379 })).toEqual([
        `${notDelayed} ip saddr { 10.0.0.1 } meta l4proto tcp th dport 2379 drop`,
        `${notDelayed} ip saddr { 10.0.0.1 } meta l4proto tcp th sport 2379 drop`,
    ]);
});

test("losses come before delays, which end the chain", () => {
    expect(
        rules(
            { kind: "latency", from, direction: "from-to", milliseconds: 200 },
            { kind: "loss", from, direction: "from-to", percent: 20 },
        ),
    ).toEqual([
        `${notDelayed} ip saddr { 10.0.0.1 } numgen random mod 100 < 20 drop`,
        `${notDelayed} ip saddr { 10.0.0.1 } meta mark set 200 notrack accept`,
    ]);
});

test("each delay is listed once", () => {
    const latency = (milliseconds: number): Fault => ({ kind: "latency", from, milliseconds });
    expect(delaysOf([latency(200), latency(20), { kind: "cut", from }, latency(200)])).toEqual([20, 200]);
});

test.each<[Fault, string]>([
    [{ kind: "cut", from: [] }, "a fault needs a side"],
    [{ kind: "cut", from, port: 22 }, "a port needs the protocol tcp or udp"],
    [{ kind: "loss", from }, "loss is a whole percentage from 1 to 100"],
    [{ kind: "loss", from, percent: 101 }, "loss is a whole percentage from 1 to 100"],
    [{ kind: "latency", from, milliseconds: Number.NaN }, "latency is a whole number of ms from 1 to 60000"],
])("%o is refused", (fault, message) => {
    expect(refuseFault(fault)).toBe(message);
    expect(() => renderFaults([fault])).toThrow(message);
});
