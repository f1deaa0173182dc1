import { TargetGroup, type Target } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group";
import {
    CreateTargetGroupMetadata,
    DeleteTargetGroupMetadata,
    UpdateTargetGroupMetadata,
    type TargetGroupServiceService,
} from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group_service";
import { failedPrecondition, invalidArgument } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { requireUsableAddress } from "../vpc/subnet-range.ts";
import { requireRegion, requireReachableTargets } from "./network-load-balancers.ts";

const packTargetGroup = (group: TargetGroup) => pack("yandex.cloud.loadbalancer.v1.TargetGroup", TargetGroup, group);

/** Targets of one group (documentation, "Quotas and limits" of Network Load Balancer). */
const maxTargets = 254;

export function targetGroupHandlers(cloud: Cloud): Handlers<typeof TargetGroupServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ targetGroupId }) => store.targetGroups.get(targetGroupId),
        list: (request) => ({ targetGroups: listed(store.targetGroups, request), nextPageToken: "" }),

        create: (request, call) => {
            const group: TargetGroup = {
                ...newResource("targetGroup", request),
                regionId: requireRegion(request.regionId),
                targets: request.targets,
            };
            return operations.run(call, {
                description: "Create target group",
                metadata: pack("yandex.cloud.loadbalancer.v1.CreateTargetGroupMetadata", CreateTargetGroupMetadata, {
                    targetGroupId: group.id,
                }),
                holds: [group.id],
                run: async () => {
                    cloud.change(() => {
                        requireValid(store, group);
                        store.targetGroups.put(group);
                    });
                    return packTargetGroup(group);
                },
            });
        },

        update: (request, call) => {
            const { targetGroupId } = request;
            return operations.run(call, {
                description: "Update target group",
                metadata: pack("yandex.cloud.loadbalancer.v1.UpdateTargetGroupMetadata", UpdateTargetGroupMetadata, {
                    targetGroupId,
                }),
                holds: [targetGroupId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, [...descriptionFields, "targets"]);
                    const before = store.targetGroups.get(targetGroupId);
                    const group = cloud.change(() => {
                        const updated = store.targetGroups.update(targetGroupId, {
                            ...describedBy(request, fields),
                            ...(fields.has("targets") && { targets: request.targets }),
                        });
                        requireValid(store, updated);
                        return updated;
                    });
                    await cloud.applyNetwork(() => store.targetGroups.put(before));
                    return packTargetGroup(group);
                },
            });
        },

        delete: ({ targetGroupId }, call) =>
            operations.run(call, {
                description: "Delete target group",
                metadata: pack("yandex.cloud.loadbalancer.v1.DeleteTargetGroupMetadata", DeleteTargetGroupMetadata, {
                    targetGroupId,
                }),
                holds: [targetGroupId],
                run: async () => {
                    cloud.change(() => {
                        store.targetGroups.get(targetGroupId);
                        const users = balancersOf(store, targetGroupId);
                        if (users.length > 0) {
                            throw failedPrecondition(
                                `Target group ${targetGroupId} is attached to network load balancer ${users.map(({ id }) => id).join(", ")}`,
                            );
                        }
                        store.targetGroups.delete(targetGroupId);
                    });
                    return empty;
                },
            }),
    };
}

function balancersOf(store: Store, targetGroupId: string) {
    return store.networkLoadBalancers.where(({ attachedTargetGroups }) =>
        attachedTargetGroups.some((attached) => attached.targetGroupId === targetGroupId),
    );
}

/**
 * Rules of the documentation, "Quotas and limits" and "Targets and groups": each target once and in its subnet,
 * targets of one network, and of one subnet in a zone.
 */
function requireValid(store: Store, group: TargetGroup): void {
    requireFreeName(store.targetGroups, group);
    if (group.targets.length > maxTargets) {
        throw invalidArgument(`A target group has at most ${maxTargets} targets, not ${group.targets.length}`);
    }
    const subnetOfZone = new Map<string, string>();
    const networks = new Set<string>();
    for (const { subnetId, address } of group.targets) {
        const subnet = store.subnets.get(subnetId);
        requireUsableAddress(subnet.v4CidrBlocks[0] ?? "", address);
        networks.add(subnet.networkId);
        if ((subnetOfZone.get(subnet.zoneId) ?? subnetId) !== subnetId) {
            throw invalidArgument(`Targets of zone ${subnet.zoneId} must be in one subnet`);
        }
        subnetOfZone.set(subnet.zoneId, subnetId);
    }
    if (networks.size > 1) throw invalidArgument(`Targets of one group must be in one network, not ${networks.size}`);
    requireOnce(group.targets);
    for (const balancer of balancersOf(store, group.id)) requireReachableTargets(store, balancer);
}

function requireOnce(targets: readonly Target[]): void {
    const addresses = targets.map(({ address }) => address);
    const repeated = addresses.find((address, index) => addresses.indexOf(address) < index);
    if (repeated !== undefined) throw invalidArgument(`Target ${repeated} is given twice`);
}
