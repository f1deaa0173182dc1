/**
 * Prints what a machine is made of, for a stack's configuration, without Pulumi and without a secret.
 * Usage: npm run render -- [MACHINE [PATH]] [--stack NAME]
 *   MACHINE  a host name or its end, `db-1`; without it, the names of all machines
 *   PATH     one file of the machine, whole
 *   NAME     of the stack whose Pulumi.NAME.yaml is read; "dev" by default
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";

import { allFiles } from "../cloud-init/machine/user-data.ts";
import { parseSettings, type Settings } from "../settings/index.ts";
import { machineText, plannedMachines } from "./machine-text.ts";

const PREFIX = "postgres-ha:";

/** Stand for required settings that the stack's file does not have: they do not change what is rendered elsewhere. */
const required = {
    adminCidrs: ["192.0.2.1/32"],
    sshPublicKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f example"],
};

/** @throws Error where the file has encrypted values, or ConfigurationError */
function readStack(name: string): Settings {
    const file = join(import.meta.dirname, "..", `Pulumi.${name}.yaml`);
    const { config = {} } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
    const own = Object.entries(config).flatMap(([key, value]) =>
        key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value] as const] : [],
    );
    const encrypted = own.filter(([, value]) => JSON.stringify(value).includes('{"secure":')).map(([key]) => key);
    if (encrypted.length > 0) throw new Error(`${file}: ${encrypted.join(", ")}: only Pulumi can decrypt a secret`);
    return parseSettings({ ...required, ...Object.fromEntries(own) });
}

function main(words: readonly string[]): number {
    const { values, positionals } = parseArgs({
        args: [...words],
        options: { stack: { type: "string", default: "dev" } },
        allowPositionals: true,
    });
    const [name, path] = positionals;
    const machines = plannedMachines(readStack(values.stack));
    const names = machines.map(({ node }) => node.hostname).join("\n");
    if (name === undefined) {
        console.log(names);
        return 0;
    }
    const machine = machines.find(({ node: { hostname } }) => hostname === name || hostname.endsWith(`-${name}`));
    if (machine === undefined) {
        console.error(`there is no machine ${name}; there are\n${names}`);
        return 1;
    }
    if (path === undefined) {
        process.stdout.write(machineText(machine));
        return 0;
    }
    const file = allFiles(machine.configuration).find((candidate) => candidate.path === path);
    if (file === undefined) {
        console.error(`${machine.node.hostname} has no file ${path}; without a path all are printed`);
        return 1;
    }
    process.stdout.write(file.content);
    return 0;
}

try {
    process.exitCode = main(process.argv.slice(2));
} catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
}
