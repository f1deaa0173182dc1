import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { ScratchFile } from "./scratch-machine.ts";
import { script, scriptDirectory } from "../../cloud-init/machine/scripts.ts";

/** Folder of the scripts that machines get. */
export const scriptSources = join(import.meta.dirname, "../../cloud-init/files");
export const scriptNames = readdirSync(scriptSources).filter((name) => /\.(py|sh)$/.test(name));

export const installed = (name: string) => `${scriptDirectory}/${name}`;

/** A script at its place on a machine. */
export function installedScript(name: string): ScratchFile {
    const { path, content, mode } = script(name);
    return { path, content, mode };
}
