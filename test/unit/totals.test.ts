import { describe, expect, it } from "vitest";

import { closingLine, none, sum, totalsOf, type Report } from "../support/totals";

const file = (status: string, ...tests: readonly string[]) => ({ status, assertionResults: tests.map((test) => ({ status: test })) });
const report = (numPassedTests: number, numFailedTests: number, numPendingTests: number, testResults: Report["testResults"], numTodoTests = 0): Report => ({
    numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults,
});

describe("totals of a run", () => {
    it("are vitest's counts", () => {
        expect(totalsOf(report(2, 1, 1, [file("failed", "passed", "failed"), file("passed", "passed", "pending")], 1))).toEqual({ passed: 2, failed: 1, skipped: 2 });
    });

    it("count a file that broke before or around its tests", () => {
        expect(totalsOf(report(0, 0, 2, [file("failed", "pending", "pending"), file("failed")]))).toEqual({ passed: 0, failed: 2, skipped: 2 });
    });

    it("add up to the closing line", () => {
        expect(closingLine(sum(none, { passed: 3, failed: 0, skipped: 1 }))).toBe("3 passed, 0 failed, 1 skipped");
    });
});
