import { describe, expect, test } from "vitest";

import { DatabaseError } from "pg";

import { faults } from "../../bench/faults";
import { renderTimeline } from "../../bench/faults/timeline";
import { percentile, summarize } from "../../bench/statistics";
import { isRolledBack, NotSent } from "../../bench/workload/client-session";
import { acknowledgements, length, longestGap } from "../../bench/workload/gaps";
import type { Attempt } from "../../bench/workload/records";

function databaseError(code: string): DatabaseError {
    const error = new DatabaseError("refused", 0, "error");
    error.code = code;
    return error;
}

const write = (ended: number, outcome: Attempt["outcome"] = "acknowledged", client = 1): Attempt => ({
    kind: "write",
    client,
    sequence: ended,
    started: ended - 1,
    ended,
    outcome,
});

describe("the longest gap", () => {
    test("is between two acknowledgements", () => {
        expect(longestGap([100, 200, 900, 950], { from: 0, to: 1000 })).toEqual({ from: 200, to: 900 });
    });
    test("counts from the beginning, and to the end", () => {
        expect(length(longestGap([600, 700], { from: 0, to: 1000 }))).toBe(600);
        expect(length(longestGap([100, 200], { from: 0, to: 1000 }))).toBe(800);
        expect(length(longestGap([], { from: 0, to: 1000 }))).toBe(1000);
    });
    test("does not need sorted moments and leaves out those outside", () => {
        expect(longestGap([950, 100, 5000, 400], { from: 0, to: 1000 })).toEqual({ from: 400, to: 950 });
    });
    test("is not ended by a write that failed or whose fate is unknown", () => {
        const attempts = [write(100), write(500, "failed"), write(600, "unknown"), write(900)];
        expect(longestGap(acknowledgements(attempts, "write"), { from: 50, to: 950 })).toEqual({ from: 100, to: 900 });
    });
});

describe("a write that was not acknowledged", () => {
    test("left no row when it was never sent or the server refused it", () => {
        expect(isRolledBack(new NotSent("timeout"))).toBe(true);
        expect(isRolledBack(databaseError("25006"))).toBe(true);
        expect(isRolledBack(databaseError("23505"))).toBe(true);
    });
    test.each(["08006", "08P01", "57P01", "57P02", "57014", "40003", "58030", "XX000"])("may have left one after %s", (code) => {
        expect(isRolledBack(databaseError(code))).toBe(false);
    });
    test("may have left one when the connection broke", () => {
        expect(isRolledBack(new Error("Connection terminated unexpectedly"))).toBe(false);
    });
});

describe("statistics", () => {
    test("name a value that was measured", () => {
        const samples = [5, 1, 4, 2, 3];
        expect(summarize(samples)).toEqual({ median: 3, p95: 5, worst: 5 });
        expect(percentile(samples, 0.2)).toBe(1);
        expect(percentile([7], 0.95)).toBe(7);
        expect(() => percentile([], 0.5)).toThrow("no samples");
    });
});

describe("the faults", () => {
    test("have names of their own", () => {
        const names = faults.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
    });
    test("become a picture with bars, the fault's moment and the events", () => {
        const attempts = Array.from({ length: 100 }, (_, index) => write(1000 + index * 100));
        const trace = { attempts, injected: 4000, ended: 6000, whole: 7000, span: { from: 3000, to: 9000 }, wallOffset: 0 };
        const picture = renderTimeline("A <fault>", trace, [{ at: 4500, machine: "db-1", text: "takes the lead" }]);
        expect(picture).toContain("A &lt;fault>");
        expect(picture).toContain("0.0 s  the fault");
        expect(picture).toContain("0.5 s  db-1: takes the lead");
        expect(picture).toContain("3.0 s  one leader, all streaming");
        // 2 s before the fault to 2 s after the cluster is whole, ten bars a second.
        expect(picture.match(/M[\d.]+ [\d.]+v/g)).toHaveLength(70);
    });
});
