import type { HealthCheck } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/health_check";
import {
    IpVersion,
    Listener_Protocol as Protocol,
    NetworkLoadBalancer,
    NetworkLoadBalancer_SessionAffinity as SessionAffinity,
    NetworkLoadBalancer_Status as Status,
    NetworkLoadBalancer_Type as Type,
    type AttachedTargetGroup,
    type Listener,
} from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer";
import {
    CreateNetworkLoadBalancerMetadata,
    DeleteNetworkLoadBalancerMetadata,
    UpdateNetworkLoadBalancerMetadata,
    type InternalAddressSpec,
    type ListenerSpec,
    type NetworkLoadBalancerServiceService,
} from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer_service";
import { alreadyExists, failedPrecondition, invalidArgument, resourceExhausted, unimplemented } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { allocateAddress } from "../vpc/subnet-range.ts";
import { internalAddresses } from "../vpc/usage.ts";

const region = "ru-central1";
/** Listeners of one load balancer (documentation, "Quotas and limits" of Network Load Balancer). */
const maxListeners = 10;
/** Ports that a health check may ask (documentation, "Health checks"); the API's definition allows more. */
const lastCheckPort = 32767;

const updatable = [
    ...descriptionFields,
    "listener_specs",
    "attached_target_groups",
    "deletion_protection",
    "allow_zonal_shift",
] as const;

export function networkLoadBalancerHandlers(cloud: Cloud): Handlers<typeof NetworkLoadBalancerServiceService> {
    const { store, operations } = cloud;
    /** Its state follows from its targets; the row itself does not know. */
    const view = (balancer: NetworkLoadBalancer): NetworkLoadBalancer => ({
        ...balancer,
        status: statusOf(store, balancer),
    });
    const packed = (balancer: NetworkLoadBalancer) =>
        pack("yandex.cloud.loadbalancer.v1.NetworkLoadBalancer", NetworkLoadBalancer, view(balancer));
    return {
        get: ({ networkLoadBalancerId }) => view(store.networkLoadBalancers.get(networkLoadBalancerId)),
        list: (request) => ({
            networkLoadBalancers: listed(store.networkLoadBalancers, request).map(view),
            nextPageToken: "",
        }),

        create: (request, call) => {
            const resource = newResource("networkLoadBalancer", request);
            return operations.run(call, {
                description: "Create network load balancer",
                metadata: pack(
                    "yandex.cloud.loadbalancer.v1.CreateNetworkLoadBalancerMetadata",
                    CreateNetworkLoadBalancerMetadata,
                    { networkLoadBalancerId: resource.id },
                ),
                holds: [resource.id],
                run: async () => {
                    if (request.type !== Type.INTERNAL) throw unimplemented("an external network load balancer");
                    const balancer = cloud.change(() => {
                        const created: NetworkLoadBalancer = {
                            ...resource,
                            regionId: requireRegion(request.regionId),
                            status: Status.ACTIVE,
                            type: request.type,
                            sessionAffinity: SessionAffinity.CLIENT_IP_PORT_PROTO,
                            listeners: listenersOf(store, resource.id, request.listenerSpecs, []),
                            attachedTargetGroups: request.attachedTargetGroups.map(withDefaults),
                            deletionProtection: request.deletionProtection,
                            allowZonalShift: request.allowZonalShift,
                            disableZoneStatuses: [],
                        };
                        requireValid(store, created);
                        return store.networkLoadBalancers.put(created);
                    });
                    await cloud.applyNetwork(() => store.networkLoadBalancers.delete(balancer.id));
                    return packed(balancer);
                },
            });
        },

        update: (request, call) => {
            const { networkLoadBalancerId } = request;
            return operations.run(call, {
                description: "Update network load balancer",
                metadata: pack(
                    "yandex.cloud.loadbalancer.v1.UpdateNetworkLoadBalancerMetadata",
                    UpdateNetworkLoadBalancerMetadata,
                    { networkLoadBalancerId },
                ),
                holds: [networkLoadBalancerId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, updatable);
                    const before = store.networkLoadBalancers.get(networkLoadBalancerId);
                    const balancer = cloud.change(() => {
                        const updated = store.networkLoadBalancers.update(networkLoadBalancerId, {
                            ...describedBy(request, fields),
                            ...(fields.has("listener_specs") && {
                                listeners: listenersOf(store, before.id, request.listenerSpecs, before.listeners),
                            }),
                            ...(fields.has("attached_target_groups") && {
                                attachedTargetGroups: request.attachedTargetGroups.map(withDefaults),
                            }),
                            ...(fields.has("deletion_protection") && {
                                deletionProtection: request.deletionProtection,
                            }),
                            ...(fields.has("allow_zonal_shift") && { allowZonalShift: request.allowZonalShift }),
                        });
                        requireValid(store, updated);
                        return updated;
                    });
                    await cloud.applyNetwork(() => store.networkLoadBalancers.put(before));
                    return packed(balancer);
                },
            });
        },

        delete: ({ networkLoadBalancerId }, call) =>
            operations.run(call, {
                description: "Delete network load balancer",
                metadata: pack(
                    "yandex.cloud.loadbalancer.v1.DeleteNetworkLoadBalancerMetadata",
                    DeleteNetworkLoadBalancerMetadata,
                    { networkLoadBalancerId },
                ),
                holds: [networkLoadBalancerId],
                run: async () => {
                    const before = store.networkLoadBalancers.get(networkLoadBalancerId);
                    cloud.change(() => {
                        const { deletionProtection } = store.networkLoadBalancers.get(networkLoadBalancerId);
                        if (deletionProtection) {
                            throw failedPrecondition(
                                `Network load balancer ${networkLoadBalancerId} is protected from deletion`,
                            );
                        }
                        store.networkLoadBalancers.delete(networkLoadBalancerId);
                    });
                    await cloud.applyNetwork(() => store.networkLoadBalancers.put(before));
                    return empty;
                },
            }),
    };
}

/** @returns the region that a request means; there is one */
export function requireRegion(regionId: string): string {
    if (regionId !== "" && regionId !== region)
        throw invalidArgument(`Region ${regionId} not found; available: ${region}`);
    return region;
}

/**
 * The listeners that are asked for. All of one load balancer have one address (documentation, "Listener"), which it
 * keeps as long as it has listeners.
 */
function listenersOf(
    store: Store,
    id: string,
    specs: readonly ListenerSpec[],
    present: readonly Listener[],
): Listener[] {
    const wanted = specs.map((spec) => ({ ...spec, internal: requireInternal(spec) }));
    const addresses = [...new Set(wanted.map(({ internal }) => internal.address).filter((address) => address !== ""))];
    const [subnetId, ...otherSubnets] = new Set(wanted.map(({ internal }) => internal.subnetId));
    if (subnetId === undefined) return [];
    if (otherSubnets.length > 0) throw invalidArgument("All listeners of a load balancer must be in one subnet");
    if (addresses.length > 1)
        throw invalidArgument(`All listeners of a load balancer must have one address, not ${addresses.join(" and ")}`);

    const range = store.subnets.get(subnetId).v4CidrBlocks[0] ?? "";
    const choice = addresses[0] ?? present[0]?.address ?? "";
    const address = allocateAddress(range, choice, internalAddresses(store, subnetId, id));
    return wanted.map(({ name, port, targetPort, protocol }) => ({
        name,
        address,
        port,
        protocol,
        targetPort: targetPort || port,
        subnetId,
        ipVersion: IpVersion.IPV4,
    }));
}

function requireInternal({
    name,
    port,
    protocol,
    externalAddressSpec,
    internalAddressSpec,
}: ListenerSpec): InternalAddressSpec {
    if (externalAddressSpec !== undefined || internalAddressSpec === undefined) {
        throw invalidArgument(`Listener ${name}: an internal load balancer needs internal_address_spec`);
    }
    if (internalAddressSpec.ipVersion === IpVersion.IPV6) throw unimplemented("IPv6");
    if (protocol !== Protocol.TCP) throw unimplemented("UDP listeners");
    if (port === 0) throw invalidArgument(`Listener ${name}: port is required`);
    return internalAddressSpec;
}

/** Defaults of the API's definition. */
function withDefaults(attached: AttachedTargetGroup): AttachedTargetGroup {
    const seconds = (value: number) => ({ seconds: value, nanos: 0 });
    return {
        ...attached,
        healthChecks: attached.healthChecks.map((check) => ({
            ...check,
            interval: check.interval ?? seconds(2),
            timeout: check.timeout ?? seconds(1),
            unhealthyThreshold: check.unhealthyThreshold || 2,
            healthyThreshold: check.healthyThreshold || 2,
        })),
    };
}

function requireValid(store: Store, balancer: NetworkLoadBalancer): void {
    const { listeners, attachedTargetGroups } = balancer;
    requireFreeName(store.networkLoadBalancers, balancer);
    if (listeners.length > maxListeners) {
        throw resourceExhausted(
            `A network load balancer has at most ${maxListeners} listeners, not ${listeners.length}`,
        );
    }
    requireDistinct(
        "name",
        listeners.map(({ name }) => name),
    );
    requireDistinct(
        "port",
        listeners.map(({ port }) => `${port}`),
    );

    if (attachedTargetGroups.length > 1) throw unimplemented("several target groups behind one load balancer");
    for (const { targetGroupId, healthChecks } of attachedTargetGroups) {
        healthChecks.forEach(requireValidCheck);
        requireFreePorts(store, balancer, targetGroupId);
    }
    requireReachableTargets(store, balancer);
}

function requireDistinct(what: string, values: readonly string[]): void {
    const repeated = values.find((value, index) => values.indexOf(value) < index);
    if (repeated !== undefined) throw alreadyExists(`Two listeners have the ${what} ${repeated}`);
}

function requireValidCheck({ name, interval, timeout, httpOptions, tcpOptions }: HealthCheck): void {
    const refuse = (rule: string) => invalidArgument(`Health check ${name}: ${rule}`);
    if ((httpOptions === undefined) === (tcpOptions === undefined))
        throw refuse("one of http_options and tcp_options is needed");
    const port = (httpOptions ?? tcpOptions)?.port ?? 0;
    if (port < 1 || port > lastCheckPort) throw refuse(`port ${port} is not between 1 and ${lastCheckPort}`);
    for (const [what, duration] of Object.entries({ interval, timeout })) {
        const seconds = duration?.seconds ?? 0;
        if (seconds < 1 || seconds > 60) throw refuse(`${what} ${seconds} s is not between 1 and 60 s`);
    }
}

/** A group is attached to a port number of one load balancer only (documentation, "Targets and groups"). */
function requireFreePorts(store: Store, balancer: NetworkLoadBalancer, targetGroupId: string): void {
    const others = store.networkLoadBalancers.where(
        ({ id, attachedTargetGroups }) =>
            id !== balancer.id && attachedTargetGroups.some((attached) => attached.targetGroupId === targetGroupId),
    );
    const taken = others.flatMap(({ listeners }) => listeners.map(({ port }) => port));
    const both = balancer.listeners.find(({ port }) => taken.includes(port));
    if (both !== undefined) {
        throw failedPrecondition(
            `Target group ${targetGroupId} is attached to port ${both.port} of another load balancer`,
        );
    }
}

/** @throws INVALID_ARGUMENT when listeners and targets are not in one network */
export function requireReachableTargets(store: Store, balancer: NetworkLoadBalancer): void {
    const [listener] = balancer.listeners;
    if (listener === undefined) return;
    const { networkId } = store.subnets.get(listener.subnetId);
    const targets = balancer.attachedTargetGroups.flatMap(
        ({ targetGroupId }) => store.targetGroups.get(targetGroupId).targets,
    );
    const foreign = targets.find(({ subnetId }) => store.subnets.get(subnetId).networkId !== networkId);
    if (foreign !== undefined)
        throw invalidArgument(`Target ${foreign.address} is in another network than the listeners`);
}

/** Without listeners or targets it does nothing (documentation, "Health checks"). */
function statusOf(store: Store, { listeners, attachedTargetGroups }: NetworkLoadBalancer): Status {
    const hasTargets = attachedTargetGroups.some(
        ({ targetGroupId }) => store.targetGroups.get(targetGroupId).targets.length > 0,
    );
    return listeners.length > 0 && hasTargets ? Status.ACTIVE : Status.INACTIVE;
}
