import { Address, Address_IpVersion, Address_Type } from "@yandex-cloud/nodejs-sdk/vpc-v1/address";
import {
    CreateAddressMetadata,
    DeleteAddressMetadata,
    UpdateAddressMetadata,
    type AddressServiceService,
    type CreateAddressRequest,
} from "@yandex-cloud/nodejs-sdk/vpc-v1/address_service";
import { failedPrecondition, invalidArgument, unimplemented } from "../api/errors.ts";
import { updatedFields } from "../api/masks.ts";
import { empty, pack } from "../api/messages.ts";
import type { Handlers } from "../api/server.ts";
import type { Cloud } from "../cloud.ts";
import { listed } from "../state/listing.ts";
import { describedBy, descriptionFields, newResource, requireFreeName } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { requireZone, zones } from "../zones.ts";
import { allocatePublicAddress, usedPublicAddresses } from "./usage.ts";

const packAddress = (address: Address) => pack("yandex.cloud.vpc.v1.Address", Address, address);

const updatable = [...descriptionFields, "reserved", "deletion_protection", "dns_record_specs"] as const;

export function addressHandlers(cloud: Cloud): Handlers<typeof AddressServiceService> {
    const { store, operations } = cloud;
    /** Addresses are used by instances; the row itself does not know. */
    const view = (address: Address): Address => ({ ...address, used: isUsed(store, address) });
    return {
        get: ({ addressId }) => view(store.addresses.get(addressId)),
        list: (request) => ({ addresses: listed(store.addresses, request).map(view), nextPageToken: "" }),

        create: (request, call) => {
            const resource = newResource("address", request);
            return operations.run(call, {
                description: "Create address",
                metadata: pack("yandex.cloud.vpc.v1.CreateAddressMetadata", CreateAddressMetadata, {
                    addressId: resource.id,
                }),
                holds: [resource.id],
                run: async () => {
                    if (request.dnsRecordSpecs.length > 0) throw unimplemented("DNS records");
                    return packAddress(
                        cloud.change(() => {
                            requireFreeName(store.addresses, resource);
                            return store.addresses.put({
                                ...resource,
                                reserved: true,
                                used: false,
                                ipVersion: Address_IpVersion.IPV4,
                                deletionProtection: request.deletionProtection,
                                dnsRecords: [],
                                ...allocate(store, request),
                            });
                        }),
                    );
                },
            });
        },

        update: (request, call) => {
            const { addressId } = request;
            return operations.run(call, {
                description: "Update address",
                metadata: pack("yandex.cloud.vpc.v1.UpdateAddressMetadata", UpdateAddressMetadata, { addressId }),
                holds: [addressId],
                run: async () => {
                    const fields = updatedFields(request.updateMask, updatable);
                    if (fields.has("dns_record_specs") && request.dnsRecordSpecs.length > 0)
                        throw unimplemented("DNS records");
                    return packAddress(
                        cloud.change(() => {
                            const address = store.addresses.update(addressId, {
                                ...describedBy(request, fields),
                                ...(fields.has("deletion_protection") && {
                                    deletionProtection: request.deletionProtection,
                                }),
                            });
                            requireFreeName(store.addresses, address);
                            return view(address);
                        }),
                    );
                },
            });
        },

        delete: ({ addressId }, call) =>
            operations.run(call, {
                description: "Delete address",
                metadata: pack("yandex.cloud.vpc.v1.DeleteAddressMetadata", DeleteAddressMetadata, { addressId }),
                holds: [addressId],
                run: async () => {
                    cloud.change(() => {
                        const address = store.addresses.get(addressId);
                        if (address.deletionProtection)
                            throw failedPrecondition(`Address ${addressId} is protected from deletion`);
                        if (isUsed(store, address)) throw failedPrecondition(`Address ${addressId} is in use`);
                        store.addresses.delete(addressId);
                    });
                    return empty;
                },
            }),
    };
}

function isUsed(store: Store, address: Address): boolean {
    return (
        address.externalIpv4Address !== undefined &&
        usedPublicAddresses(store).includes(address.externalIpv4Address.address)
    );
}

function allocate(
    store: Store,
    { externalIpv4AddressSpec: spec }: CreateAddressRequest,
): Pick<Address, "type" | "externalIpv4Address" | "internalIpv4Address"> {
    if (spec === undefined) throw unimplemented("reservation of an internal address");
    const zoneId = spec.zoneId || (zones[0] ?? "");
    requireZone(zoneId);
    if (spec.address !== "") throw invalidArgument("A public address is given by the cloud, it cannot be chosen");
    return {
        type: Address_Type.EXTERNAL,
        externalIpv4Address: { address: allocatePublicAddress(store), zoneId, requirements: spec.requirements },
        internalIpv4Address: undefined,
    };
}
