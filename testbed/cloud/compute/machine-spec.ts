import type { AttachedDisk, Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type { MachineSpec } from "../../machines/driver.ts";
import type { Store } from "../state/store.ts";
import { hostname } from "../vpc/network-state.ts";
import { attachedDisks } from "./attached-disks.ts";

/** The specification of an instance's machine. */
export function machineSpec(store: Store, instance: Instance): MachineSpec {
    return {
        id: instance.id,
        name: instance.name || instance.id,
        hostname: hostname(instance),
        fqdn: instance.fqdn,
        zone: instance.zoneId,
        cores: instance.resources?.cores ?? 0,
        memoryBytes: instance.resources?.memory ?? 0,
        imageId: store.disks.get(instance.bootDisk?.diskId ?? "").sourceImageId ?? "",
        userData: instance.metadata["user-data"] ?? "",
        metadata: instance.metadata,
        disks: attachedDisks(instance).map((disk) => machineDisk(store, disk, disk === instance.bootDisk)),
    };
}

/** The specification of one disk of the machine. */
export function machineDisk(store: Store, disk: AttachedDisk, boot = false): MachineSpec["disks"][number] {
    return { diskId: disk.diskId, deviceName: disk.deviceName, sizeBytes: store.disks.get(disk.diskId).size, boot };
}
