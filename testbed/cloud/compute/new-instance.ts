import { Disk_Status, type Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import {
    Instance_Status,
    MetadataOption,
    NetworkSettings_Type,
    type Instance,
    type MetadataOptions,
    type Resources,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type {
    AttachedDiskSpec,
    CreateInstanceRequest,
    ResourcesSpec,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { alreadyExists, invalidArgument, unimplemented } from "../api/errors.ts";
import { newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { requireZone } from "../zones.ts";
import { attachedDisk, requireAttachable, requireValidDisks } from "./attached-disks.ts";
import { requireHardware } from "./hardware.ts";
import type { Images } from "./images.ts";
import { newInterface } from "./network-interfaces.ts";
import { hardwareGeneration, newDisk, requireValidDisk, type DiskRequest } from "./new-disk.ts";
import { requirePlacement } from "./placement-groups.ts";

const internalDomain = "ru-central1.internal";

/**
 * Puts a new instance into the store, with the boot disk that its request describes.
 * @param resource id, name and so on of the instance
 * @returns the instance, not yet running
 * @throws what the cloud refuses
 */
export function addInstance(
    store: Store,
    images: Images,
    resource: ReturnType<typeof newResource>,
    request: CreateInstanceRequest,
): Instance {
    requireServed(request);
    requireZone(request.zoneId);
    const { bootDiskSpec, resourcesSpec } = request;
    const [interfaceSpec] = request.networkInterfaceSpecs;
    if (bootDiskSpec === undefined || resourcesSpec === undefined || interfaceSpec === undefined) {
        throw invalidArgument("boot_disk_spec, resources_spec and network_interface_specs are required");
    }
    const bootDisk = bootDiskOf(store, images, bootDiskSpec, request);
    const instance: Instance = {
        ...resource,
        zoneId: request.zoneId,
        platformId: request.platformId,
        resources: resourcesOf(resourcesSpec),
        status: Instance_Status.PROVISIONING,
        metadata: request.metadata,
        metadataOptions: metadataOptionsOf(request.metadataOptions),
        bootDisk: attachedDisk(bootDiskSpec, bootDisk.id),
        secondaryDisks: request.secondaryDiskSpecs.map((spec) =>
            attachedDisk(spec, requireAttachable(store, requireDiskId(spec), request.zoneId).id),
        ),
        localDisks: [],
        filesystems: [],
        networkInterfaces: [newInterface(store, { id: resource.id, zoneId: request.zoneId }, 0, interfaceSpec)],
        serialPortSettings: request.serialPortSettings,
        fqdn: request.hostname === "" ? `${resource.id}.auto.internal` : `${request.hostname}.${internalDomain}`,
        schedulingPolicy: { preemptible: request.schedulingPolicy?.preemptible ?? false },
        serviceAccountId: request.serviceAccountId,
        networkSettings: request.networkSettings ?? { type: NetworkSettings_Type.STANDARD },
        // The provider reads this field without checking that it exists.
        placementPolicy: request.placementPolicy ?? {
            placementGroupId: "",
            hostAffinityRules: [],
            placementGroupPartition: 0,
        },
        hostGroupId: "",
        hostId: "",
        maintenancePolicy: request.maintenancePolicy,
        maintenanceGracePeriod: request.maintenanceGracePeriod,
        hardwareGeneration,
        reservedInstancePoolId: "",
    };
    store.instances.put(instance);
    requireValidInstance(store, instance);
    requireFreeHostname(store, instance);
    return instance;
}

/**
 * Rules that hold for every instance, after its creation and after each update.
 * @throws what the cloud refuses
 */
export function requireValidInstance(store: Store, instance: Instance): void {
    requireFreeName(store.instances, instance);
    if (instance.resources !== undefined) requireHardware(instance.platformId, instance.resources);
    requireValidDisks(instance);
    requirePlacement(store, instance);
    if ((instance.placementPolicy?.hostAffinityRules.length ?? 0) > 0) throw unimplemented("host affinity");
    const graceSeconds = instance.maintenanceGracePeriod?.seconds;
    if (graceSeconds !== undefined && (graceSeconds < 1 || graceSeconds > 24 * 3600)) {
        throw invalidArgument("maintenance_grace_period: must be 1s to 24h");
    }
}

/** Cores and memory as asked for, with the default of a whole core. */
export function resourcesOf(spec: ResourcesSpec): Resources {
    return { ...spec, coreFraction: spec.coreFraction || 100 };
}

/** Options of the metadata service as asked for; what was left open gets the cloud's defaults. */
export function metadataOptionsOf(options: MetadataOptions | undefined): MetadataOptions {
    return {
        gceHttpEndpoint: options?.gceHttpEndpoint || MetadataOption.ENABLED,
        awsV1HttpEndpoint: options?.awsV1HttpEndpoint || MetadataOption.ENABLED,
        gceHttpToken: options?.gceHttpToken || MetadataOption.ENABLED,
        awsV1HttpToken: options?.awsV1HttpToken || MetadataOption.DISABLED,
        awsV2HttpEndpoint: options?.awsV2HttpEndpoint || MetadataOption.ENABLED,
        awsV2HttpToken: options?.awsV2HttpToken || MetadataOption.ENABLED,
    };
}

/** Refuses features of the real cloud that the testbed does not have. */
function requireServed(request: CreateInstanceRequest): void {
    if (request.localDiskSpecs.length > 0) throw unimplemented("local disks");
    if (request.filesystemSpecs.length > 0) throw unimplemented("file systems");
    if (request.networkInterfaceSpecs.length > 1) throw unimplemented("more than one network interface");
    if (request.gpuSettings?.gpuClusterId) throw unimplemented("GPU clusters");
    if (request.reservedInstancePoolId !== "") throw unimplemented("reserved instance pools");
    if (request.application !== undefined) throw unimplemented("applications");
}

/** The disk to boot from: an existing one, or a new one that the specification describes. */
function bootDiskOf(store: Store, images: Images, spec: AttachedDiskSpec, request: CreateInstanceRequest): Disk {
    const { zoneId, folderId } = request;
    if (spec.diskSpec === undefined) {
        const disk = requireAttachable(store, requireDiskId(spec), zoneId);
        if (disk.sourceImageId === undefined) throw invalidArgument(`Disk ${disk.id} has nothing to boot from`);
        return disk;
    }
    if (!spec.diskSpec.imageId) throw invalidArgument("boot_disk_spec.disk_spec: image_id is needed to boot from");
    const diskRequest: DiskRequest = { ...spec.diskSpec, folderId, zoneId, labels: {} };
    const disk = newDisk(diskRequest);
    requireValidDisk(store, images, disk, diskRequest);
    return store.disks.put({ ...disk, status: Disk_Status.READY });
}

function requireDiskId(spec: AttachedDiskSpec): string {
    if (!spec.diskId) throw invalidArgument("disk_id is required");
    return spec.diskId;
}

/** @throws ALREADY_EXISTS when the network has another instance of this host name */
function requireFreeHostname(store: Store, instance: Instance): void {
    const networkOf = ({ networkInterfaces }: Instance) =>
        store.subnets.get(networkInterfaces[0]?.subnetId ?? "").networkId;
    const network = networkOf(instance);
    const namesakes = store.instances.where(
        (other) => other.id !== instance.id && other.fqdn === instance.fqdn && networkOf(other) === network,
    );
    if (namesakes.length > 0) throw alreadyExists(`Host name ${instance.fqdn} already exists in network ${network}`);
}
