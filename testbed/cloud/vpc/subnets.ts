import { Subnet } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet";
import {
    CreateSubnetMetadata,
    DeleteSubnetMetadata,
    UpdateSubnetMetadata,
    type SubnetServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet_service";
import { failedPrecondition, invalidArgument } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { requireZone } from "../zones.ts";
import { requireSubnetRange, requireUsableAddress } from "./subnet-range.ts";
import { internalAddresses } from "./usage.ts";

const packSubnet = (subnet: Subnet) => pack("yandex.cloud.vpc.v1.Subnet", Subnet, subnet);

const updatable = [...descriptionFields, "route_table_id", "dhcp_options", "v4_cidr_blocks"] as const;

export function subnetHandlers(cloud: Cloud): Handlers<typeof SubnetServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ subnetId }) => store.subnets.get(subnetId),
        list: (request) => ({ subnets: listed(store.subnets, request), nextPageToken: "" }),

        create: (request, call) => {
            const subnet: Subnet = {
                ...newResource("subnet", request),
                networkId: request.networkId,
                zoneId: request.zoneId,
                v4CidrBlocks: request.v4CidrBlocks,
                v6CidrBlocks: [],
                routeTableId: request.routeTableId,
                dhcpOptions: request.dhcpOptions,
            };
            return operations.run(call, {
                description: "Create subnet",
                metadata: pack("yandex.cloud.vpc.v1.CreateSubnetMetadata", CreateSubnetMetadata, {
                    subnetId: subnet.id,
                }),
                holds: [subnet.id],
                run: async () => {
                    cloud.change(() => {
                        requireZone(subnet.zoneId);
                        requireValid(store, subnet);
                        store.subnets.put(subnet);
                    });
                    await cloud.applyNetwork(() => store.subnets.delete(subnet.id));
                    return packSubnet(subnet);
                },
            });
        },

        update: (request, call) => {
            const { subnetId } = request;
            return operations.run(call, {
                description: "Update subnet",
                metadata: pack("yandex.cloud.vpc.v1.UpdateSubnetMetadata", UpdateSubnetMetadata, { subnetId }),
                holds: [subnetId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, updatable);
                    const before = store.subnets.get(subnetId);
                    const subnet = cloud.change(() => {
                        const updated = store.subnets.update(subnetId, {
                            ...describedBy(request, fields),
                            ...(fields.has("route_table_id") && { routeTableId: request.routeTableId }),
                            ...(fields.has("dhcp_options") && { dhcpOptions: request.dhcpOptions }),
                            ...(fields.has("v4_cidr_blocks") && { v4CidrBlocks: request.v4CidrBlocks }),
                        });
                        requireValid(store, updated);
                        for (const address of internalAddresses(store, subnetId)) {
                            requireUsableAddress(updated.v4CidrBlocks[0] ?? "", address);
                        }
                        return updated;
                    });
                    await cloud.applyNetwork(() => store.subnets.put(before));
                    return packSubnet(subnet);
                },
            });
        },

        delete: ({ subnetId }, call) =>
            operations.run(call, {
                description: "Delete subnet",
                metadata: pack("yandex.cloud.vpc.v1.DeleteSubnetMetadata", DeleteSubnetMetadata, { subnetId }),
                holds: [subnetId],
                run: async () => {
                    const subnet = store.subnets.get(subnetId);
                    cloud.change(() => {
                        const addresses = [...internalAddresses(store, subnetId)];
                        if (addresses.length > 0)
                            throw failedPrecondition(`Subnet ${subnetId} is in use: ${addresses.join(", ")}`);
                        store.subnets.delete(subnetId);
                    });
                    await cloud.applyNetwork(() => store.subnets.put(subnet));
                    return empty;
                },
            }),
    };
}

function requireValid(store: Store, subnet: Subnet): void {
    requireFreeName(store.subnets, subnet);
    const network = store.networks.get(subnet.networkId);
    if (network.folderId !== subnet.folderId) {
        throw invalidArgument(`Network ${network.id} is in another folder than the subnet`);
    }
    const siblings = store.subnets.where((other) => other.networkId === subnet.networkId && other.id !== subnet.id);
    requireSubnetRange(
        subnet.v4CidrBlocks,
        siblings.flatMap((other) => other.v4CidrBlocks),
    );
    if (subnet.routeTableId !== "" && store.routeTables.get(subnet.routeTableId).networkId !== subnet.networkId) {
        throw invalidArgument(`Route table ${subnet.routeTableId} belongs to another network than the subnet`);
    }
}
