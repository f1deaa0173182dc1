import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { MachineFile } from "./configuration.ts";
import { programPath } from "./program.ts";

/** Where the project's own scripts lie on a machine. */
export const scriptDirectory = "/usr/local/libexec/postgres-ha";

const read = (name: string) => readFileSync(join(import.meta.dirname, "..", "files", name), "utf8");

/** What a file of `files/` is called on a machine: its name without the suffix. */
export const installedName = (file: string) => file.replace(/\.(py|sh)$/, "");

/**
 * A script from `files/`, as a file on a machine.
 * @param name the file's name in `files/`
 */
export function script(name: string): MachineFile {
    return {
        path: `${scriptDirectory}/${installedName(name)}`,
        content: read(name),
        mode: "0755",
        copyOf: `cloud-init/files/${name}`,
    };
}

/** What a service has to say to an administrator who logs in: a shell script that prints it. */
export function greeting(service: string, lines: readonly string[]): MachineFile {
    return {
        path: `/etc/postgres-ha/welcome/${service}`,
        content: ["#!/bin/bash", ...lines, ""].join("\n"),
        mode: "0755",
    };
}

/** The command by which a running service takes its changed files. */
export function refresh(action: "reload" | "restart", unit: string): string {
    return `${scriptDirectory}/refresh ${action} ${unit}`;
}

/** What a command of `onChange` does, for people; undefined for what needs no mention. */
export function consequenceOf(command: string): string | undefined {
    const words = command.replaceAll(`${scriptDirectory}/`, "").split(" ");
    const [program, ...rest] = words;
    switch (program) {
        case "refresh":
            return `${rest[0]} of ${rest[1]!.replace(/\.service$/, "")}`;
        case programPath:
            return rest[0] === "restart-etcd" ? "restart of etcd, node after node" : undefined;
        case "first-boot":
            return "installation of missing packages, start of new units";
        case "import-repository-keys":
            return "import of repository keys";
        default:
            return undefined;
    }
}
