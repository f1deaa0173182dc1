import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { Settings } from "../settings/index.ts";
import { fixedSettings, refusedChanges, type FixedSettings } from "../settings/fixed.ts";
import { describe } from "../settings/mistakes.ts";
import type { AddressPlan } from "../cluster/address-plan.ts";

/**
 * Refuses, in the preview already, what a running cluster would not survive; nothing else is registered before.
 *
 * The stack remembers what it was made with in a Stash, whose name must never change and so holds no setting. Its hook
 * sees the old values and the new ones, whatever resources they end up in, and whether or not these are protected.
 * @throws Error with every change that is refused; in a stack that nothing was made in, none is
 */
export async function refuseChangesOfFixedSettings(settings: Settings, plan: AddressPlan): Promise<void> {
    const refuse = new pulumi.ResourceHook(
        "refuse-changes-of-fixed-settings",
        async ({ oldInputs, newInputs }) => {
            const had = oldInputs!["input"] as FixedSettings;
            const wanted = newInputs!["input"] as FixedSettings;
            const shrinks = wanted.databaseDataDiskSizeGib < had.databaseDataDiskSizeGib;
            const refused = refusedChanges(had, wanted, shrinks ? await largestDiskGib(had, plan) : 0);
            if (refused.length > 0) {
                throw new Error(
                    [
                        "This would lose the cluster's data, or the way to it. Nothing was changed.",
                        ...refused.map((mistake) => `  ${describe(mistake)}`),
                        EMPTY,
                    ].join("\n"),
                );
            }
        },
        { onDryRun: true },
    );
    const stash = new pulumi.Stash(
        "fixed-settings",
        { input: fixedSettings(settings) },
        { hooks: { beforeUpdate: [refuse] } },
    );
    await new Promise((resolve) => stash.urn.apply(resolve));
}

/** The way out of a first `up` that failed. */
const EMPTY = "Where there is no data yet: pulumi destroy, then pulumi up.";

/**
 * Of the data disks that there are. What was asked for last says less: an `up` that could not grow them, for want of a
 * quota, must be possible to take back. Where the cloud does not tell (the error does not say why), what was asked for
 * last has to do.
 */
async function largestDiskGib({ databaseDataDiskSizeGib }: FixedSettings, plan: AddressPlan): Promise<number> {
    const sizes = plan.nodes.database.map(async ({ hostname }) => {
        try {
            return (await yandex.getComputeDisk({ name: `${hostname}-data` })).size;
        } catch {
            return databaseDataDiskSizeGib;
        }
    });
    return Math.max(...(await Promise.all(sizes)));
}
