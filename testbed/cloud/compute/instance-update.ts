import { Instance_Status, type Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type { UpdateInstanceRequest } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { failedPrecondition, invalidArgument } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import type { Cloud } from "../cloud.ts";
import { describedBy, descriptionFields } from "../state/resources.ts";
import { machineSpec } from "./machine-spec.ts";
import { metadataOptionsOf, requireValidInstance, resourcesOf } from "./new-instance.ts";

const whileRunning = [
    ...descriptionFields,
    "metadata",
    "metadata_options",
    "service_account_id",
    "maintenance_policy",
    "maintenance_grace_period",
    "serial_port_settings",
] as const;

const whileStopped = [
    "platform_id",
    "resources_spec",
    "network_settings",
    "scheduling_policy",
    "scheduling_policy.preemptible",
    "placement_policy",
    "placement_policy.placement_group_id",
    "placement_policy.host_affinity_rules",
    "placement_policy.placement_group_partition",
] as const;

const updatable = [...whileRunning, ...whileStopped];

type Fields = ReadonlySet<(typeof updatable)[number]>;

/** Changes the fields of the update mask. The machine changes at its next start. */
export async function updateInstance(
    cloud: Cloud,
    before: Instance,
    request: UpdateInstanceRequest,
): Promise<Instance> {
    const { store, driver } = cloud;
    const fields = updatedFields(request.updateMask, updatable);
    const needsStop = whileStopped.filter((path) => fields.has(path));
    if (needsStop.length > 0 && before.status !== Instance_Status.STOPPED) {
        throw failedPrecondition(`Instance ${before.id} must be stopped to change ${needsStop.join(", ")}`);
    }
    const instance = cloud.change(() => {
        const updated = store.instances.update(before.id, {
            ...describedBy(request, fields),
            ...changesOf(before, request, fields),
        });
        requireValidInstance(store, updated);
        return updated;
    });
    try {
        await driver.updateMachine(machineSpec(store, instance));
    } catch (error) {
        store.instances.put(before);
        throw error;
    }
    return instance;
}

function changesOf(before: Instance, request: UpdateInstanceRequest, fields: Fields): Partial<Instance> {
    return {
        ...(fields.has("metadata") && { metadata: request.metadata }),
        ...(fields.has("metadata_options") && { metadataOptions: metadataOptionsOf(request.metadataOptions) }),
        ...(fields.has("service_account_id") && { serviceAccountId: request.serviceAccountId }),
        ...(fields.has("maintenance_policy") && { maintenancePolicy: request.maintenancePolicy }),
        ...(fields.has("maintenance_grace_period") && { maintenanceGracePeriod: request.maintenanceGracePeriod }),
        ...(fields.has("serial_port_settings") && { serialPortSettings: request.serialPortSettings }),
        ...(fields.has("platform_id") && { platformId: request.platformId }),
        ...(fields.has("resources_spec") && {
            resources: resourcesOf(required("resources_spec", request.resourcesSpec)),
        }),
        ...(fields.has("network_settings") && {
            networkSettings: required("network_settings", request.networkSettings),
        }),
        ...((fields.has("scheduling_policy") || fields.has("scheduling_policy.preemptible")) && {
            schedulingPolicy: { preemptible: request.schedulingPolicy?.preemptible ?? false },
        }),
        placementPolicy: placementPolicyOf(before, request, fields),
    };
}

function placementPolicyOf(
    before: Instance,
    request: UpdateInstanceRequest,
    fields: Fields,
): Instance["placementPolicy"] {
    const none = { placementGroupId: "", hostAffinityRules: [], placementGroupPartition: 0 };
    const present = before.placementPolicy ?? none;
    const wanted = request.placementPolicy ?? none;
    if (fields.has("placement_policy")) return wanted;
    return {
        placementGroupId: fields.has("placement_policy.placement_group_id")
            ? wanted.placementGroupId
            : present.placementGroupId,
        hostAffinityRules: fields.has("placement_policy.host_affinity_rules")
            ? wanted.hostAffinityRules
            : present.hostAffinityRules,
        placementGroupPartition: fields.has("placement_policy.placement_group_partition")
            ? wanted.placementGroupPartition
            : present.placementGroupPartition,
    };
}

function required<Value>(field: string, value: Value | undefined): Value {
    if (value === undefined) throw invalidArgument(`${field}: Field is required`);
    return value;
}
