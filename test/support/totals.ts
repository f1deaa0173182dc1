/** What vitest's JSON reporter says of a run; the part that is read here. */
export interface Report {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numPendingTests: number;
    readonly numTodoTests: number;
    readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

export interface Totals {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
}

export const none: Totals = { passed: 0, failed: 0, skipped: 0 };

/** Counts a run. A file that fails outside its tests (at import, in a hook) counts as one failed test, though no test of it failed. */
export function totalsOf(report: Report): Totals {
    const brokenFiles = report.testResults.filter(({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"));
    return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length, skipped: report.numPendingTests + report.numTodoTests };
}

export function sum(a: Totals, b: Totals): Totals {
    return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The closing line of a test run. */
export function closingLine({ passed, failed, skipped }: Totals): string {
    return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
