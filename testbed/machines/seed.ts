import type { MachineSpec } from "./driver.ts";
import type { PlannedInterface } from "./network-plan.ts";

/** The folder of cloud-init's NoCloud data source in the guest. */
export const seedFolder = "var/lib/cloud/seed/nocloud";

/**
 * The files of a NoCloud seed by name, with the contents of the cloud's metadata service.
 * The host name is the FQDN, as the cloud's metadata gives it.
 */
export function renderSeed(spec: MachineSpec, nic: PlannedInterface): Record<string, string> {
    // JSON is YAML, and quotes everything that needs it.
    return {
        "user-data": spec.userData,
        "meta-data": `${JSON.stringify({ "instance-id": spec.id, "local-hostname": spec.fqdn }, undefined, 2)}\n`,
        "network-config": `${JSON.stringify(networkConfig(nic), undefined, 2)}\n`,
    };
}

function networkConfig(nic: PlannedInterface): object {
    return {
        version: 2,
        ethernets: {
            eth0: {
                match: { macaddress: nic.macAddress.toLowerCase() },
                "set-name": "eth0",
                "link-local": [],
                "accept-ra": false,
                addresses: [`${nic.address}/${nic.prefixLength}`],
                routes: [{ to: "0.0.0.0/0", via: nic.gateway }],
                nameservers: { addresses: [nic.dns], search: [domainOf(nic.fqdn)] },
            },
        },
    };
}

/** "db-1.ru-central1.internal" → "ru-central1.internal" */
function domainOf(fqdn: string): string {
    return fqdn.slice(fqdn.indexOf(".") + 1);
}

/** A tmpfiles.d fragment with the names that udev would give to data disks: there is no udev in a container. */
export function renderDiskLinks(devices: { deviceName: string; device: string }[]): string {
    return devices
        .map(({ deviceName, device }) => `L+ /dev/disk/by-id/virtio-${deviceName} - - - - ../../${device}\n`)
        .join("");
}
