import { DatabaseError } from "pg";
import { describe, expect, test } from "vitest";

import { faults } from "../../local/faults/index.ts";
import { isRolledBack, NotSent } from "../../local/workload/client-session.ts";
import { acknowledgements, length, longestGap } from "../../local/workload/gaps.ts";
import type { Attempt } from "../../local/workload/records.ts";

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
    test.each(["08006", "08P01", "57P01", "57P02", "57014", "40003", "58030", "XX000"])(
        "may have left one after %s",
        (code) => {
            expect(isRolledBack(databaseError(code))).toBe(false);
        },
    );
    test("may have left one when the connection broke", () => {
        expect(isRolledBack(new Error("Connection terminated unexpectedly"))).toBe(false);
    });
});

describe("the faults", () => {
    test("have different names", () => {
        const names = faults.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
    });
});
