/** The program of cloud-init/program: one Python package with all that runs on a database node and knows the cluster. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { MachineFile } from "./configuration.ts";

/** Where the program lies on a machine. */
export const programPath = "/usr/local/bin/postgres-ha";
const PACKAGE_DIRECTORY = "/usr/local/lib/postgres-ha/postgres_ha";

const SOURCES = join(import.meta.dirname, "..", "program");

/**
 * The program's files.
 * @param onChange what follows a change of one of them
 */
export function programFiles(onChange: readonly string[]): MachineFile[] {
    const modules = readdirSync(join(SOURCES, "postgres_ha")).filter((name) => name.endsWith(".py"));
    return [
        { ...copy("postgres-ha", programPath), mode: "0755" },
        ...modules.sort().map((name) => ({ ...copy(`postgres_ha/${name}`, `${PACKAGE_DIRECTORY}/${name}`), onChange })),
    ];
}

function copy(source: string, path: string): MachineFile {
    return {
        path,
        content: readFileSync(join(SOURCES, source), "utf8"),
        copyOf: `cloud-init/program/${source}`,
    };
}

/** The command line of one of the program's commands, see COMMANDS in `__main__.py`. */
export function programCommand(...words: readonly (string | number)[]): string {
    return [programPath, ...words].join(" ");
}
