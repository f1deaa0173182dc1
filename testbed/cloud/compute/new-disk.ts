import { Disk_Status, type Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { PCITopology } from "@yandex-cloud/nodejs-sdk/compute-v1/hardware_generation";
import { invalidArgument, unimplemented } from "../api/errors.ts";
import { newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { requireZone } from "../zones.ts";
import { defaultBlockSize, defaultDiskType, requireDiskShape } from "./disk-types.ts";
import type { Images } from "./images.ts";

/** The fields of a new disk in a request, alone or as part of a new instance. */
export interface DiskRequest {
    folderId: string;
    zoneId: string;
    name: string;
    description: string;
    labels: Record<string, string>;
    typeId: string;
    /** bytes */
    size: number;
    /** bytes */
    blockSize: number;
    imageId: string | undefined;
    snapshotId: string | undefined;
    kmsKeyId: string;
    diskPlacementPolicy?: { placementGroupId: string };
}

/** Older virtual hardware, the default of new instances. */
export const hardwareGeneration = {
    legacyFeatures: { pciTopology: PCITopology.PCI_TOPOLOGY_V1 },
    generation2Features: undefined,
};

/** The new disk, with the cloud's defaults. */
export function newDisk(request: DiskRequest): Disk {
    return {
        ...newResource("disk", request),
        typeId: request.typeId || defaultDiskType,
        zoneId: request.zoneId,
        size: request.size,
        blockSize: request.blockSize || defaultBlockSize,
        productIds: [],
        status: Disk_Status.CREATING,
        sourceImageId: request.imageId || undefined,
        sourceSnapshotId: undefined,
        instanceIds: [],
        // The provider reads this field without checking that it exists.
        diskPlacementPolicy: { placementGroupId: "", placementGroupPartition: 0 },
        hardwareGeneration,
    };
}

/** @throws what the cloud (or the testbed) refuses of a new disk */
export function requireValidDisk(store: Store, images: Images, disk: Disk, request: DiskRequest): void {
    if (request.snapshotId) throw unimplemented("snapshots");
    if (request.kmsKeyId) throw unimplemented("disk encryption keys");
    if (request.diskPlacementPolicy?.placementGroupId) throw unimplemented("disk placement groups");
    requireFreeName(store.disks, disk);
    requireZone(disk.zoneId);
    requireDiskShape(disk);
    if (disk.sourceImageId === undefined) return;
    const { minDiskSize } = images.get(disk.sourceImageId);
    if (disk.size < minDiskSize) {
        throw invalidArgument(`Disk size ${disk.size} is less than the image's minimum ${minDiskSize}`);
    }
}
