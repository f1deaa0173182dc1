import { Disk, Disk_Status } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import {
    CreateDiskMetadata,
    DeleteDiskMetadata,
    UpdateDiskMetadata,
    type DiskServiceService,
} from "@yandex-cloud/nodejs-sdk/compute-v1/disk_service";
import { failedPrecondition, invalidArgument, unimplemented } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, requireFreeName } from "../state/resources.ts";
import { instancesOfDisk } from "./attached-disks.ts";
import { requireDiskShape } from "./disk-types.ts";
import type { Images } from "./images.ts";
import { machineSpec } from "./machine-spec.ts";
import { newDisk, requireValidDisk } from "./new-disk.ts";

const updatable = [...descriptionFields, "size"] as const;

export function diskHandlers(cloud: Cloud, images: Images): Handlers<typeof DiskServiceService> {
    const { store, driver, operations } = cloud;
    /** Adds the instances that have the disk. Only the instances' rows contain that. */
    const view = (disk: Disk): Disk => ({ ...disk, instanceIds: instancesOfDisk(store, disk.id).map(({ id }) => id) });
    const packDisk = (disk: Disk) => pack("yandex.cloud.compute.v1.Disk", Disk, view(disk));
    return {
        get: ({ diskId }) => view(store.disks.get(diskId)),
        list: (request) => ({ disks: listed(store.disks, request).map(view), nextPageToken: "" }),

        create: (request, call) => {
            const disk = newDisk(request);
            return operations.run(call, {
                description: "Create disk",
                metadata: pack("yandex.cloud.compute.v1.CreateDiskMetadata", CreateDiskMetadata, { diskId: disk.id }),
                holds: [disk.id],
                folderId: request.folderId,
                run: async () => {
                    if (request.snapshotScheduleIds.length > 0) throw unimplemented("snapshot schedules");
                    cloud.change(() => {
                        requireValidDisk(store, images, disk, request);
                        store.disks.put(disk);
                    });
                    await store.save();
                    try {
                        await driver.createDisk(disk.id, disk.size);
                    } catch (error) {
                        store.disks.delete(disk.id);
                        throw error;
                    }
                    return packDisk(store.disks.update(disk.id, { status: Disk_Status.READY }));
                },
            });
        },

        update: (request, call) => {
            const { diskId } = request;
            return operations.run(call, {
                description: "Update disk",
                metadata: pack("yandex.cloud.compute.v1.UpdateDiskMetadata", UpdateDiskMetadata, { diskId }),
                holds: [diskId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, updatable);
                    const before = store.disks.get(diskId);
                    const disk = cloud.change(() => {
                        const updated = store.disks.update(diskId, {
                            ...describedBy(request, fields),
                            ...(fields.has("size") && { size: request.size }),
                        });
                        requireFreeName(store.disks, updated);
                        requireDiskShape(updated);
                        if (updated.size < before.size) {
                            throw invalidArgument(
                                `A disk can only grow: ${updated.size} is less than the present size ${before.size}`,
                            );
                        }
                        return updated;
                    });
                    if (disk.size > before.size) {
                        try {
                            await grow(cloud, disk);
                        } catch (error) {
                            store.disks.put(before);
                            throw error;
                        }
                    }
                    return packDisk(disk);
                },
            });
        },

        delete: ({ diskId }, call) =>
            operations.run(call, {
                description: "Delete disk",
                metadata: pack("yandex.cloud.compute.v1.DeleteDiskMetadata", DeleteDiskMetadata, { diskId }),
                holds: [diskId],
                run: async () => {
                    const disk = store.disks.get(diskId);
                    const users = instancesOfDisk(store, diskId);
                    if (users.length > 0) {
                        throw failedPrecondition(
                            `Disk ${diskId} is attached to instance ${users.map(({ id }) => id).join(", ")}`,
                        );
                    }
                    // From here on no instance can attach it.
                    store.disks.update(diskId, { status: Disk_Status.DELETING });
                    await store.save();
                    try {
                        await driver.deleteDisk(diskId);
                    } catch (error) {
                        store.disks.update(diskId, { status: disk.status });
                        throw error;
                    }
                    store.disks.delete(diskId);
                    return empty;
                },
            }),
    };
}

async function grow({ store, driver }: Cloud, disk: Disk): Promise<void> {
    const instances = instancesOfDisk(store, disk.id);
    // A boot disk is a folder of the host, without a size of its own.
    if (!instances.some(({ bootDisk }) => bootDisk?.diskId === disk.id)) await driver.resizeDisk(disk.id, disk.size);
    for (const instance of instances) await driver.updateMachine(machineSpec(store, instance));
}
