import type { Instance, NetworkInterface } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import type { Store } from "../state/store.ts";

/** Who uses what: computed from the resources themselves, so that it cannot disagree with them. */

/** Every network interface with the instance it belongs to. */
export function interfaces(store: Store): { instance: Instance; nic: NetworkInterface }[] {
    return store.instances.all().flatMap((instance) => instance.networkInterfaces.map((nic) => ({ instance, nic })));
}

/**
 * Internal addresses of a subnet that are in use.
 * @param except an instance or a load balancer that may take one of its own again
 */
export function internalAddresses(store: Store, subnetId: string, except?: string): Set<string> {
    const used = interfaces(store).filter(({ instance, nic }) => nic.subnetId === subnetId && instance.id !== except);
    const listeners = store.networkLoadBalancers
        .where(({ id }) => id !== except)
        .flatMap((balancer) => balancer.listeners.filter((listener) => listener.subnetId === subnetId));
    return new Set([
        ...used.map(({ nic }) => nic.primaryV4Address?.address ?? ""),
        ...listeners.map(({ address }) => address),
    ]);
}

/** Public addresses reserved in the folder, by address. */
export function reservedPublicAddresses(store: Store) {
    return new Map(
        store.addresses
            .all()
            .flatMap((row) => (row.externalIpv4Address ? [[row.externalIpv4Address.address, row] as const] : [])),
    );
}

/** Public addresses that instances have at present. */
export function usedPublicAddresses(store: Store): string[] {
    return interfaces(store)
        .map(({ nic }) => nic.primaryV4Address?.oneToOneNat?.address ?? "")
        .filter((address) => address !== "");
}

/** The used addresses that are not reserved. They return to the cloud when the instance stops. */
export function dynamicPublicAddresses(store: Store): string[] {
    const reserved = reservedPublicAddresses(store);
    return usedPublicAddresses(store).filter((address) => !reserved.has(address));
}

/**
 * The next free public address. The search goes on where the last one ended, so that an address
 * that was given back does not turn up on another machine at once.
 */
export function allocatePublicAddress(store: Store): string {
    const publicPool = Array.from({ length: 253 }, (_, index) => `${store.publicNetwork}.${index + 2}`);
    const taken = new Set([...usedPublicAddresses(store), ...reservedPublicAddresses(store).keys()]);
    for (let step = 0; step < publicPool.length; step++) {
        const position = (store.publicAddressCursor + step) % publicPool.length;
        const address = publicPool[position];
        if (address !== undefined && !taken.has(address)) {
            store.publicAddressCursor = position + 1;
            return address;
        }
    }
    throw new Error("The pool of public addresses is empty");
}
