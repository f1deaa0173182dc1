/** A copy of this checkout with a testbed of its own. Tests that mostly wait can run on both at the same time. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The last number that a testbed can have: people start with 1. */
const testbedNumber = "9";

export interface Checkout {
    readonly folder: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly remove: () => void;
}

/** Copies the files that git has or would add. The copy's own setup makes the rest, out of the caches. */
export function secondCheckout(repository: string): Checkout {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-second-"));
    const files = execFileSync(
        "git",
        ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        { cwd: repository },
    );
    // A deleted file can still be in git's index.
    execFileSync(
        "tar",
        ["--create", "--file=files.tar", "--directory", repository, "--null", "--files-from=-", "--ignore-failed-read"],
        { cwd: folder, input: files },
    );
    execFileSync("tar", ["--extract", "--file=files.tar"], { cwd: folder });
    rmSync(join(folder, "files.tar"));
    return {
        folder,
        environment: { ...without(repository, process.env), TESTBED: testbedNumber },
        remove: () => rmSync(folder, { recursive: true, force: true }),
    };
}

/** The environment without what this checkout's tools have put into it. */
function without(repository: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const own = (value: string) => value.includes(`${repository}/`);
    const path = (environment["PATH"] ?? "")
        .split(":")
        .filter((entry) => !own(entry))
        .join(":");
    return { ...Object.fromEntries(Object.entries(environment).filter(([, value]) => !own(value ?? ""))), PATH: path };
}
