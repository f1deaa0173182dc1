import { Instance, Instance_Status } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import {
    AddInstanceOneToOneNatMetadata,
    AttachInstanceDiskMetadata,
    CreateInstanceMetadata,
    DeleteInstanceMetadata,
    DetachInstanceDiskMetadata,
    InstanceView,
    RemoveInstanceOneToOneNatMetadata,
    RestartInstanceMetadata,
    StartInstanceMetadata,
    StopInstanceMetadata,
    UpdateInstanceMetadata,
    UpdateInstanceNetworkInterfaceMetadata,
    type InstanceServiceService,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { failedPrecondition, invalidArgument } from "../api/errors.ts";
import { empty, pack, type AnyMessage, type Codec } from "../api/messages.ts";
import type { CallContext, Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { newResource } from "../state/resources.ts";
import { attachedDisk, attachedDisks, requireAttachable } from "./attached-disks.ts";
import type { Images } from "./images.ts";
import { boot, remove, requireStatus, restart, start, stop } from "./instance-lifecycle.ts";
import { updateInstance } from "./instance-update.ts";
import { addPublicAddress, removePublicAddress, updateInterface } from "./interface-update.ts";
import { machineDisk } from "./machine-spec.ts";
import { addInstance, requireValidInstance } from "./new-instance.ts";

const packInstance = (instance: Instance) => pack("yandex.cloud.compute.v1.Instance", Instance, instance);

export function instanceHandlers(cloud: Cloud, images: Images): Handlers<typeof InstanceServiceService> {
    const { store, driver, operations } = cloud;

    /** Runs work on one existing instance, which is locked meanwhile. */
    function operate<Metadata extends { instanceId: string }>(
        call: CallContext,
        description: string,
        [name, codec, metadata]: [string, Codec<Metadata>, Metadata],
        run: (instance: Instance) => Promise<Instance | AnyMessage>,
        alsoHolds: string[] = [],
    ) {
        const { instanceId } = metadata;
        return operations.run(call, {
            description,
            metadata: pack(`yandex.cloud.compute.v1.${name}`, codec, metadata),
            holds: [instanceId, ...alsoHolds],
            folderId: store.instances.get(instanceId).folderId,
            run: async () => {
                const result = await run(store.instances.get(instanceId));
                return "typeUrl" in result ? result : packInstance(result);
            },
        });
    }

    return {
        get: ({ instanceId, view }) => {
            const instance = store.instances.get(instanceId);
            return view === InstanceView.FULL ? instance : { ...instance, metadata: {} };
        },
        list: (request) => ({
            instances: listed(store.instances, request).map((instance) => ({ ...instance, metadata: {} })),
            nextPageToken: "",
        }),

        create: (request, call) => {
            const resource = newResource("instance", request);
            return operations.run(call, {
                description: "Create instance",
                metadata: pack("yandex.cloud.compute.v1.CreateInstanceMetadata", CreateInstanceMetadata, {
                    instanceId: resource.id,
                }),
                holds: [resource.id, ...request.secondaryDiskSpecs.map(({ diskId = "" }) => diskId)],
                folderId: request.folderId,
                run: async () => {
                    cloud.change(() => addInstance(store, images, resource, request));
                    return packInstance(await boot(cloud, resource.id));
                },
            });
        },

        update: (request, call) =>
            operate(
                call,
                "Update instance",
                ["UpdateInstanceMetadata", UpdateInstanceMetadata, { instanceId: request.instanceId }],
                (instance) => updateInstance(cloud, instance, request),
            ),

        delete: ({ instanceId }, call) =>
            operate(
                call,
                "Delete instance",
                ["DeleteInstanceMetadata", DeleteInstanceMetadata, { instanceId }],
                async () => {
                    await remove(cloud, instanceId);
                    return empty;
                },
                attachedDisks(store.instances.get(instanceId)).map(({ diskId }) => diskId),
            ),

        stop: ({ instanceId }, call) =>
            operate(
                call,
                "Stop instance",
                ["StopInstanceMetadata", StopInstanceMetadata, { instanceId }],
                async (instance) => {
                    requireStatus(instance, Instance_Status.RUNNING);
                    await stop(cloud, instanceId);
                    return empty;
                },
            ),

        start: ({ instanceId }, call) =>
            operate(
                call,
                "Start instance",
                ["StartInstanceMetadata", StartInstanceMetadata, { instanceId }],
                (instance) => {
                    requireStatus(instance, Instance_Status.STOPPED);
                    return start(cloud, instanceId);
                },
            ),

        restart: ({ instanceId }, call) =>
            operate(
                call,
                "Restart instance",
                ["RestartInstanceMetadata", RestartInstanceMetadata, { instanceId }],
                async (instance) => {
                    requireStatus(instance, Instance_Status.RUNNING);
                    await restart(cloud, instanceId);
                    return empty;
                },
            ),

        attachDisk: ({ instanceId, attachedDiskSpec: spec }, call) => {
            const diskId = spec?.diskId ?? "";
            return operate(
                call,
                "Attach disk",
                ["AttachInstanceDiskMetadata", AttachInstanceDiskMetadata, { instanceId, diskId }],
                async (before) => {
                    if (spec === undefined || diskId === "")
                        throw invalidArgument("attached_disk_spec.disk_id is required");
                    const instance = cloud.change(() => {
                        requireAttachable(store, diskId, before.zoneId);
                        const secondaryDisks = [...before.secondaryDisks, attachedDisk(spec, diskId)];
                        const updated = store.instances.update(instanceId, { secondaryDisks });
                        requireValidInstance(store, updated);
                        return updated;
                    });
                    try {
                        await driver.attachDisk(instanceId, machineDisk(store, attachedDisk(spec, diskId)));
                    } catch (error) {
                        store.instances.put(before);
                        throw error;
                    }
                    return instance;
                },
                [diskId],
            );
        },

        detachDisk: ({ instanceId, diskId: wantedId, deviceName }, call) => {
            const disk = attachedDisks(store.instances.get(instanceId)).find(
                (attached) => attached.diskId === wantedId || attached.deviceName === deviceName,
            );
            const diskId = disk?.diskId ?? wantedId ?? "";
            return operate(
                call,
                "Detach disk",
                ["DetachInstanceDiskMetadata", DetachInstanceDiskMetadata, { instanceId, diskId }],
                async (instance) => {
                    if (instance.bootDisk?.diskId === diskId)
                        throw failedPrecondition(`Disk ${diskId} is the boot disk of instance ${instanceId}`);
                    const secondaryDisks = instance.secondaryDisks.filter((attached) => attached.diskId !== diskId);
                    if (secondaryDisks.length === instance.secondaryDisks.length) {
                        throw failedPrecondition(
                            `Disk ${diskId || deviceName} is not attached to instance ${instanceId}`,
                        );
                    }
                    await driver.detachDisk(instanceId, diskId);
                    return store.instances.update(instanceId, { secondaryDisks });
                },
                [diskId],
            );
        },

        addOneToOneNat: (request, call) =>
            operate(
                call,
                "Add one-to-one NAT",
                ["AddInstanceOneToOneNatMetadata", AddInstanceOneToOneNatMetadata, { instanceId: request.instanceId }],
                (instance) => addPublicAddress(cloud, instance, request),
            ),

        removeOneToOneNat: (request, call) =>
            operate(
                call,
                "Remove one-to-one NAT",
                [
                    "RemoveInstanceOneToOneNatMetadata",
                    RemoveInstanceOneToOneNatMetadata,
                    { instanceId: request.instanceId },
                ],
                (instance) => removePublicAddress(cloud, instance, request),
            ),

        updateNetworkInterface: (request, call) => {
            const { instanceId, networkInterfaceIndex } = request;
            return operate(
                call,
                "Update network interface",
                [
                    "UpdateInstanceNetworkInterfaceMetadata",
                    UpdateInstanceNetworkInterfaceMetadata,
                    { instanceId, networkInterfaceIndex },
                ],
                (instance) => updateInterface(cloud, instance, request),
            );
        },
    };
}
