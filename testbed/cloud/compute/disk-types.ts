import { invalidArgument } from "../api/errors.ts";

const gib = 2 ** 30;

/** Non-replicated and three-replica high-speed SSDs come in units of 93 GB (Yandex Cloud documentation, "Disks"). */
const unitGib = 93;

const types: Record<string, { unitGib?: number }> = {
    "network-hdd": {},
    "network-ssd": {},
    "network-ssd-nonreplicated": { unitGib },
    "network-ssd-io-m3": { unitGib },
};

export const defaultDiskType = "network-hdd";

/** Block sizes in bytes that a disk may have; the first is the default. */
const blockSizes = [4096, 8192, 16384, 32768, 65536, 131072];

export const isNetworkSsd = (typeId: string) => typeId === "network-ssd";

/** Whether disks of a type come in units. */
export const isHighSpeed = (typeId: string) => types[typeId]?.unitGib !== undefined;

/** @throws INVALID_ARGUMENT for an unknown type, a size the type does not come in, or an unknown block size */
export function requireDiskShape(disk: { typeId: string; size: number; blockSize: number }): void {
    const type = types[disk.typeId];
    if (type === undefined) {
        throw invalidArgument(`Disk type ${disk.typeId} not found; available: ${Object.keys(types).join(", ")}`);
    }
    if (type.unitGib !== undefined && disk.size % (type.unitGib * gib) !== 0) {
        throw invalidArgument(`Size of a disk of type ${disk.typeId} must be a multiple of ${type.unitGib} GB`);
    }
    if (!blockSizes.includes(disk.blockSize)) {
        throw invalidArgument(`Block size ${disk.blockSize} is not one of ${blockSizes.join(", ")}`);
    }
}

export const defaultBlockSize = 4096;
