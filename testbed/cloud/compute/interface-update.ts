import { Instance_Status, type Instance, type NetworkInterface } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type {
    AddInstanceOneToOneNatRequest,
    RemoveInstanceOneToOneNatRequest,
    UpdateInstanceNetworkInterfaceRequest,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { failedPrecondition, invalidArgument, notFound, unimplemented } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import type { Cloud } from "../cloud.ts";
import { primaryAddress, publicAddress, requireSecurityGroups, requireSubnetOfZone } from "./network-interfaces.ts";

const emptyNat = { ipVersion: 0, address: "", dnsRecordSpecs: [] };

export function addPublicAddress(
    cloud: Cloud,
    instance: Instance,
    request: AddInstanceOneToOneNatRequest,
): Promise<Instance> {
    return changeInterface(cloud, instance, request.networkInterfaceIndex, (nic) => {
        const primary = requirePrimary(nic);
        if (primary.oneToOneNat !== undefined)
            throw failedPrecondition(`Instance ${instance.id} already has a public address`);
        const spec = request.oneToOneNatSpec ?? emptyNat;
        const nat = publicAddress(cloud.store, instance, spec);
        // A stopped instance has no dynamic address; it gets one when it starts.
        const isLater = spec.address === "" && instance.status === Instance_Status.STOPPED;
        return { ...nic, primaryV4Address: { ...primary, oneToOneNat: isLater ? { ...nat, address: "" } : nat } };
    });
}

export function removePublicAddress(
    cloud: Cloud,
    instance: Instance,
    request: RemoveInstanceOneToOneNatRequest,
): Promise<Instance> {
    return changeInterface(cloud, instance, request.networkInterfaceIndex, (nic) => {
        const primary = requirePrimary(nic);
        if (primary.oneToOneNat === undefined)
            throw failedPrecondition(`Instance ${instance.id} has no public address`);
        return { ...nic, primaryV4Address: { ...primary, oneToOneNat: undefined } };
    });
}

const updatable = ["subnet_id", "primary_v4_address_spec", "primary_v6_address_spec", "security_group_ids"] as const;

/** Security groups change at once; the subnet and the address only while the instance is stopped. */
export function updateInterface(
    cloud: Cloud,
    instance: Instance,
    request: UpdateInstanceNetworkInterfaceRequest,
): Promise<Instance> {
    const { store } = cloud;
    const fields = updatedFields(request.updateMask, updatable);
    return changeInterface(cloud, instance, request.networkInterfaceIndex, (nic) => {
        if (fields.has("primary_v6_address_spec") && request.primaryV6AddressSpec) throw unimplemented("IPv6");
        const subnetId = fields.has("subnet_id") ? request.subnetId : nic.subnetId;
        const securityGroupIds = fields.has("security_group_ids") ? request.securityGroupIds : nic.securityGroupIds;
        const moves = subnetId !== nic.subnetId;
        requireSubnetOfZone(store, subnetId, instance.zoneId);
        requireSecurityGroups(store, subnetId, securityGroupIds);

        const present = requirePrimary(nic);
        const spec = fields.has("primary_v4_address_spec") ? request.primaryV4AddressSpec : undefined;
        const primaryV4Address =
            spec === undefined && !moves
                ? present
                : primaryAddress(
                      store,
                      instance,
                      subnetId,
                      {
                          address: spec?.address || (moves ? "" : present.address),
                          oneToOneNatSpec: spec ? spec.oneToOneNatSpec : present.oneToOneNat && emptyNat,
                          dnsRecordSpecs: spec?.dnsRecordSpecs ?? [],
                      },
                      present.oneToOneNat,
                  );
        const isReaddressed = moves || primaryV4Address.address !== present.address;
        if (isReaddressed && instance.status !== Instance_Status.STOPPED) {
            throw failedPrecondition(
                `Instance ${instance.id} must be stopped to change its subnet or internal address`,
            );
        }
        return { ...nic, subnetId, securityGroupIds, primaryV4Address };
    });
}

async function changeInterface(
    cloud: Cloud,
    before: Instance,
    index: string,
    change: (nic: NetworkInterface) => NetworkInterface,
): Promise<Instance> {
    const { store } = cloud;
    const instance = cloud.change(() => {
        const position = before.networkInterfaces.findIndex((nic) => nic.index === index);
        const nic = before.networkInterfaces[position];
        if (nic === undefined) throw notFound(`Network interface of instance ${before.id}`, index);
        const networkInterfaces = before.networkInterfaces.with(position, change(nic));
        return store.instances.update(before.id, { networkInterfaces });
    });
    await cloud.applyNetwork(() => store.instances.put(before));
    return instance;
}

function requirePrimary(nic: NetworkInterface): NonNullable<NetworkInterface["primaryV4Address"]> {
    if (nic.primaryV4Address === undefined) throw invalidArgument(`Network interface ${nic.index} has no IPv4 address`);
    return nic.primaryV4Address;
}
