/** The state of the testbed at the beginning of a test file, and after it. */
import { afterAll, beforeAll } from "vitest";

import { local, removeStack } from "../../../local/commands.ts";

/** Begins with nothing: no machine, no stack and no configuration of one. */
export function nothingUp(): void {
    beforeAll(removeStack);
    leaveForTheNext();
}

/** Begins with a cluster of the default settings: the one that an earlier file left, perhaps with rows in it, or a new one. */
export function clusterUp(): void {
    beforeAll(() => local());
    leaveForTheNext();
}

/** Leaves the cluster to the next file if all tests have passed, because they restore what they change. Otherwise removes it. */
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
