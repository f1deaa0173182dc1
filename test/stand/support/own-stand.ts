/** For a test file that has the stand to itself. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

import { local, pulumi, repository } from "./stand";

const stackFile = join(repository, "Pulumi.local.yaml");

/**
 * Nothing is up when the file's own hooks and tests begin, no stack and no configuration of one, and what they made is
 * destroyed when they have ended. A configuration that somebody had written comes back.
 */
export function ownStand(): void {
    let kept: Buffer | undefined;
    beforeAll(async () => {
        kept = existsSync(stackFile) ? readFileSync(stackFile) : undefined;
        await local("down");
        await pulumi("stack", "rm", "--yes", "--stack", "local");
        rmSync(stackFile, { force: true });
    });
    afterAll(async () => {
        await local("down");
        if (kept === undefined) rmSync(stackFile, { force: true });
        else writeFileSync(stackFile, kept);
    });
}
