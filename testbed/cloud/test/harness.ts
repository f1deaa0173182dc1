import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
    type ChannelCredentials,
    credentials,
    makeGenericClientConstructor,
    Metadata,
    status,
    type ServiceDefinition,
    type ServiceError,
} from "@grpc/grpc-js";
import { Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { CreateDiskRequest, DiskServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/disk_service";
import { ImageServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/image_service";
import { Instance } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { CreateInstanceRequest, InstanceServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { PlacementGroup } from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group";
import { PlacementGroupServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/placement_group_service";
import { ApiEndpointServiceService } from "@yandex-cloud/nodejs-sdk/endpoint/api_endpoint_service";
import { IamTokenServiceService } from "@yandex-cloud/nodejs-sdk/iam-v1/iam_token_service";
import { NetworkLoadBalancer } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer";
import {
    CreateNetworkLoadBalancerRequest,
    NetworkLoadBalancerServiceService,
} from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer_service";
import { TargetGroup } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group";
import { TargetGroupServiceService } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group_service";
import type { Operation } from "@yandex-cloud/nodejs-sdk/operation/operation";
import { OperationServiceService } from "@yandex-cloud/nodejs-sdk/operation/operation_service";
import { Address } from "@yandex-cloud/nodejs-sdk/vpc-v1/address";
import { AddressServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/address_service";
import { Gateway } from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway";
import { GatewayServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/gateway_service";
import { Network } from "@yandex-cloud/nodejs-sdk/vpc-v1/network";
import { NetworkServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/network_service";
import { RouteTable } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table";
import { CreateRouteTableRequest, RouteTableServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table_service";
import { SecurityGroup } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import {
    CreateSecurityGroupRequest,
    SecurityGroupServiceService,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { Subnet } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet";
import { SubnetServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet_service";
import { startCloud, type RunningCloud } from "../index.ts";
import type { Codec } from "../api/messages.ts";
import { ensureCertificate } from "../certificate.ts";
import { FakeDriver } from "./fake-driver.ts";

export const folderId = "b1gtestfolder";
export const zoneId = "ru-central1-a";
export const imageId = "fd8almalinux9testbed00";
export const gib = 2 ** 30;

type Client<Service> = {
    [Name in keyof Service]: Service[Name] extends {
        requestDeserialize: (bytes: Buffer) => infer Request;
        responseDeserialize: (bytes: Buffer) => infer Response;
    }
        ? (request: Partial<Request>, headers?: Record<string, string>) => Promise<Response>
        : never;
};

/** One certificate for all tests of a file; making it costs more than most of them. */
const identity = (async () => {
    const folder = await mkdtemp(join(tmpdir(), "cloud-test-certificate-"));
    try {
        const certificate = await ensureCertificate(folder);
        return { certificate, ca: await readFile(certificate.caPath) };
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
})();

/** The emulator with a fake driver behind it and clients of the SDK's services in front, over TLS. */
export class TestCloud {
    driver = new FakeDriver();
    private running!: RunningCloud;
    private folder!: string;
    private credentials!: ChannelCredentials;
    private readonly closing: (() => void)[] = [];

    static async start(): Promise<TestCloud> {
        const cloud = new TestCloud();
        cloud.folder = await mkdtemp(join(tmpdir(), "cloud-test-"));
        cloud.running = await cloud.boot();
        return cloud;
    }

    private async boot(port = 0): Promise<RunningCloud> {
        const { certificate, ca } = await identity;
        this.credentials = credentials.createSsl(ca);
        const { driver, stateFile, logFile: log } = this;
        return startCloud({ driver, stateFile, port, certificate, log });
    }

    /** Another emulator on the port of the running one, as by mistake. */
    startSecond = () => this.boot(this.port);

    get stateFile() {
        return join(this.folder, "cloud.json");
    }
    get logFile() {
        return join(this.folder, "requests.log");
    }
    get port() {
        return this.running.port;
    }

    /** A second emulator on the same state, as after a kill: the first is not asked to tidy up. */
    async restart() {
        const old = this.running;
        this.running = await this.boot();
        this.closing.push(() => void old.close());
    }

    async stop() {
        for (const close of this.closing) close();
        await this.running.close();
        await rm(this.folder, { recursive: true, force: true });
    }

    /** @param token "" sends none */
    client<Service extends ServiceDefinition>(definition: Service, token = "t1.test.token"): Client<Service> {
        const Constructor = makeGenericClientConstructor(definition, "client");
        const client = new Constructor(`localhost:${this.port}`, this.credentials);
        this.closing.push(() => client.close());
        return Object.fromEntries(
            Object.entries(definition).map(([name, method]) => [
                name,
                (request: object, headers: Record<string, string> = {}) => {
                    const metadata = new Metadata();
                    if (token !== "") metadata.set("authorization", `Bearer ${token}`);
                    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
                    return new Promise((resolve, reject) => {
                        const whole: unknown = { ...method.requestDeserialize(Buffer.alloc(0)), ...request };
                        client.makeUnaryRequest(
                            method.path,
                            method.requestSerialize,
                            method.responseDeserialize,
                            whole,
                            metadata,
                            (error: ServiceError | null, response: unknown) =>
                                error ? reject(error) : resolve(response),
                        );
                    });
                },
            ]),
        ) as Client<Service>;
    }

    get networks() {
        return this.client(NetworkServiceService);
    }
    get subnets() {
        return this.client(SubnetServiceService);
    }
    get gateways() {
        return this.client(GatewayServiceService);
    }
    get routeTables() {
        return this.client(RouteTableServiceService);
    }
    get securityGroups() {
        return this.client(SecurityGroupServiceService);
    }
    get addresses() {
        return this.client(AddressServiceService);
    }
    get images() {
        return this.client(ImageServiceService);
    }
    get disks() {
        return this.client(DiskServiceService);
    }
    get instances() {
        return this.client(InstanceServiceService);
    }
    get placementGroups() {
        return this.client(PlacementGroupServiceService);
    }
    get targetGroups() {
        return this.client(TargetGroupServiceService);
    }
    get networkLoadBalancers() {
        return this.client(NetworkLoadBalancerServiceService);
    }
    get operations() {
        return this.client(OperationServiceService);
    }
    get endpoints() {
        return this.client(ApiEndpointServiceService, "");
    }
    get tokens() {
        return this.client(IamTokenServiceService, "");
    }

    // What most tests need, with defaults.

    network = async (name = "net") => response(Network, await this.networks.create({ folderId, name }));

    subnet = async (networkId: string, cidr = "10.1.0.0/24", more: object = {}) =>
        response(Subnet, await this.subnets.create({ folderId, networkId, zoneId, v4CidrBlocks: [cidr], ...more }));

    gateway = async () => response(Gateway, await this.gateways.create({ folderId, sharedEgressGatewaySpec: {} }));

    routeTable = async (networkId: string, gatewayId: string) =>
        response(
            RouteTable,
            await this.routeTables.create(
                CreateRouteTableRequest.fromPartial({
                    folderId,
                    networkId,
                    staticRoutes: [{ destinationPrefix: "0.0.0.0/0", gatewayId }],
                }),
            ),
        );

    securityGroup = async (networkId: string, ruleSpecs: object[] = [], name = "") =>
        response(
            SecurityGroup,
            await this.securityGroups.create(
                CreateSecurityGroupRequest.fromPartial({ folderId, networkId, name, ruleSpecs: ruleSpecs as never }),
            ),
        );

    address = async () =>
        response(Address, await this.addresses.create({ folderId, externalIpv4AddressSpec: { address: "", zoneId } }));

    disk = async (more: Partial<CreateDiskRequest> = {}) =>
        response(Disk, await this.disks.create({ folderId, zoneId, typeId: "network-ssd", size: 10 * gib, ...more }));

    placementGroup = async () =>
        response(PlacementGroup, await this.placementGroups.create({ folderId, spreadPlacementStrategy: {} }));

    targetGroup = async (targets: { subnetId: string; address: string }[], name = "") =>
        response(TargetGroup, await this.targetGroups.create({ folderId, name, targets }));

    networkLoadBalancer = async (subnetId: string, targetGroupId: string, more: NetworkLoadBalancerOptions = {}) =>
        response(
            NetworkLoadBalancer,
            await this.networkLoadBalancers.create(networkLoadBalancerRequest(subnetId, targetGroupId, more)),
        );

    instance = async (subnetId: string, more: InstanceOptions = {}) =>
        response(Instance, await this.instances.create(instanceRequest(subnetId, more)));
}

type DeepPartial<T> = T extends Date ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;
export type InstanceOptions = DeepPartial<CreateInstanceRequest>;

/** A small instance as the provider asks for it. */
export function instanceRequest(subnetId: string, more: InstanceOptions = {}): CreateInstanceRequest {
    return CreateInstanceRequest.fromPartial({
        folderId,
        zoneId,
        platformId: "standard-v3",
        resourcesSpec: { cores: 2, memory: 2 * gib, coreFraction: 20 },
        bootDiskSpec: { autoDelete: true, diskSpec: { imageId, size: 10 * gib, typeId: "network-ssd" } },
        networkInterfaceSpecs: [{ subnetId, primaryV4AddressSpec: {} }],
        ...more,
    } as never);
}

export type NetworkLoadBalancerOptions = DeepPartial<CreateNetworkLoadBalancerRequest>;

/** An internal load balancer with one listener, as the provider asks for it. */
export function networkLoadBalancerRequest(
    subnetId: string,
    targetGroupId: string,
    more: NetworkLoadBalancerOptions = {},
): CreateNetworkLoadBalancerRequest {
    return CreateNetworkLoadBalancerRequest.fromPartial({
        folderId,
        type: 2,
        listenerSpecs: [listenerSpec(subnetId, 5000, 5010, "10.1.0.9")],
        attachedTargetGroups: [{ targetGroupId, healthChecks: [healthCheck()] }],
        ...more,
    } as never);
}

export const listenerSpec = (subnetId: string, port: number, targetPort: number, address = "") => ({
    name: `port-${port}`,
    port,
    targetPort,
    protocol: 1,
    internalAddressSpec: { subnetId, address, ipVersion: 1 },
});

export const healthCheck = (more: object = {}) => ({
    name: "check",
    interval: { seconds: 2, nanos: 0 },
    timeout: { seconds: 1, nanos: 0 },
    unhealthyThreshold: 2,
    healthyThreshold: 2,
    httpOptions: { port: 5012, path: "/" },
    ...more,
});

/** The response of an operation that is done and went well. */
export function response<Message>(codec: Codec<Message>, operation: Operation): Message {
    if (!operation.done || operation.response === undefined) throw new Error(operation.error?.message ?? "not done");
    return codec.decode(operation.response.value);
}

/** What a refused call answered: the name of the gRPC status and the message. */
export async function refusal(call: Promise<unknown>): Promise<string> {
    const outcome = await call.then(
        () => "OK",
        (error: ServiceError) => `${status[error.code]}: ${error.details}`,
    );
    return outcome;
}

export const rule = (protocolName: string, port: number, cidr = "10.0.0.0/8", direction = 1) => ({
    direction,
    protocolName,
    ports: { fromPort: port, toPort: port },
    cidrBlocks: { v4CidrBlocks: [cidr] },
});
