import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { ensureImage } from "../../../testbed/image/index.ts";
import { removeStack } from "../../../local/commands.ts";
import { stackFile } from "../../../local/this-testbed.ts";

/**
 * System tests begin and end with nothing up. They put back the stack's configuration if there was one.
 * The machines' image is built here, so that no test waits for it within its own time limit.
 */
export default async function setUp(): Promise<() => Promise<void>> {
    const written = existsSync(stackFile) ? readFileSync(stackFile) : undefined;
    await removeStack();
    await ensureImage((line) => console.log(line));
    return async () => {
        await removeStack();
        if (written !== undefined) writeFileSync(stackFile, written);
    };
}
