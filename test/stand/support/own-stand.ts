/** For a test file that has the stand to itself. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

import { local, pulumi, repository } from "./stand";

const stackFile = join(repository, "Pulumi.local.yaml");

/** Nothing is up when the file's own hooks and tests begin, and what they made is destroyed when they have ended. */
export function ownStand(): void {
    let restoreStackFile: () => void;
    beforeAll(async () => {
        restoreStackFile = await fromNothing();
    });
    afterAll(async () => {
        await local("down");
        restoreStackFile();
    });
}

/**
 * Takes the stack down and forgets it with its configuration, so that the next `npm run local` starts
 * from nothing.
 * @returns what puts a configuration back that somebody had written
 */
async function fromNothing(): Promise<() => void> {
    const kept = existsSync(stackFile) ? readFileSync(stackFile) : undefined;
    await local("down");
    await pulumi("stack", "rm", "--yes", "--stack", "local");
    rmSync(stackFile, { force: true });
    return () => (kept === undefined ? rmSync(stackFile, { force: true }) : writeFileSync(stackFile, kept));
}
