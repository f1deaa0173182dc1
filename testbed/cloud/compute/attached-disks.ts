import { Disk_Status, type Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { AttachedDisk_Mode, type AttachedDisk, type Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { AttachedDiskSpec_Mode, type AttachedDiskSpec } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { failedPrecondition, invalidArgument, unimplemented } from "../api/errors.ts";
import type { Store } from "../state/store.ts";
import { maxDisks } from "./hardware.ts";

/** The disks of an instance, the boot disk first. */
export function attachedDisks(instance: Instance): AttachedDisk[] {
    return [...(instance.bootDisk ? [instance.bootDisk] : []), ...instance.secondaryDisks];
}

/** The instances that a disk is attached to: none or one. */
export function instancesOfDisk(store: Store, diskId: string): Instance[] {
    return store.instances.where((instance) => attachedDisks(instance).some((disk) => disk.diskId === diskId));
}

/** @param diskId the disk that the specification names or describes */
export function attachedDisk(spec: AttachedDiskSpec, diskId: string): AttachedDisk {
    if (spec.mode === AttachedDiskSpec_Mode.READ_ONLY) throw unimplemented("read-only attachment of a disk");
    return {
        mode: AttachedDisk_Mode.READ_WRITE,
        deviceName: spec.deviceName || diskId,
        autoDelete: spec.autoDelete,
        diskId,
    };
}

/**
 * @returns the disk that is to be attached, which must be free
 * @throws INVALID_ARGUMENT when it is in another zone, FAILED_PRECONDITION when it is in use or not ready
 */
export function requireAttachable(store: Store, diskId: string, zoneId: string): Disk {
    const disk = store.disks.get(diskId);
    if (disk.zoneId !== zoneId) {
        throw invalidArgument(`Disk ${diskId} is in zone ${disk.zoneId}, the instance in ${zoneId}`);
    }
    const users = instancesOfDisk(store, diskId);
    if (users.length > 0) {
        throw failedPrecondition(
            `Disk ${diskId} is already attached to instance ${users.map(({ id }) => id).join(", ")}`,
        );
    }
    if (disk.status !== Disk_Status.READY) throw failedPrecondition(`Disk ${diskId} is not ready`);
    return disk;
}

/** @throws INVALID_ARGUMENT for a device name used twice or more disks than the machine can have */
export function requireValidDisks(instance: Instance): void {
    const disks = attachedDisks(instance);
    const names = disks.map(({ deviceName }) => deviceName);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw invalidArgument(`Device name ${twice} is used twice`);
    const limit = maxDisks(instance.resources?.cores ?? 0);
    if (disks.length > limit) throw invalidArgument(`An instance of this size has at most ${limit} disks`);
}
