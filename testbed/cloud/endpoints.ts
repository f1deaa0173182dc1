import type { ApiEndpointServiceService } from "@yandex-cloud/nodejs-sdk/endpoint/api_endpoint_service";
import { notFound } from "./api/errors.ts";
import type { Handlers } from "./api/server.ts";

/** Names under which clients look for the services; all of them are served on one port. */
const endpointIds = ["endpoint", "operation", "iam", "vpc", "compute", "load-balancer"];

/** @param address host:port, for which the server's certificate is good; asked for when a client asks */
export function endpointHandlers(address: () => string): Handlers<typeof ApiEndpointServiceService> {
    const endpoints = () => endpointIds.map((id) => ({ id, address: address() }));
    return {
        get: ({ apiEndpointId }) => {
            const endpoint = endpoints().find(({ id }) => id === apiEndpointId);
            if (endpoint === undefined) throw notFound("Endpoint", apiEndpointId);
            return endpoint;
        },
        // Always all of them: Yandex's Go SDK does not follow page tokens.
        list: () => ({ endpoints: endpoints(), nextPageToken: "" }),
    };
}
