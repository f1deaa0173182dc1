import { stripVTControlCharacters } from "node:util";

/** What vitest's JSON reporter says of a run; the part that is read here. */
export interface Report {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numPendingTests: number;
    readonly numTodoTests: number;
    readonly testResults: readonly FileResult[];
}

/** `message` is what went wrong around the tests; each test has its own messages. */
interface FileResult {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
        readonly fullName: string;
        readonly status: string;
        readonly failureMessages: readonly string[];
    }[];
}

export interface Totals {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
}

export const none: Totals = { passed: 0, failed: 0, skipped: 0 };

/** Counts a run. A file that fails outside its tests (at import, in a hook) counts as one failed test, though no test of it failed. */
export function totalsOf(report: Report): Totals {
    return {
        passed: report.numPassedTests,
        failed: report.numFailedTests + report.testResults.filter(isBroken).length,
        skipped: report.numPendingTests + report.numTodoTests,
    };
}

function isBroken({ status, assertionResults }: FileResult): boolean {
    return status === "failed" && !assertionResults.some((test) => test.status === "failed");
}

/** So many lines of a failure are repeated at the end: a lab's, or a fault's with what each Patroni said last. */
const failureLines = 40;

/** What failed, in the order of the files: a log that was cut off at its start still says it. */
export function failuresOf(report: Report): string[] {
    return report.testResults.flatMap((file) => [
        ...(isBroken(file) ? [failure(file.name, file.message)] : []),
        ...file.assertionResults
            .filter(({ status }) => status === "failed")
            .map(({ fullName, failureMessages }) => failure(`${file.name}: ${fullName}`, failureMessages.join("\n"))),
    ]);
}

function failure(title: string, message: string): string {
    const lines = stripVTControlCharacters(message).trim().split("\n").slice(0, failureLines);
    return [title, ...lines.map((line) => `    ${line}`)].join("\n");
}

export function sum(a: Totals, b: Totals): Totals {
    return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The closing line of a test run. */
export function closingLine({ passed, failed, skipped }: Totals): string {
    return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
