import { Network } from "@yandex-cloud/nodejs-sdk/vpc-v1/network";
import {
    CreateNetworkMetadata,
    DeleteNetworkMetadata,
    UpdateNetworkMetadata,
    type NetworkServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/network_service";
import { failedPrecondition } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { newId } from "../state/ids.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import { defaultSecurityGroup } from "./security-groups.ts";

const packNetwork = (network: Network) => pack("yandex.cloud.vpc.v1.Network", Network, network);

export function networkHandlers(cloud: Cloud): Handlers<typeof NetworkServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ networkId }) => store.networks.get(networkId),
        list: (request) => ({ networks: listed(store.networks, request), nextPageToken: "" }),

        listSubnets: ({ networkId }) => {
            store.networks.get(networkId);
            return { subnets: store.subnets.where((subnet) => subnet.networkId === networkId), nextPageToken: "" };
        },

        create: (request, call) => {
            const network: Network = {
                ...newResource("network", request),
                defaultSecurityGroupId: newId("securityGroup"),
            };
            return operations.run(call, {
                description: "Create network",
                metadata: pack("yandex.cloud.vpc.v1.CreateNetworkMetadata", CreateNetworkMetadata, {
                    networkId: network.id,
                }),
                holds: [network.id],
                run: async () => {
                    cloud.change(() => {
                        requireFreeName(store.networks, network);
                        store.networks.put(network);
                        store.securityGroups.put(defaultSecurityGroup(network));
                    });
                    return packNetwork(network);
                },
            });
        },

        update: (request, call) => {
            const { networkId } = request;
            return operations.run(call, {
                description: "Update network",
                metadata: pack("yandex.cloud.vpc.v1.UpdateNetworkMetadata", UpdateNetworkMetadata, { networkId }),
                holds: [networkId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, descriptionFields);
                    return packNetwork(
                        cloud.change(() => {
                            const network = store.networks.update(networkId, describedBy(request, fields));
                            requireFreeName(store.networks, network);
                            return network;
                        }),
                    );
                },
            });
        },

        delete: ({ networkId }, call) =>
            operations.run(call, {
                description: "Delete network",
                metadata: pack("yandex.cloud.vpc.v1.DeleteNetworkMetadata", DeleteNetworkMetadata, { networkId }),
                holds: [networkId],
                run: async () => {
                    cloud.change(() => {
                        const network = store.networks.get(networkId);
                        requireEmpty(cloud, network);
                        store.networks.delete(networkId);
                        store.securityGroups.delete(network.defaultSecurityGroupId);
                    });
                    return empty;
                },
            }),
    };
}

function requireEmpty({ store }: Cloud, network: Network): void {
    const contents = [
        ...store.subnets.where((subnet) => subnet.networkId === network.id),
        ...store.routeTables.where((table) => table.networkId === network.id),
        ...store.securityGroups.where((group) => group.networkId === network.id && !group.defaultForNetwork),
    ];
    if (contents.length > 0) {
        throw failedPrecondition(
            `Network ${network.id} is not empty: ${contents.map(({ id, name }) => name || id).join(", ")}`,
        );
    }
}
