import { AttachInstanceDiskRequest } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { UpdateRouteTableRequest } from "@yandex-cloud/nodejs-sdk/vpc-v1/route_table_service";
import { UpdateSecurityGroupRulesRequest } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
    folderId,
    gib,
    imageId,
    instanceRequest,
    refusal,
    rule,
    TestCloud,
    zoneId,
    type InstanceOptions,
} from "./harness.ts";

let cloud: TestCloud;
beforeEach(async () => {
    cloud = await TestCloud.start();
});
afterEach(() => cloud.stop());

const refusedInstance = (subnetId: string, more: InstanceOptions = {}) =>
    refusal(cloud.instances.create(instanceRequest(subnetId, more)));

const nic = (subnetId: string, more: object) => ({
    networkInterfaceSpecs: [{ subnetId, primaryV4AddressSpec: {}, ...more }],
});

describe("unknown ids are NOT_FOUND", () => {
    test.each(["unknown", ""])("%j", async (id) => {
        expect(await refusal(cloud.networks.get({ networkId: id }))).toBe(`NOT_FOUND: Network ${id} not found`);
        expect(await refusal(cloud.subnets.get({ subnetId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.gateways.get({ gatewayId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.routeTables.get({ routeTableId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.securityGroups.get({ securityGroupId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.addresses.get({ addressId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.disks.get({ diskId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.instances.get({ instanceId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.placementGroups.get({ placementGroupId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.images.get({ imageId: id }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.operations.get({ operationId: id }))).toMatch(/^NOT_FOUND/);
    });

    test("in deletions and updates", async () => {
        expect(await refusal(cloud.networks.delete({ networkId: "unknown" }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.instances.delete({ instanceId: "unknown" }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.instances.stop({ instanceId: "unknown" }))).toMatch(/^NOT_FOUND/);
        expect(await refusal(cloud.disks.update({ diskId: "unknown", updateMask: { paths: ["name"] } }))).toMatch(
            /^NOT_FOUND/,
        );
        expect(await refusal(cloud.images.getLatestByFamily({ folderId: "standard-images", family: "beos" }))).toMatch(
            /^NOT_FOUND/,
        );
        expect(await refusal(cloud.images.getLatestByFamily({ folderId, family: "almalinux-9" }))).toMatch(
            /^NOT_FOUND/,
        );
    });

    test("where another resource is named", async () => {
        expect(await refusal(cloud.subnet("unknown"))).toMatch(/^NOT_FOUND: Network/);
        expect(await refusedInstance("unknown")).toMatch(/^NOT_FOUND: Subnet/);
    });
});

describe("names", () => {
    test("are unique in the folder, by kind", async () => {
        const network = await cloud.network("same");
        expect(await refusal(cloud.network("same"))).toBe('ALREADY_EXISTS: Network with name "same" already exists');
        const other = await cloud.network("other");
        expect(
            await refusal(
                cloud.networks.update({ networkId: other.id, name: "same", updateMask: { paths: ["name"] } }),
            ),
        ).toMatch(/^ALREADY_EXISTS/);
        await cloud.networks.update({ networkId: network.id, name: "same", updateMask: { paths: ["name"] } });
        await cloud.disk({ name: "same" });
        expect(await refusal(cloud.disk({ name: "same" }))).toMatch(/^ALREADY_EXISTS/);
    });

    test("in another folder are free", async () => {
        await cloud.network("same");
        expect(await refusal(cloud.networks.create({ folderId: "b1gother", name: "same" }))).toBe("OK");
    });

    test("of hosts are unique in the network", async () => {
        const { id } = await cloud.network();
        const subnet = await cloud.subnet(id);
        await cloud.instance(subnet.id, { hostname: "db-1" });
        expect(await refusedInstance(subnet.id, { hostname: "db-1" })).toMatch(
            /^ALREADY_EXISTS: Host name db-1.ru-central1.internal/,
        );
    });
});

describe("networks", () => {
    test("cannot be deleted before what they hold", async () => {
        const network = await cloud.network();
        const gateway = await cloud.gateway();
        const table = await cloud.routeTable(network.id, gateway.id);
        const subnet = await cloud.subnet(network.id, "10.1.0.0/24", { routeTableId: table.id });
        const group = await cloud.securityGroup(network.id);
        const remove = () => refusal(cloud.networks.delete({ networkId: network.id }));

        expect(await remove()).toMatch(/^FAILED_PRECONDITION: Network .* is not empty/);
        expect(await refusal(cloud.routeTables.delete({ routeTableId: table.id }))).toMatch(/^FAILED_PRECONDITION/);
        expect(await refusal(cloud.gateways.delete({ gatewayId: gateway.id }))).toMatch(/^FAILED_PRECONDITION/);
        expect(await refusal(cloud.securityGroups.delete({ securityGroupId: network.defaultSecurityGroupId }))).toMatch(
            /^FAILED_PRECONDITION/,
        );
        await cloud.subnets.delete({ subnetId: subnet.id });
        expect(await remove()).toMatch(/^FAILED_PRECONDITION/);
        await cloud.routeTables.delete({ routeTableId: table.id });
        await cloud.gateways.delete({ gatewayId: gateway.id });
        await cloud.securityGroups.delete({ securityGroupId: group.id });
        expect(await remove()).toBe("OK");
        expect(await refusal(cloud.securityGroups.get({ securityGroupId: network.defaultSecurityGroupId }))).toMatch(
            /^NOT_FOUND/,
        );
    });

    test("have subnets that do not overlap", async () => {
        const network = await cloud.network();
        await cloud.subnet(network.id, "10.1.0.0/16");
        expect(await refusal(cloud.subnet(network.id, "10.1.5.0/24"))).toMatch(
            /^INVALID_ARGUMENT: .* overlaps 10.1.0.0\/16/,
        );
        const other = await cloud.network("other");
        await cloud.subnet(other.id, "10.1.5.0/24");
    });

    test("have subnets of a known zone and a route table of their own", async () => {
        const network = await cloud.network();
        const other = await cloud.network("other");
        const gateway = await cloud.gateway();
        const foreign = await cloud.routeTable(other.id, gateway.id);
        expect(await refusal(cloud.subnet(network.id, "10.1.0.0/24", { zoneId: "ru-central1-c" }))).toMatch(
            /^INVALID_ARGUMENT: Zone ru-central1-c/,
        );
        expect(await refusal(cloud.subnet(network.id, "10.1.0.0/24", { routeTableId: foreign.id }))).toMatch(
            /^INVALID_ARGUMENT: Route table/,
        );
    });
});

describe("subnets", () => {
    test("in use stay, and keep the addresses in use", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id, "10.1.0.0/24");
        await cloud.instance(subnet.id, nic(subnet.id, { primaryV4AddressSpec: { address: "10.1.0.200" } }));
        expect(await refusal(cloud.subnets.delete({ subnetId: subnet.id }))).toMatch(
            /^FAILED_PRECONDITION: .*10\.1\.0\.200/,
        );
        const resize = (v4CidrBlocks: string[]) =>
            refusal(
                cloud.subnets.update({ subnetId: subnet.id, v4CidrBlocks, updateMask: { paths: ["v4_cidr_blocks"] } }),
            );
        expect(await resize(["10.1.0.0/25"])).toMatch(/^INVALID_ARGUMENT: Address 10.1.0.200 is outside/);
        expect(await resize(["10.1.0.0/23"])).toBe("OK");
    });

    test("give addresses inside them, free and not reserved", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const at = (address: string) =>
            refusedInstance(subnet.id, nic(subnet.id, { primaryV4AddressSpec: { address } }));
        expect(await at("10.2.0.5")).toMatch(/^INVALID_ARGUMENT: .* outside/);
        expect(await at("10.1.0.2")).toMatch(/^INVALID_ARGUMENT: .* reserved/);
        expect(await at("10.1.0.255")).toMatch(/^INVALID_ARGUMENT: .* reserved/);
        expect(await at("10.1.0.5")).toBe("OK");
        expect(await at("10.1.0.5")).toMatch(/^FAILED_PRECONDITION: Address 10.1.0.5 is already in use/);
    });
});

describe("route tables", () => {
    test("have each prefix once, and gateways for 0.0.0.0/0 only", async () => {
        const network = await cloud.network();
        const gateway = await cloud.gateway();
        const table = await cloud.routeTable(network.id, gateway.id);
        const routes = (staticRoutes: { destinationPrefix: string; gatewayId?: string; nextHopAddress?: string }[]) =>
            refusal(
                cloud.routeTables.update(
                    UpdateRouteTableRequest.fromPartial({
                        routeTableId: table.id,
                        staticRoutes,
                        updateMask: { paths: ["static_routes"] },
                    }),
                ),
            );
        const toInternet = { destinationPrefix: "0.0.0.0/0", gatewayId: gateway.id };
        expect(await routes([toInternet, toInternet])).toMatch(/^INVALID_ARGUMENT/);
        expect(await routes([{ ...toInternet, destinationPrefix: "10.0.0.0/8" }])).toMatch(/^INVALID_ARGUMENT/);
        expect(await routes([{ ...toInternet, gatewayId: "unknown" }])).toMatch(/^NOT_FOUND/);
        expect(await routes([{ destinationPrefix: "10.0.0.0/8", nextHopAddress: "10.1.0.5" }])).toMatch(
            /^UNIMPLEMENTED/,
        );
        expect(await routes([])).toBe("OK");
    });
});

describe("security groups", () => {
    test("in use by an instance or a rule stay", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const group = await cloud.securityGroup(network.id);
        const other = await cloud.securityGroup(network.id, [
            { direction: 1, protocolName: "ANY", securityGroupId: group.id },
        ]);
        const instance = await cloud.instance(subnet.id, nic(subnet.id, { securityGroupIds: [other.id] }));
        const remove = (securityGroupId: string) => refusal(cloud.securityGroups.delete({ securityGroupId }));
        expect(await remove(other.id)).toMatch(/^FAILED_PRECONDITION: .* in use by instance/);
        expect(await remove(group.id)).toMatch(/^FAILED_PRECONDITION: .* named by rules/);
        await cloud.instances.delete({ instanceId: instance.id });
        expect(await remove(other.id)).toBe("OK");
        expect(await remove(group.id)).toBe("OK");
    });

    test.each([
        [
            { ...rule("TCP", 22), direction: 0 },
            "INVALID_ARGUMENT: Request validation error: rule_specs[0].direction: Field is required",
        ],
        [rule("SCTP", 22), "INVALID_ARGUMENT: Protocol SCTP"],
        [rule("TCP", 22, "10.0.0.0/33"), 'INVALID_ARGUMENT: "10.0.0.0/33" is not'],
        [
            rule("TCP", 70000),
            "INVALID_ARGUMENT: Request validation error: rule_specs[0].ports.from_port: 70000 is out of range 0..65535",
        ],
        [{ ...rule("TCP", 22), ports: { fromPort: 23, toPort: 22 } }, "INVALID_ARGUMENT: Ports 23-22"],
        [{ direction: 1, protocolName: "TCP" }, "INVALID_ARGUMENT: A rule needs exactly one"],
        [{ direction: 1, protocolName: "TCP", predefinedTarget: "everyone" }, "INVALID_ARGUMENT: Predefined target"],
        [{ direction: 1, protocolName: "TCP", securityGroupId: "unknown" }, "NOT_FOUND: Security group unknown"],
        [
            {
                ...rule("TCP", 22),
                cidrBlocks: { v4CidrBlocks: Array.from({ length: 51 }, (_, n) => `10.0.${n}.0/24`) },
            },
            "INVALID_ARGUMENT: A rule has at most 50",
        ],
    ])("have no rule %#", async (wrong, message) => {
        const network = await cloud.network();
        expect(await refusal(cloud.securityGroup(network.id, [wrong]))).toContain(message);
    });

    test("have at most 50 rules, an interface at most 5 groups", async () => {
        const network = await cloud.network();
        const rules = Array.from({ length: 51 }, (_, port) => rule("TCP", port + 1));
        expect(await refusal(cloud.securityGroup(network.id, rules))).toMatch(
            /^INVALID_ARGUMENT: A security group has at most 50 rules/,
        );
        const subnet = await cloud.subnet(network.id);
        const groups = await Promise.all([1, 2, 3, 4, 5, 6].map(() => cloud.securityGroup(network.id)));
        const withGroups = (count: number) =>
            refusedInstance(
                subnet.id,
                nic(subnet.id, { securityGroupIds: groups.slice(0, count).map(({ id }) => id) }),
            );
        expect(await withGroups(6)).toMatch(/^RESOURCE_EXHAUSTED/);
        expect(await withGroups(5)).toBe("OK");
    });

    test("of another network do not fit", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const other = await cloud.network("other");
        const group = await cloud.securityGroup(other.id);
        expect(await refusedInstance(subnet.id, nic(subnet.id, { securityGroupIds: [group.id] }))).toMatch(
            /^INVALID_ARGUMENT: .* another network/,
        );
        expect(
            await refusal(
                cloud.securityGroup(network.id, [{ direction: 1, protocolName: "ANY", securityGroupId: group.id }]),
            ),
        ).toMatch(/^INVALID_ARGUMENT/);
    });

    test("have no rule that is not theirs to delete", async () => {
        const network = await cloud.network();
        const group = await cloud.securityGroup(network.id);
        expect(
            await refusal(
                cloud.securityGroups.updateRules(
                    UpdateSecurityGroupRulesRequest.fromPartial({
                        securityGroupId: group.id,
                        deletionRuleIds: ["unknown"],
                    }),
                ),
            ),
        ).toMatch(/^NOT_FOUND/);
    });
});

describe("addresses", () => {
    test("protected or in use stay", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const address = await cloud.address();
        const natAddress = address.externalIpv4Address?.address ?? "";
        const protect = (deletionProtection: boolean) =>
            cloud.addresses.update({
                addressId: address.id,
                deletionProtection,
                updateMask: { paths: ["deletion_protection"] },
            });
        const remove = () => refusal(cloud.addresses.delete({ addressId: address.id }));
        await protect(true);
        expect(await remove()).toMatch(/^FAILED_PRECONDITION: .* protected/);
        await protect(false);
        const nat = nic(subnet.id, { primaryV4AddressSpec: { oneToOneNatSpec: { address: natAddress } } });
        const instance = await cloud.instance(subnet.id, nat);
        expect(await cloud.addresses.get({ addressId: address.id })).toMatchObject({ used: true });
        expect(await remove()).toMatch(/^FAILED_PRECONDITION: .* in use/);
        expect(await refusedInstance(subnet.id, nat)).toMatch(/^FAILED_PRECONDITION: Public address/);
        await cloud.instances.delete({ instanceId: instance.id });
        expect(await remove()).toBe("OK");
    });

    test("are used in their zone and by those who reserved them", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id, "10.2.0.0/24", { zoneId: "ru-central1-b" });
        const address = await cloud.address();
        const withNat = (natAddress: string) =>
            refusedInstance(subnet.id, {
                zoneId: "ru-central1-b",
                ...nic(subnet.id, { primaryV4AddressSpec: { oneToOneNatSpec: { address: natAddress } } }),
            });
        expect(await withNat(address.externalIpv4Address?.address ?? "")).toMatch(
            /^INVALID_ARGUMENT: .* in zone ru-central1-a/,
        );
        expect(await withNat("127.77.0.99")).toMatch(/^INVALID_ARGUMENT: .* not reserved/);
    });
});

describe("disks", () => {
    test.each([
        [{ typeId: "network-tape" }, /^INVALID_ARGUMENT: Disk type/],
        [{ zoneId: "ru-central1-z" }, /^INVALID_ARGUMENT: Zone/],
        [{ size: 0 }, /^INVALID_ARGUMENT: .* size: Field is required/],
        [{ size: 1000 }, /^INVALID_ARGUMENT/],
        [{ blockSize: 1000 }, /^INVALID_ARGUMENT: Block size/],
        [{ typeId: "network-ssd-nonreplicated", size: 100 * gib }, /^INVALID_ARGUMENT: .* multiple of 93 GB/],
        [{ imageId, size: 5 * gib }, /^INVALID_ARGUMENT: Disk size .* less than the image's/],
        [{ imageId: "unknown" }, /^NOT_FOUND: Image/],
        [{ snapshotId: "fd8snapshot" }, /^UNIMPLEMENTED/],
    ])("are not made with %j", async (fields, message) => {
        expect(await refusal(cloud.disk(fields))).toMatch(message);
    });

    test("in steps of 93 GB are made", async () => {
        expect(await refusal(cloud.disk({ typeId: "network-ssd-nonreplicated", size: 186 * gib }))).toBe("OK");
    });

    test("are found by their name, and by no other filter", async () => {
        const disk = await cloud.disk({ name: "wanted" });
        const other = await cloud.disk({ name: "other" });
        const list = async (filter: string) => (await cloud.disks.list({ folderId, filter })).disks.map(({ id }) => id);
        expect(await list('name = "wanted"')).toEqual([disk.id]);
        expect(await list('name="nobody"')).toEqual([]);
        expect(await list("")).toEqual(expect.arrayContaining([disk.id, other.id]));
        expect(await refusal(list('labels.x = "1"'))).toMatch(/^UNIMPLEMENTED: .*filter/);
    });

    test("grow and do not shrink", async () => {
        const disk = await cloud.disk({ size: 10 * gib });
        const resize = (size: number) =>
            refusal(cloud.disks.update({ diskId: disk.id, size, updateMask: { paths: ["size"] } }));
        expect(await resize(9 * gib)).toMatch(/^INVALID_ARGUMENT: A disk can only grow/);
        expect(await resize(20 * gib)).toBe("OK");
        expect(cloud.driver.disks.get(disk.id)).toBe(20 * gib);
        expect(await resize(500 * gib)).toMatch(/^RESOURCE_EXHAUSTED/);
        expect(await cloud.disks.get({ diskId: disk.id })).toMatchObject({ size: 20 * gib });
    });

    test("attached stay, and go to one instance of their zone", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const disk = await cloud.disk();
        const elsewhere = await cloud.disk({ zoneId: "ru-central1-d" });
        const instance = await cloud.instance(subnet.id, {
            secondaryDiskSpecs: [{ diskId: disk.id, deviceName: "data" }],
        });
        const other = await cloud.instance(subnet.id);
        const attach = (instanceId: string, diskId: string, deviceName = "") =>
            refusal(
                cloud.instances.attachDisk(
                    AttachInstanceDiskRequest.fromPartial({ instanceId, attachedDiskSpec: { diskId, deviceName } }),
                ),
            );
        expect(await refusal(cloud.disks.delete({ diskId: disk.id }))).toMatch(/^FAILED_PRECONDITION: .* is attached/);
        expect(await attach(other.id, disk.id)).toMatch(/^FAILED_PRECONDITION: .* already attached/);
        expect(await attach(other.id, elsewhere.id)).toMatch(/^INVALID_ARGUMENT: .* in zone ru-central1-d/);
        const third = await cloud.disk();
        expect(await attach(instance.id, third.id, "data")).toMatch(
            /^INVALID_ARGUMENT: Device name data is used twice/,
        );
        const bootDisk = instance.bootDisk?.diskId ?? "";
        expect(await refusal(cloud.instances.detachDisk({ instanceId: instance.id, diskId: bootDisk }))).toMatch(
            /^FAILED_PRECONDITION: .* boot disk/,
        );
        expect(await refusal(cloud.instances.detachDisk({ instanceId: other.id, diskId: disk.id }))).toMatch(
            /^FAILED_PRECONDITION: .* not attached/,
        );
        expect(await refusal(cloud.disks.delete({ diskId: bootDisk }))).toMatch(/^FAILED_PRECONDITION/);
    });
});

describe("instances", () => {
    test("are in the zone of their subnet and disks", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const disk = await cloud.disk({ zoneId: "ru-central1-b" });
        expect(await refusedInstance(subnet.id, { zoneId: "ru-central1-b" })).toMatch(
            /^INVALID_ARGUMENT: Subnet .* in zone ru-central1-a/,
        );
        expect(await refusedInstance(subnet.id, { secondaryDiskSpecs: [{ diskId: disk.id }] })).toMatch(
            /^INVALID_ARGUMENT: Disk .* in zone ru-central1-b/,
        );
        // What the refused request would have made is not there.
        expect(cloud.driver.network.interfaces).toEqual([]);
        expect(cloud.driver.calls.filter((call) => call.startsWith("createMachine"))).toEqual([]);
    });

    test.each([
        [{ platformId: "standard-v9" }, /^INVALID_ARGUMENT: Platform/],
        [{ resourcesSpec: { cores: 3, memory: 3 * gib } }, /^INVALID_ARGUMENT: 3 cores/],
        [{ bootDiskSpec: { diskSpec: { imageId, size: 5 * gib } } }, /^INVALID_ARGUMENT: Disk size/],
        [{ bootDiskSpec: { diskSpec: { imageId: "unknown", size: 10 * gib } } }, /^NOT_FOUND: Image/],
        [{ placementPolicy: { placementGroupId: "unknown" } }, /^NOT_FOUND: Placement group/],
        [{ hostname: "-db" }, /^INVALID_ARGUMENT: .* hostname/],
        [{ localDiskSpecs: [{ size: gib }] }, /^UNIMPLEMENTED/],
        [{ maintenanceGracePeriod: { seconds: 90_000 } }, /^INVALID_ARGUMENT: maintenance_grace_period/],
    ])("are not made with %j", async (fields, message) => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        expect(await refusedInstance(subnet.id, fields as InstanceOptions)).toMatch(message);
    });

    test("change their hardware while stopped only", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const { id } = await cloud.instance(subnet.id);
        const resize = (cores: number) =>
            refusal(
                cloud.instances.update({
                    instanceId: id,
                    resourcesSpec: { cores, memory: 4 * gib, coreFraction: 100, gpus: 0 },
                    updateMask: { paths: ["resources_spec"] },
                }),
            );
        expect(await resize(4)).toMatch(/^FAILED_PRECONDITION: .* must be stopped/);
        expect(await refusal(cloud.instances.start({ instanceId: id }))).toMatch(/^FAILED_PRECONDITION/);
        await cloud.instances.stop({ instanceId: id });
        expect(await refusal(cloud.instances.stop({ instanceId: id }))).toMatch(/^FAILED_PRECONDITION/);
        expect(await refusal(cloud.instances.restart({ instanceId: id }))).toMatch(/^FAILED_PRECONDITION/);
        expect(await resize(3)).toMatch(/^INVALID_ARGUMENT/);
        expect(await resize(4)).toBe("OK");
        expect(await refusal(cloud.instances.update({ instanceId: id, updateMask: { paths: ["zone_id"] } }))).toMatch(
            /^INVALID_ARGUMENT: update_mask/,
        );
    });

    test("of a placement group are five", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const group = await cloud.placementGroup();
        const placed = { placementPolicy: { placementGroupId: group.id } };
        for (let count = 0; count < 5; count++) await cloud.instance(subnet.id, placed);
        expect(await refusedInstance(subnet.id, placed)).toMatch(/^RESOURCE_EXHAUSTED: Placement group/);
        expect(await refusal(cloud.placementGroups.delete({ placementGroupId: group.id }))).toMatch(
            /^FAILED_PRECONDITION/,
        );
    });
});

describe("the quotas of a new account", () => {
    test("networks 2, subnets 6, placement groups 2, static public addresses 2", async () => {
        const network = await cloud.network("a");
        await cloud.network("b");
        expect(await refusal(cloud.network("c"))).toBe(
            "RESOURCE_EXHAUSTED: Quota limit vpc.networks.count exceeded: 3 of 2",
        );
        for (let third = 0; third < 6; third++) await cloud.subnet(network.id, `10.1.${third}.0/24`);
        expect(await refusal(cloud.subnet(network.id, "10.1.6.0/24"))).toMatch(/vpc.subnets.count exceeded: 7 of 6/);
        await Promise.all([cloud.placementGroup(), cloud.placementGroup()]);
        expect(await refusal(cloud.placementGroup())).toMatch(/compute.placementGroups.count/);
        await Promise.all([cloud.address(), cloud.address()]);
        expect(await refusal(cloud.address())).toMatch(/vpc.externalStaticAddresses.count/);
    });

    test("security groups 10, default ones not counted", async () => {
        const network = await cloud.network();
        await Promise.all(Array.from({ length: 10 }, () => cloud.securityGroup(network.id)));
        expect(await refusal(cloud.securityGroup(network.id))).toMatch(/^RESOURCE_EXHAUSTED: .*securityGroups.count/);
    });

    test("machines 12, vCPUs 32, memory 128 GB", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const sized = (cores: number, memoryGib: number) => ({
            resourcesSpec: { cores, memory: memoryGib * gib, coreFraction: 100 },
        });
        await cloud.instance(subnet.id, sized(16, 16));
        await cloud.instance(subnet.id, sized(14, 14));
        expect(await refusedInstance(subnet.id, sized(4, 4))).toMatch(
            /^RESOURCE_EXHAUSTED: .*instanceCores.count exceeded: 34 of 32/,
        );
        expect(
            await refusedInstance(subnet.id, { resourcesSpec: { cores: 2, memory: 32 * gib, coreFraction: 100 } }),
        ).toBe("OK");
        const again = await cloud.network("again");
        const other = await cloud.subnet(again.id);
        expect(await refusedInstance(other.id, sized(2, 2))).toMatch(/^RESOURCE_EXHAUSTED/);
    });

    test("public addresses 8 in all", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const nat = nic(subnet.id, { primaryV4AddressSpec: { oneToOneNatSpec: {} } });
        await cloud.address();
        for (let count = 0; count < 7; count++) await cloud.instance(subnet.id, nat);
        expect(await refusedInstance(subnet.id, nat)).toMatch(
            /^RESOURCE_EXHAUSTED: .*externalAddresses.count exceeded: 9 of 8/,
        );
    });

    test("disks 32, SSD 200 GB, HDD 500 GB", async () => {
        await cloud.disk({ size: 195 * gib });
        expect(await refusal(cloud.disk({ size: 6 * gib }))).toMatch(/ssdDisks.size/);
        await cloud.disk({ typeId: "", size: 460 * gib });
        expect(await refusal(cloud.disk({ typeId: "network-hdd", size: 41 * gib }))).toMatch(/hddDisks.size/);
        for (let count = 0; count < 30; count++) await cloud.disk({ typeId: "network-hdd", size: gib });
        expect(await refusal(cloud.disk({ typeId: "network-hdd", size: gib }))).toMatch(
            /disks.count exceeded: 33 of 32/,
        );
    });

    test("operations of Compute Cloud at a time in a folder 15", async () => {
        let release = () => {};
        cloud.driver.barriers.set("createDisk", new Promise((resolve) => (release = resolve)));
        const create = () => refusal(cloud.disks.create({ folderId, zoneId, typeId: "network-hdd", size: gib }));
        const first = Array.from({ length: 15 }, create);
        await expect.poll(() => cloud.driver.calls.length).toBeGreaterThanOrEqual(15);
        expect(await create()).toMatch(/^RESOURCE_EXHAUSTED: The limit on maximum number of active operations/);
        release();
        expect(new Set(await Promise.all(first))).toEqual(new Set(["OK"]));
        expect(await create()).toBe("OK");
    });
});
