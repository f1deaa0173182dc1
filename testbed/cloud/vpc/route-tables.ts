import { RouteTable, type StaticRoute } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table";
import {
    CreateRouteTableMetadata,
    DeleteRouteTableMetadata,
    UpdateRouteTableMetadata,
    type RouteTableServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table_service";
import { failedPrecondition, invalidArgument, unimplemented } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";

const packRouteTable = (table: RouteTable) => pack("yandex.cloud.vpc.v1.RouteTable", RouteTable, table);

const updatable = [...descriptionFields, "static_routes"] as const;

export function routeTableHandlers(cloud: Cloud): Handlers<typeof RouteTableServiceService> {
    const { store, operations } = cloud;
    return {
        get: ({ routeTableId }) => store.routeTables.get(routeTableId),
        list: (request) => ({ routeTables: listed(store.routeTables, request), nextPageToken: "" }),

        create: (request, call) => {
            const table: RouteTable = {
                ...newResource("routeTable", request),
                networkId: request.networkId,
                staticRoutes: request.staticRoutes,
            };
            return operations.run(call, {
                description: "Create route table",
                metadata: pack("yandex.cloud.vpc.v1.CreateRouteTableMetadata", CreateRouteTableMetadata, {
                    routeTableId: table.id,
                }),
                holds: [table.id],
                run: async () => {
                    cloud.change(() => {
                        requireValid(store, table);
                        store.routeTables.put(table);
                    });
                    return packRouteTable(table);
                },
            });
        },

        update: (request, call) => {
            const { routeTableId } = request;
            return operations.run(call, {
                description: "Update route table",
                metadata: pack("yandex.cloud.vpc.v1.UpdateRouteTableMetadata", UpdateRouteTableMetadata, {
                    routeTableId,
                }),
                holds: [routeTableId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, updatable);
                    const before = store.routeTables.get(routeTableId);
                    const table = cloud.change(() => {
                        const updated = store.routeTables.update(routeTableId, {
                            ...describedBy(request, fields),
                            ...(fields.has("static_routes") && { staticRoutes: request.staticRoutes }),
                        });
                        requireValid(store, updated);
                        return updated;
                    });
                    await cloud.applyNetwork(() => store.routeTables.put(before));
                    return packRouteTable(table);
                },
            });
        },

        delete: ({ routeTableId }, call) =>
            operations.run(call, {
                description: "Delete route table",
                metadata: pack("yandex.cloud.vpc.v1.DeleteRouteTableMetadata", DeleteRouteTableMetadata, {
                    routeTableId,
                }),
                holds: [routeTableId],
                run: async () => {
                    cloud.change(() => {
                        store.routeTables.get(routeTableId);
                        const users = store.subnets.where((subnet) => subnet.routeTableId === routeTableId);
                        if (users.length > 0) {
                            throw failedPrecondition(
                                `Route table ${routeTableId} is used by subnet ${users.map(({ id }) => id).join(", ")}`,
                            );
                        }
                        store.routeTables.delete(routeTableId);
                    });
                    return empty;
                },
            }),
    };
}

function requireValid(store: Store, table: RouteTable): void {
    requireFreeName(store.routeTables, table);
    store.networks.get(table.networkId);
    const prefixes = table.staticRoutes.map((route) => route.destinationPrefix);
    if (new Set(prefixes).size < prefixes.length) throw invalidArgument("static_routes: a prefix is there twice");
    for (const route of table.staticRoutes) requireValidRoute(store, route);
}

/** Rules: Yandex VPC documentation, "Routing" (static routes, limitations). */
function requireValidRoute(store: Store, route: StaticRoute): void {
    // The testbed's network does not support routes through a machine, because nothing uses them.
    if (route.gatewayId === undefined) throw unimplemented("static route through an address");
    store.gateways.get(route.gatewayId);
    if (route.destinationPrefix !== "0.0.0.0/0") {
        throw invalidArgument(
            `static_routes: a gateway can be the next hop of 0.0.0.0/0 only, not of ${route.destinationPrefix}`,
        );
    }
}
