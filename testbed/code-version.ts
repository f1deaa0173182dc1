import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Hash of the testbed's code as it is on disk now. A daemon reports the hash of the code that it started with, so
 * that a command of newer code can replace it.
 */
export function codeVersion(): string {
    const folder = import.meta.dirname;
    const inFolders = ["cloud", "image", "machines"].flatMap((name) =>
        readdirSync(join(folder, name), { recursive: true, encoding: "utf8" }).map((file) => join(name, file)),
    );
    const hash = createHash("sha256");
    for (const name of [...inFolders, "daemon.ts", "package-lock.json"].sort()) {
        if (/\.test\.ts$|\.md$/.test(name) || !statSync(join(folder, name)).isFile()) continue;
        hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
    }
    return hash.digest("hex").slice(0, 16);
}
