import type { Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { PlacementGroup } from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group";
import {
    CreatePlacementGroupMetadata,
    DeletePlacementGroupMetadata,
    UpdatePlacementGroupMetadata,
    type PlacementGroupServiceService,
} from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group_service";
import { failedPrecondition, invalidArgument, resourceExhausted } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";

const packPlacementGroup = (group: PlacementGroup) =>
    pack("yandex.cloud.compute.v1.PlacementGroup", PlacementGroup, group);

/** Machines of one placement group (documentation, "Quotas and limits" of Compute Cloud). */
const maxInstances = 5;

export function placementGroupHandlers(cloud: Cloud): Handlers<typeof PlacementGroupServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ placementGroupId }) => store.placementGroups.get(placementGroupId),
        list: (request) => ({ placementGroups: listed(store.placementGroups, request), nextPageToken: "" }),

        create: (request, call) => {
            const group: PlacementGroup = {
                ...newResource("placementGroup", request),
                spreadPlacementStrategy: request.spreadPlacementStrategy,
                partitionPlacementStrategy: request.partitionPlacementStrategy,
            };
            return operations.run(call, {
                description: "Create placement group",
                metadata: pack("yandex.cloud.compute.v1.CreatePlacementGroupMetadata", CreatePlacementGroupMetadata, {
                    placementGroupId: group.id,
                }),
                holds: [group.id],
                folderId: request.folderId,
                run: async () => {
                    if (!group.spreadPlacementStrategy && !group.partitionPlacementStrategy) {
                        throw invalidArgument("A placement strategy is needed");
                    }
                    cloud.change(() => {
                        requireFreeName(store.placementGroups, group);
                        store.placementGroups.put(group);
                    });
                    return packPlacementGroup(group);
                },
            });
        },

        update: (request, call) => {
            const { placementGroupId } = request;
            return operations.run(call, {
                description: "Update placement group",
                metadata: pack("yandex.cloud.compute.v1.UpdatePlacementGroupMetadata", UpdatePlacementGroupMetadata, {
                    placementGroupId,
                }),
                holds: [placementGroupId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, descriptionFields);
                    return packPlacementGroup(
                        cloud.change(() => {
                            const group = store.placementGroups.update(placementGroupId, describedBy(request, fields));
                            requireFreeName(store.placementGroups, group);
                            return group;
                        }),
                    );
                },
            });
        },

        delete: ({ placementGroupId }, call) =>
            operations.run(call, {
                description: "Delete placement group",
                metadata: pack("yandex.cloud.compute.v1.DeletePlacementGroupMetadata", DeletePlacementGroupMetadata, {
                    placementGroupId,
                }),
                holds: [placementGroupId],
                run: async () => {
                    cloud.change(() => {
                        store.placementGroups.get(placementGroupId);
                        const members = membersOf(store, placementGroupId);
                        if (members.length > 0) {
                            throw failedPrecondition(
                                `Placement group ${placementGroupId} has instances: ${members.map(({ id }) => id).join(", ")}`,
                            );
                        }
                        store.placementGroups.delete(placementGroupId);
                    });
                    return empty;
                },
            }),
    };
}

/** @throws when the instance's group does not exist, has no such partition, or is full */
export function requirePlacement(store: Store, instance: Instance): void {
    const { placementGroupId = "", placementGroupPartition: partition = 0 } = instance.placementPolicy ?? {};
    if (placementGroupId === "") return;
    const partitions = store.placementGroups.get(placementGroupId).partitionPlacementStrategy?.partitions ?? 0;
    if (partition > partitions)
        throw invalidArgument(`Placement group ${placementGroupId} has no partition ${partition}`);
    if (membersOf(store, placementGroupId).length > maxInstances) {
        throw resourceExhausted(`Placement group ${placementGroupId} has at most ${maxInstances} instances`);
    }
}

function membersOf(store: Store, placementGroupId: string): Instance[] {
    return store.instances.where((instance) => instance.placementPolicy?.placementGroupId === placementGroupId);
}
