import * as pulumi from "@pulumi/pulumi";

import { changes, manifest, type Manifest } from "../cloud-init/machine/manifest.ts";
import type { Machine } from "./machine.ts";

/**
 * Keeps what a machine was configured with last, and has the preview say what changes and what follows: in plain text,
 * before anything runs, without a secret.
 *
 * The Command itself shows nothing: its input is one secret. So a Stash holds a line for each file, with a fingerprint; its
 * hook sees the old lines and the new ones.
 * @param configured the Command that configures the machine; the Stash changes only after it has succeeded
 */
export function keepManifest(machine: Machine, configured: pulumi.Resource): void {
    const input = pulumi.unsecret(
        pulumi
            .all([machine.configuration, machine.ssh.privateKey])
            .apply(([configuration, key]) => manifest(configuration, key)),
    );
    new pulumi.Stash(
        `${machine.node.hostname}-manifest`,
        { input },
        { parent: machine, dependsOn: [configured], hooks: { beforeUpdate: [machine.announceChanges] } },
    );
}

/** The hook of all machines' manifests. */
export function announceChanges(): pulumi.ResourceHook {
    return new pulumi.ResourceHook(
        "announce-changes",
        ({ name, oldInputs, newInputs }) => {
            const [before, after] = [oldInputs, newInputs].map((inputs) => inputs!["input"] as Manifest | undefined);
            // Unknown while a certificate is renewed.
            const lines = before && after ? changes(before, after) : ["what changes is known only during the update"];
            const heading = `${name.replace(/-manifest$/, "")}:`;
            return pulumi.log.info([heading, ...lines.map((line) => `    ${line}`)].join("\n"));
        },
        { onDryRun: true },
    );
}
