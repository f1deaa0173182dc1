import { Disk_Status } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { DiskServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/disk_service";
import { ImageServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/image_service";
import { InstanceServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { PlacementGroupServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group_service";
import { ApiEndpointServiceService } from "@yandex-cloud/nodejs-sdk/endpoint/api_endpoint_service";
import { IamTokenServiceService } from "@yandex-cloud/nodejs-sdk/iam-v1/iam_token_service";
import { NetworkLoadBalancerServiceService } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer_service";
import { TargetGroupServiceService } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group_service";
import { OperationServiceService } from "@yandex-cloud/nodejs-sdk/operation/operation_service";
import { AddressServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/address_service";
import { GatewayServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway_service";
import { NetworkServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/network_service";
import { RouteTableServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table_service";
import { SecurityGroupServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { SubnetServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet_service";
import type { Driver } from "../machines/driver.ts";
import { operationHandlers } from "./api/operations.ts";
import { RequestLog } from "./api/request-log.ts";
import { ApiServer } from "./api/server.ts";
import { Cloud } from "./cloud.ts";
import { diskHandlers } from "./compute/disks.ts";
import { imageHandlers, Images } from "./compute/images.ts";
import { resume } from "./compute/instance-lifecycle.ts";
import { instanceHandlers } from "./compute/instances.ts";
import { placementGroupHandlers } from "./compute/placement-groups.ts";
import { endpointHandlers } from "./endpoints.ts";
import { iamTokenHandlers } from "./iam-tokens.ts";
import { networkLoadBalancerHandlers } from "./loadbalancer/network-load-balancers.ts";
import { targetGroupHandlers } from "./loadbalancer/target-groups.ts";
import { Store } from "./state/store.ts";
import { addressHandlers } from "./vpc/addresses.ts";
import { gatewayHandlers } from "./vpc/gateways.ts";
import { networkHandlers } from "./vpc/networks.ts";
import { routeTableHandlers } from "./vpc/route-tables.ts";
import { securityGroupHandlers } from "./vpc/security-groups.ts";
import { subnetHandlers } from "./vpc/subnets.ts";

/** Time limit for running calls when the emulator is closed. The longest is the stop of a machine. */
const closeTimeoutSeconds = 35;

export interface CloudOptions {
    /** The machines behind the instances. */
    driver: Driver;
    /** The file with the cloud's state. Created if it does not exist. */
    stateFile: string;
    /** Port of 127.0.0.1. With 0 the system chooses it. */
    port: number;
    /**
     * The first three numbers of the cloud's public addresses, which the driver must be able to give to machines.
     * @default "127.77.0"
     */
    publicNetwork?: string;
    /** PEM texts, good for `localhost`. */
    certificate: { key: string; cert: string };
    /** File that gets a JSON line for every call, without secrets. */
    log: string;
    /**
     * The id of image family `almalinux-9` in folder `standard-images`.
     * @default "fd8almalinux9testbed00"
     */
    imageId?: string;
}

export interface RunningCloud {
    /** The API's port of 127.0.0.1. */
    port: number;
    /** Finishes the running calls. The machines keep running. */
    close(): Promise<void>;
}

/**
 * Starts an emulator of the Yandex Cloud API: all services on one TLS port, state in a file, instances made by `driver`.
 * First finishes what a killed emulator left half-done.
 * @throws Error when the port is taken, the state file cannot be understood or the machines cannot follow it
 */
export async function startCloud(options: CloudOptions): Promise<RunningCloud> {
    const store = new Store(options.stateFile, options.publicNetwork ?? "127.77.0");
    const cloud = new Cloud(store, options.driver);
    const images = new Images(options.imageId ?? "fd8almalinux9testbed00");

    const log = new RequestLog(options.log);
    const server = new ApiServer(log, cloud.operations);
    server.serve(NetworkServiceService, networkHandlers(cloud));
    server.serve(SubnetServiceService, subnetHandlers(cloud));
    server.serve(GatewayServiceService, gatewayHandlers(cloud));
    server.serve(RouteTableServiceService, routeTableHandlers(cloud));
    server.serve(SecurityGroupServiceService, securityGroupHandlers(cloud));
    server.serve(AddressServiceService, addressHandlers(cloud));
    server.serve(ImageServiceService, imageHandlers(images));
    server.serve(DiskServiceService, diskHandlers(cloud, images));
    server.serve(InstanceServiceService, instanceHandlers(cloud, images));
    server.serve(PlacementGroupServiceService, placementGroupHandlers(cloud));
    server.serve(TargetGroupServiceService, targetGroupHandlers(cloud));
    server.serve(NetworkLoadBalancerServiceService, networkLoadBalancerHandlers(cloud));
    server.serve(OperationServiceService, operationHandlers(store));
    server.serve(IamTokenServiceService, iamTokenHandlers(), "anyone");
    // The endpoint service answers with the port, which is known only after listening.
    const endpoints = endpointHandlers(() => `localhost:${port}`);
    server.serve(ApiEndpointServiceService, endpoints, "anyone");

    // Before everything that has an effect: if another emulator has the port, this one must not touch its machines.
    const port = await server.listen(options.port, options.certificate);
    try {
        await cloud.applyNetwork();
        await resume(cloud);
        await removeHalfMadeDisks(cloud);
        await store.save();
    } catch (error) {
        await server.close(0);
        throw error;
    }
    server.open();

    return {
        port,
        close: async () => {
            await server.close(closeTimeoutSeconds);
            await log.close();
        },
    };
}

/** Removes disks whose creation or deletion was interrupted, because their client got no answer. */
async function removeHalfMadeDisks({ store, driver }: Cloud): Promise<void> {
    for (const { id } of store.disks.where(({ status }) => status !== Disk_Status.READY)) {
        await driver.deleteDisk(id);
        store.disks.delete(id);
    }
}
