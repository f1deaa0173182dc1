/** A copy of this checkout, with a testbed of its own beside this one's: what mostly waits can run beside something else that does. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One that nobody gives by hand: people begin to count at 1. */
const testbedNumber = "9";

export interface Checkout {
    readonly folder: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly remove: () => void;
}

/** The files that git knows or would add; the copy's own set-up makes the rest, out of the caches. */
export function secondCheckout(repository: string): Checkout {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-second-"));
    const files = execFileSync(
        "git",
        ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        { cwd: repository },
    );
    // A file may be gone and not yet committed so.
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

/** The environment that this checkout's tools were started from: they put folders of their own into it. */
function without(repository: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const own = (value: string) => value.includes(`${repository}/`);
    const path = (environment["PATH"] ?? "")
        .split(":")
        .filter((entry) => !own(entry))
        .join(":");
    return { ...Object.fromEntries(Object.entries(environment).filter(([, value]) => !own(value ?? ""))), PATH: path };
}
