import { Instance_Status, type Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { failedPrecondition } from "../api/errors.ts";
import type { Cloud } from "../cloud.ts";
import { attachedDisks } from "./attached-disks.ts";
import { machineSpec } from "./machine-spec.ts";
import { withDynamicAddresses, withoutDynamicAddresses } from "./network-interfaces.ts";

/*
 * Each step writes down what it is about to do (as the status) before it does it, so that an
 * emulator that was killed half-way knows at its next start what is left to be done.
 */

/** @throws FAILED_PRECONDITION */
export function requireStatus(instance: Instance, status: Instance_Status): void {
    if (instance.status !== status) {
        throw failedPrecondition(
            `Instance ${instance.id} is ${Instance_Status[instance.status]}, it must be ${Instance_Status[status]}`,
        );
    }
}

/** Boots a new instance. If it cannot start, it is removed together with its new disks. */
export async function boot(cloud: Cloud, id: string): Promise<Instance> {
    const { store, driver } = cloud;
    await store.save();
    try {
        await cloud.applyNetwork();
        await driver.createMachine(machineSpec(store, store.instances.get(id)));
    } catch (error) {
        await remove(cloud, id);
        throw error;
    }
    return store.instances.update(id, { status: Instance_Status.RUNNING });
}

/** Powers the machine off and removes it with its auto-delete disks. */
export async function remove(cloud: Cloud, id: string): Promise<void> {
    const { store, driver } = cloud;
    const instance = store.instances.update(id, { status: Instance_Status.DELETING });
    await store.save();
    await driver.deleteMachine(id);
    for (const { diskId, autoDelete } of attachedDisks(instance)) {
        if (!autoDelete) continue;
        await driver.deleteDisk(diskId);
        store.disks.delete(diskId);
    }
    store.instances.delete(id);
    await cloud.applyNetwork();
}

export async function stop(cloud: Cloud, id: string): Promise<Instance> {
    const { store, driver } = cloud;
    const before = store.instances.get(id);
    store.instances.update(id, { status: Instance_Status.STOPPING });
    await store.save();
    try {
        await driver.stopMachine(id);
    } catch (error) {
        store.instances.update(id, { status: before.status });
        throw error;
    }
    const stopped = store.instances.update(id, {
        status: Instance_Status.STOPPED,
        ...withoutDynamicAddresses(store, before),
    });
    await cloud.applyNetwork();
    return stopped;
}

export async function start(cloud: Cloud, id: string): Promise<Instance> {
    const { store, driver } = cloud;
    const before = store.instances.get(id);
    cloud.change(() =>
        store.instances.update(id, { status: Instance_Status.STARTING, ...withDynamicAddresses(store, before) }),
    );
    await store.save();
    try {
        await cloud.applyNetwork();
        await driver.startMachine(id);
    } catch (error) {
        store.instances.put(before);
        throw error;
    }
    return store.instances.update(id, { status: Instance_Status.RUNNING });
}

/** Unlike stop and start, keeps a dynamic public address. */
export async function restart(cloud: Cloud, id: string): Promise<Instance> {
    const { store, driver } = cloud;
    store.instances.update(id, { status: Instance_Status.RESTARTING });
    await store.save();
    await driver.stopMachine(id);
    await driver.startMachine(id);
    return store.instances.update(id, { status: Instance_Status.RUNNING });
}

/**
 * Finishes what a killed emulator left half-done with instances. Creations are undone, because their client got no answer;
 * all other changes are completed.
 */
export async function resume(cloud: Cloud): Promise<void> {
    for (const { id, status } of cloud.store.instances.all()) {
        if (status === Instance_Status.PROVISIONING || status === Instance_Status.DELETING) await remove(cloud, id);
        if (status === Instance_Status.STOPPING) await stop(cloud, id);
        if (status === Instance_Status.STARTING) await start(cloud, id);
        if (status === Instance_Status.RESTARTING) await restart(cloud, id);
    }
}
