import {
    IpVersion,
    type Instance,
    type NetworkInterface,
    type OneToOneNat,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type {
    NetworkInterfaceSpec,
    OneToOneNatSpec,
    PrimaryAddressSpec,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { failedPrecondition, invalidArgument, resourceExhausted, unimplemented } from "../api/errors.ts";
import { macAddress } from "../state/ids.ts";
import type { Store } from "../state/store.ts";
import { allocateAddress } from "../vpc/subnet-range.ts";
import {
    allocatePublicAddress,
    internalAddresses,
    reservedPublicAddresses,
    usedPublicAddresses,
} from "../vpc/usage.ts";

/** Security groups of one interface (documentation, "Quotas and limits" of Virtual Private Cloud). */
const maxSecurityGroups = 5;

/** Where the interface belongs. */
type Owner = Pick<Instance, "id" | "zoneId">;

/**
 * The interface that a specification asks for, with its addresses.
 * @throws what the cloud refuses: a subnet of another zone, an address outside or taken, foreign security groups
 */
export function newInterface(store: Store, owner: Owner, index: number, spec: NetworkInterfaceSpec): NetworkInterface {
    if (spec.primaryV6AddressSpec !== undefined) throw unimplemented("IPv6");
    requireSubnetOfZone(store, spec.subnetId, owner.zoneId);
    requireSecurityGroups(store, spec.subnetId, spec.securityGroupIds);
    return {
        index: String(index),
        macAddress: macAddress(owner.id, index),
        subnetId: spec.subnetId,
        primaryV4Address: primaryAddress(store, owner, spec.subnetId, spec.primaryV4AddressSpec, undefined),
        securityGroupIds: spec.securityGroupIds,
    };
}

/**
 * The addresses of an interface in a subnet.
 * @param present the public address that the interface has; kept unless another is asked for
 */
export function primaryAddress(
    store: Store,
    owner: Owner,
    subnetId: string,
    spec: PrimaryAddressSpec | undefined,
    present: OneToOneNat | undefined,
): NonNullable<NetworkInterface["primaryV4Address"]> {
    requireNoDnsRecords(spec);
    const range = store.subnets.get(subnetId).v4CidrBlocks[0] ?? "";
    const address = allocateAddress(range, spec?.address ?? "", internalAddresses(store, subnetId, owner.id));
    const natSpec = spec?.oneToOneNatSpec;
    const keepsNat = present !== undefined && (natSpec?.address === "" || natSpec?.address === present.address);
    return {
        address,
        oneToOneNat: natSpec && (keepsNat ? present : publicAddress(store, owner, natSpec)),
        dnsRecords: [],
    };
}

/** A public address for an interface: the reserved one that is asked for, or one of the cloud's choice. */
export function publicAddress(store: Store, owner: Owner, spec: OneToOneNatSpec): OneToOneNat {
    if (spec.ipVersion === IpVersion.IPV6) throw unimplemented("IPv6");
    if (spec.dnsRecordSpecs.length > 0) throw unimplemented("DNS records");
    if (spec.address !== "") requireFreeReservedAddress(store, owner, spec.address);
    return {
        address: spec.address || allocatePublicAddress(store),
        // A request that names an address leaves the version out.
        ipVersion: IpVersion.IPV4,
        dnsRecords: [],
    };
}

function requireFreeReservedAddress(store: Store, owner: Owner, address: string): void {
    const reserved = reservedPublicAddresses(store).get(address);
    if (reserved === undefined) throw invalidArgument(`Public address ${address} is not reserved`);
    const zoneId = reserved.externalIpv4Address?.zoneId ?? "";
    if (zoneId !== owner.zoneId) {
        throw invalidArgument(`Public address ${address} is in zone ${zoneId}, the instance in ${owner.zoneId}`);
    }
    if (usedPublicAddresses(store).includes(address))
        throw failedPrecondition(`Public address ${address} is already in use`);
}

/** @throws INVALID_ARGUMENT */
export function requireSubnetOfZone(store: Store, subnetId: string, zoneId: string): void {
    const subnet = store.subnets.get(subnetId);
    if (subnet.zoneId !== zoneId) {
        throw invalidArgument(`Subnet ${subnetId} is in zone ${subnet.zoneId}, the instance in ${zoneId}`);
    }
}

/** @throws when there are too many groups, or one is unknown or of another network than the subnet */
export function requireSecurityGroups(store: Store, subnetId: string, groupIds: readonly string[]): void {
    if (groupIds.length > maxSecurityGroups) {
        throw resourceExhausted(
            `An interface has at most ${maxSecurityGroups} security groups, not ${groupIds.length}`,
        );
    }
    const { networkId } = store.subnets.get(subnetId);
    for (const id of groupIds) {
        if (store.securityGroups.get(id).networkId !== networkId) {
            throw invalidArgument(`Security group ${id} belongs to another network than subnet ${subnetId}`);
        }
    }
}

/** Refuses DNS records, because the testbed has no DNS zones. */
function requireNoDnsRecords(spec: PrimaryAddressSpec | undefined): void {
    const records = [...(spec?.dnsRecordSpecs ?? []), ...(spec?.oneToOneNatSpec?.dnsRecordSpecs ?? [])];
    if (records.length > 0) throw unimplemented("DNS records");
}

/** Changes the public addresses of an instance's interfaces. */
function withPublicAddresses(
    instance: Instance,
    change: (nat: OneToOneNat) => OneToOneNat,
): Pick<Instance, "networkInterfaces"> {
    return {
        networkInterfaces: instance.networkInterfaces.map((nic) => {
            const nat = nic.primaryV4Address?.oneToOneNat;
            if (nic.primaryV4Address === undefined || nat === undefined) return nic;
            return { ...nic, primaryV4Address: { ...nic.primaryV4Address, oneToOneNat: change(nat) } };
        }),
    };
}

/**
 * A stopped instance loses its public addresses unless they are reserved (documentation, "Cloud resource addresses").
 * It gets new ones at its start.
 */
export function withoutDynamicAddresses(store: Store, instance: Instance): Pick<Instance, "networkInterfaces"> {
    const reserved = reservedPublicAddresses(store);
    return withPublicAddresses(instance, (nat) => (reserved.has(nat.address) ? nat : { ...nat, address: "" }));
}

/** The counterpart at start. */
export function withDynamicAddresses(store: Store, instance: Instance): Pick<Instance, "networkInterfaces"> {
    return withPublicAddresses(instance, (nat) =>
        nat.address === "" ? { ...nat, address: allocatePublicAddress(store) } : nat,
    );
}
