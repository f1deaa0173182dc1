import { Gateway } from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway";
import {
    CreateGatewayMetadata,
    DeleteGatewayMetadata,
    UpdateGatewayMetadata,
    type GatewayServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway_service";
import { failedPrecondition } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";

const packGateway = (gateway: Gateway) => pack("yandex.cloud.vpc.v1.Gateway", Gateway, gateway);

export function gatewayHandlers(cloud: Cloud): Handlers<typeof GatewayServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ gatewayId }) => store.gateways.get(gatewayId),
        list: (request) => ({ gateways: listed(store.gateways, request), nextPageToken: "" }),

        create: (request, call) => {
            const gateway: Gateway = { ...newResource("gateway", request), sharedEgressGateway: {} };
            return operations.run(call, {
                description: "Create gateway",
                metadata: pack("yandex.cloud.vpc.v1.CreateGatewayMetadata", CreateGatewayMetadata, {
                    gatewayId: gateway.id,
                }),
                holds: [gateway.id],
                run: async () => {
                    cloud.change(() => {
                        requireFreeName(store.gateways, gateway);
                        store.gateways.put(gateway);
                    });
                    return packGateway(gateway);
                },
            });
        },

        update: (request, call) => {
            const { gatewayId } = request;
            return operations.run(call, {
                description: "Update gateway",
                metadata: pack("yandex.cloud.vpc.v1.UpdateGatewayMetadata", UpdateGatewayMetadata, { gatewayId }),
                holds: [gatewayId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, [
                        ...descriptionFields,
                        "shared_egress_gateway_spec",
                    ]);
                    return packGateway(
                        cloud.change(() => {
                            const gateway = store.gateways.update(gatewayId, describedBy(request, fields));
                            requireFreeName(store.gateways, gateway);
                            return gateway;
                        }),
                    );
                },
            });
        },

        delete: ({ gatewayId }, call) =>
            operations.run(call, {
                description: "Delete gateway",
                metadata: pack("yandex.cloud.vpc.v1.DeleteGatewayMetadata", DeleteGatewayMetadata, { gatewayId }),
                holds: [gatewayId],
                run: async () => {
                    cloud.change(() => {
                        store.gateways.get(gatewayId);
                        const users = store.routeTables.where((table) =>
                            table.staticRoutes.some((route) => route.gatewayId === gatewayId),
                        );
                        if (users.length > 0) {
                            throw failedPrecondition(
                                `Gateway ${gatewayId} is used by route table ${users.map(({ id }) => id).join(", ")}`,
                            );
                        }
                        store.gateways.delete(gatewayId);
                    });
                    return empty;
                },
            }),
    };
}
