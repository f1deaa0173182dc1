import { createHash } from "node:crypto";
import {
    chmodSync,
    copyFileSync,
    existsSync,
    lstatSync,
    mkdirSync,
    readdirSync,
    readFileSync,
    readlinkSync,
    rmSync,
    symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** All files and symbolic links below a folder, as sorted paths that begin with "/". Empty if the folder does not exist. */
export function listTree(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
        .sort();
}

/**
 * Copies a source tree over a root. Modes become 0755 or 0644 by the owner's execute bit,
 * because a checkout's other bits depend on the umask.
 */
export function copyTree(from: string, to: string): void {
    for (const path of listTree(from)) {
        const source = join(from, path);
        const target = join(to, path);
        mkdirSync(dirname(target), { recursive: true });
        rmSync(target, { force: true });
        const status = lstatSync(source);
        if (status.isSymbolicLink()) {
            symlinkSync(readlinkSync(source), target);
        } else {
            copyFileSync(source, target);
            chmodSync(target, status.mode & 0o100 ? 0o755 : 0o644);
        }
    }
}

/**
 * Fingerprint of a product's inputs.
 * @param inputs paths of files and folders (their names, execute bits and contents count, but tests do not) and other values (as JSON).
 * @returns 12 hexadecimal digits.
 */
export function fingerprint(inputs: {
    readonly paths: readonly string[];
    readonly values: readonly unknown[];
}): string {
    const hash = createHash("sha256");
    for (const root of inputs.paths) {
        const status = lstatSync(root);
        for (const path of status.isDirectory() ? listTree(root).filter((path) => !path.endsWith(".test.ts")) : [""]) {
            const file = root + path;
            const entry = lstatSync(file);
            hash.update(`${path}\0${entry.mode & 0o100 ? "x" : "-"}\0`);
            hash.update(entry.isSymbolicLink() ? readlinkSync(file) : readFileSync(file));
            hash.update("\0");
        }
    }
    hash.update(JSON.stringify(inputs.values));
    return hash.digest("hex").slice(0, 12);
}
