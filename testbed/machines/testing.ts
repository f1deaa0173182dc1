import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MachineSpec, NetworkState, SecurityRule } from "./driver.ts";
import type { Site } from "./names.ts";

/** Names that no other test on this host uses. */
export function testSite(): Site {
    return { folder: mkdtempSync(join(tmpdir(), "testbed-machines-")), prefix: `t${process.pid.toString(36)}` };
}

/** Two zones: a front with NAT and a public machine, a back without either. */
export const testNetwork = {
    subnets: [
        { id: "front", networkId: "network", zone: "a", cidr: "10.120.0.0/24", hasInternetRoute: true },
        { id: "back", networkId: "network", zone: "b", cidr: "10.120.1.0/24", hasInternetRoute: false },
    ],
    securityGroups: [
        { id: "jump", networkId: "network", rules: [tcp("ingress", 22, { cidrs: ["203.0.113.10/32"] }), anywhere()] },
        {
            id: "database",
            networkId: "network",
            rules: [
                tcp("ingress", 22, { securityGroupId: "jump" }),
                tcp("ingress", 5432, { cidrs: ["10.120.0.0/24"] }),
                tcp("ingress", 2379, { selfSecurityGroup: true }),
                anywhere(),
            ],
        },
    ],
    interfaces: [
        nic("jump-id", "main-jump", "front", "10.120.0.4", "jump"),
        nic("db-id", "main-db-1", "back", "10.120.1.10", "database"),
    ],
} satisfies NetworkState;

/** A public address for this process. All of 127.0.0.0/8 belongs to the host, and testbeds of checkouts use 127.77.0.0/24 to 127.85.0.0/24. */
export const testPublicAddress = `127.99.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;

function tcp(direction: SecurityRule["direction"], port: number, peer: Partial<SecurityRule>): SecurityRule {
    return { direction, protocol: "TCP", fromPort: port, toPort: port, ...peer };
}

function anywhere(): SecurityRule {
    return { direction: "egress", protocol: "ANY", cidrs: ["0.0.0.0/0"] };
}

function nic(
    instanceId: string,
    hostname: string,
    subnetId: string,
    address: string,
    group: string,
): NetworkState["interfaces"][number] {
    const macAddress = `d0:0d:${address
        .split(".")
        .map((octet) => Number(octet).toString(16).padStart(2, "0"))
        .join(":")}`;
    return {
        instanceId,
        index: 0,
        hostname,
        fqdn: `${hostname}.ru-central1.internal`,
        subnetId,
        macAddress,
        address,
        securityGroupIds: [group],
    };
}

/** A machine of {@link testNetwork} with nothing to do at its boot. */
export function testSpec(id: string, hostname: string): MachineSpec {
    return {
        id,
        name: hostname,
        hostname,
        fqdn: `${hostname}.ru-central1.internal`,
        zone: "a",
        cores: 2,
        memoryBytes: 2 ** 31,
        imageId: "image",
        userData: "#cloud-config\n{}\n",
        metadata: {},
        disks: [{ diskId: `${id}-boot`, deviceName: "boot", sizeBytes: 2 ** 33, boot: true }],
    };
}
