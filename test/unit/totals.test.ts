import { describe, expect, it } from "vitest";

import { closingLine, failuresOf, none, sum, totalsOf, type Report } from "../support/totals.ts";

const file = (status: string, ...tests: readonly string[]): Report["testResults"][number] => ({
    name: `${status}.test.ts`,
    status,
    message: status === "failed" ? "a hook timed out" : "",
    assertionResults: tests.map((test, index) => ({
        fullName: `test ${index + 1}`,
        status: test,
        failureMessages: test === "failed" ? ["\u001b[31mexpected 1\u001b[39m\nto be 2"] : [],
    })),
});
const report = (
    numPassedTests: number,
    numFailedTests: number,
    numPendingTests: number,
    testResults: Report["testResults"],
    numTodoTests = 0,
): Report => ({
    numPassedTests,
    numFailedTests,
    numPendingTests,
    numTodoTests,
    testResults,
});

describe("totals of a run", () => {
    it("are vitest's counts", () => {
        expect(
            totalsOf(report(2, 1, 1, [file("failed", "passed", "failed"), file("passed", "passed", "pending")], 1)),
        ).toEqual({ passed: 2, failed: 1, skipped: 2 });
    });

    it("count a file that broke before or around its tests", () => {
        expect(totalsOf(report(0, 0, 2, [file("failed", "pending", "pending"), file("failed")]))).toEqual({
            passed: 0,
            failed: 2,
            skipped: 2,
        });
    });

    it("name each failure, with what it said", () => {
        const results = [file("passed", "passed"), file("failed", "passed", "failed"), file("failed", "pending")];
        expect(failuresOf(report(2, 1, 1, results))).toEqual([
            "failed.test.ts: test 2\n    expected 1\n    to be 2",
            "failed.test.ts\n    a hook timed out",
        ]);
        const long = {
            ...file("failed"),
            message: Array.from({ length: 100 }, (_, line) => `line ${line + 1}`).join("\n"),
        };
        expect(
            failuresOf(report(0, 0, 0, [long]))[0]!
                .split("\n")
                .at(-1),
        ).toBe("    line 40");
    });

    it("add up to the closing line", () => {
        expect(closingLine(sum(none, { passed: 3, failed: 0, skipped: 1 }))).toBe("3 passed, 0 failed, 1 skipped");
    });
});
