/**
 * What three configurations make of a machine of each role, as files: the diff of a change shows what it does to every
 * machine. `tools/run vitest run --project unit test/unit/golden.test.ts --update` writes them anew.
 */
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { roleNames } from "../../cluster/roles.ts";
import { machineText, plannedMachines } from "../../render/machine-text.ts";
import { parseSettings } from "../../settings/index.ts";
import { configurations, minimalConfiguration } from "../support/rendered-cluster.ts";

/** The same in each run, unlike that of `minimalConfiguration`. */
const administratorKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f administrator";

const folders = {
    defaults: "the defaults",
    large: "five nodes, safe, strict, two load balancers, a mirror",
    small: "small machines in one zone, fast, asynchronous",
} as const;

describe.each(Object.entries(folders))("%s (%s)", (folder, name) => {
    const machines = plannedMachines(
        parseSettings({ ...minimalConfiguration, sshPublicKeys: [administratorKey], ...configurations[name] }),
    );

    it.each(roleNames)("%s", async (role) => {
        const machine = machines.find((candidate) => candidate.role === role)!;
        const file = join(import.meta.dirname, "..", "golden", folder, `${machine.node.hostname}.txt`);
        await expect(machineText(machine)).toMatchFileSnapshot(file);
    });
});
