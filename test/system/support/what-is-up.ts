/** What a test file finds on the testbed, and what the next one finds. */
import { afterAll, beforeAll } from "vitest";

import { local, removeStack } from "../../../local/commands.ts";

/** Nothing, when the file's own hooks and tests begin: no machine, no stack and no configuration of one. */
export function nothingUp(): void {
    beforeAll(removeStack);
    leaveForTheNext();
}

/** The cluster as it is by default, perhaps with other tests' rows in it: what an earlier file left, or made anew. */
export function clusterUp(): void {
    beforeAll(() => local());
    leaveForTheNext();
}

/** Only when all its tests have passed, and so have put back what they changed, may a file leave its cluster to the next. */
function leaveForTheNext(): void {
    // Vitest reads the first parameter as a list of fixtures, and refuses any that is not destructured.
    afterAll(async ({}, file) => {
        if (!passed(file)) await removeStack();
    });
}

interface Task {
    readonly tasks?: readonly Task[];
    readonly result?: { readonly state: string };
}

const passed = ({ tasks, result }: Task): boolean => (tasks ? tasks.every(passed) : result?.state === "pass");
