import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import { CLOUD_SECONDS, type Rolling } from "./rolling.ts";

/** The hooks of machines that change their size one after another: the provider stops each of them for it. */
export function resizing(rolling: Rolling): pulumi.ResourceHookBinding {
    return {
        beforeUpdate: [
            new pulumi.ResourceHook("before-machine-stops", (hook) => before(rolling, hook), { onDryRun: true }),
        ],
        afterUpdate: [new pulumi.ResourceHook("after-machine-started", (hook) => after(rolling, hook))],
    };
}

async function before(rolling: Rolling, { name, id, oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> {
    const changed = stoppingChanges(oldInputs!, newInputs!);
    if (changed.length === 0) return;
    if (pulumi.runtime.isDryRun()) {
        await pulumi.log.info(
            `${name} is stopped and started for another size (${changed.join(", ")}): machine after machine, replicas before the leader, which hands over`,
        );
        return;
    }
    const shrinks = memoryOf(newInputs!) < memoryOf(oldInputs!);
    await rolling.begin(rolling.named(name), shrinks, () => requireRunning(name, id));
}

async function after(rolling: Rolling, { name, oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> {
    if (stoppingChanges(oldInputs!, newInputs!).length > 0) await rolling.endWhenStarted(rolling.named(name));
}

/**
 * An `up` that was killed may have left the machine stopped, or the cloud may still be at it. The provider cannot change a
 * machine that is stopped, and has no way to start one.
 */
async function requireRunning(name: string, instanceId: string): Promise<void> {
    const end = Date.now() + CLOUD_SECONDS * 1000;
    while (true) {
        const { status } = await yandex.getComputeInstance({ instanceId });
        if (status === "running") return;
        if (status === "stopped" || Date.now() > end) {
            throw new Error(
                `${name} is ${status} in the cloud. Start it (yc compute instance start ${name}), then run \`pulumi up\` again.`,
            );
        }
        await new Promise((resolve) => setTimeout(resolve, 2000));
    }
}

/** Inputs of a machine that the provider changes only while the machine is stopped (`allow_stopping_for_update`). */
const STOPPING = ["resources", "platformId"] as const;

function memoryOf(inputs: Record<string, unknown>): number {
    return (inputs["resources"] as { memory: number }).memory;
}

function stoppingChanges(before: Record<string, unknown>, after: Record<string, unknown>): readonly string[] {
    return STOPPING.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}
