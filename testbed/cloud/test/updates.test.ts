import { Instance, Instance_Status, MetadataOption } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import {
    AttachInstanceDiskRequest,
    InstanceView,
    UpdateInstanceNetworkInterfaceRequest,
    UpdateInstanceRequest,
} from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { SecurityGroup } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group";
import { UpdateSecurityGroupRulesRequest } from "@yandex-cloud/nodejs-sdk/vpc-v1/security_group_service";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gib, refusal, response, rule, TestCloud, type InstanceOptions } from "./harness.ts";

let cloud: TestCloud;
beforeEach(async () => {
    cloud = await TestCloud.start();
});
afterEach(() => cloud.stop());

const described = { name: "new", description: "new", labels: { new: "yes" } };
const namesOnly = { paths: ["name", "labels"] };

test("only what the mask names is changed; without a mask everything", async () => {
    const network = await cloud.network("old");
    await cloud.networks.update({ networkId: network.id, ...described, updateMask: namesOnly });
    expect(await cloud.networks.get({ networkId: network.id })).toEqual({
        ...network,
        name: "new",
        labels: { new: "yes" },
    });
    await cloud.networks.update({ networkId: network.id, description: "only this" });
    expect(await cloud.networks.get({ networkId: network.id })).toEqual({
        ...network,
        name: "",
        description: "only this",
        labels: {},
    });
});

test("every kind takes a new name and labels", async () => {
    const network = await cloud.network("old");
    const gateway = await cloud.gateway();
    const table = await cloud.routeTable(network.id, gateway.id);
    const subnet = await cloud.subnet(network.id);
    const group = await cloud.securityGroup(network.id, [rule("TCP", 22)]);
    const address = await cloud.address();
    const disk = await cloud.disk();
    const placementGroup = await cloud.placementGroup();
    const update = { ...described, updateMask: namesOnly };
    await cloud.gateways.update({ gatewayId: gateway.id, ...update });
    await cloud.routeTables.update({ routeTableId: table.id, ...update });
    await cloud.subnets.update({ subnetId: subnet.id, ...update });
    await cloud.securityGroups.update({ securityGroupId: group.id, ...update });
    await cloud.addresses.update({ addressId: address.id, ...update });
    await cloud.disks.update({ diskId: disk.id, ...update });
    await cloud.placementGroups.update({ placementGroupId: placementGroup.id, ...update });
    const changed = { name: "new", labels: { new: "yes" } };
    expect(await cloud.gateways.get({ gatewayId: gateway.id })).toEqual({ ...gateway, ...changed });
    expect(await cloud.routeTables.get({ routeTableId: table.id })).toEqual({ ...table, ...changed });
    expect(await cloud.subnets.get({ subnetId: subnet.id })).toEqual({ ...subnet, ...changed });
    expect(await cloud.securityGroups.get({ securityGroupId: group.id })).toEqual({ ...group, ...changed });
    expect(await cloud.addresses.get({ addressId: address.id })).toEqual({ ...address, ...changed });
    expect(await cloud.disks.get({ diskId: disk.id })).toEqual({ ...disk, ...changed });
    expect(await cloud.placementGroups.get({ placementGroupId: placementGroup.id })).toEqual({
        ...placementGroup,
        ...changed,
    });
});

test("a subnet has a way to the internet as long as it has a route table", async () => {
    const network = await cloud.network();
    const gateway = await cloud.gateway();
    const table = await cloud.routeTable(network.id, gateway.id);
    const subnet = await cloud.subnet(network.id);
    const routed = () => cloud.driver.network.subnets[0]?.hasInternetRoute;
    expect(routed()).toBe(false);
    await cloud.subnets.update({
        subnetId: subnet.id,
        routeTableId: table.id,
        updateMask: { paths: ["route_table_id"] },
    });
    expect(routed()).toBe(true);
    await cloud.routeTables.update({
        routeTableId: table.id,
        staticRoutes: [],
        updateMask: { paths: ["static_routes"] },
    });
    expect(routed()).toBe(false);
});

describe("security group rules", () => {
    const update = async (securityGroupId: string, deletionRuleIds: string[], additionRuleSpecs: object[]) =>
        response(
            SecurityGroup,
            await cloud.securityGroups.updateRules(
                UpdateSecurityGroupRulesRequest.fromPartial({ securityGroupId, deletionRuleIds, additionRuleSpecs }),
            ),
        );

    test("keep their id when an equal one replaces them", async () => {
        const network = await cloud.network();
        const group = await cloud.securityGroup(network.id, [rule("TCP", 22), rule("TCP", 5432)]);
        const [ssh, database] = group.rules.map(({ id }) => id);
        const updated = await update(
            group.id,
            [ssh ?? "", database ?? ""],
            [rule("tcp", 5432), rule("TCP", 6432), rule("TCP", 22)],
        );
        expect(updated.rules.map(({ ports }) => ports?.fromPort)).toEqual([5432, 6432, 22]);
        expect(updated.rules[0]?.id).toBe(database);
        expect(updated.rules[2]?.id).toBe(ssh);
        expect(new Set(updated.rules.map(({ id }) => id)).size).toBe(3);
        expect(cloud.driver.network.securityGroups.find(({ id }) => id === group.id)?.rules).toHaveLength(3);
    });

    test("reach the machines' network in its own words", async () => {
        const network = await cloud.network();
        const other = await cloud.securityGroup(network.id);
        const group = await cloud.securityGroup(network.id, [
            { direction: 1, protocolName: "ANY", predefinedTarget: "self_security_group" },
            { direction: 2, protocolName: "UDP", ports: { fromPort: 100, toPort: 200 }, securityGroupId: other.id },
            {
                direction: 1,
                protocolName: "TCP",
                ports: { fromPort: 8080, toPort: 8080 },
                predefinedTarget: "loadbalancer_healthchecks",
            },
        ]);
        expect(cloud.driver.network.securityGroups.find(({ id }) => id === group.id)?.rules).toEqual([
            { direction: "ingress", protocol: "ANY", selfSecurityGroup: true },
            { direction: "egress", protocol: "UDP", fromPort: 100, toPort: 200, securityGroupId: other.id },
            {
                direction: "ingress",
                protocol: "TCP",
                fromPort: 8080,
                toPort: 8080,
                cidrs: ["198.18.235.0/24", "198.18.248.0/24"],
            },
        ]);
    });
});

describe("an instance", () => {
    let subnetId: string;
    let networkId: string;
    beforeEach(async () => {
        networkId = (await cloud.network()).id;
        subnetId = (await cloud.subnet(networkId)).id;
    });
    const get = (instanceId: string) => cloud.instances.get({ instanceId, view: InstanceView.FULL });
    const withNat = (oneToOneNatSpec: object): InstanceOptions => ({
        networkInterfaceSpecs: [{ subnetId, primaryV4AddressSpec: { oneToOneNatSpec } }],
    });
    const publicAddress = (instance: Instance) => instance.networkInterfaces[0]?.primaryV4Address?.oneToOneNat?.address;
    const appliedPublicAddress = () => cloud.driver.network.interfaces[0]?.publicAddress;

    test("takes new metadata and labels while it runs; the machine learns of them", async () => {
        const created = await cloud.instance(subnetId, { metadata: { "user-data": "old" } });
        const update = (fields: object, path: string) =>
            cloud.instances.update(
                UpdateInstanceRequest.fromPartial({ instanceId: created.id, ...fields, updateMask: { paths: [path] } }),
            );
        await update({ metadata: { "user-data": "new" } }, "metadata");
        await update({ labels: { role: "db" } }, "labels");
        await update({ metadataOptions: { gceHttpToken: MetadataOption.DISABLED } }, "metadata_options");
        await update({ serviceAccountId: "aje1" }, "service_account_id");
        expect(await get(created.id)).toEqual({
            ...created,
            metadata: { "user-data": "new" },
            labels: { role: "db" },
            metadataOptions: { ...created.metadataOptions, gceHttpToken: MetadataOption.DISABLED },
            serviceAccountId: "aje1",
        });
        expect(cloud.driver.machine(created.id)).toMatchObject({ running: true, spec: { userData: "new" } });
    });

    test("is stopped, resized, placed and started", async () => {
        const { id } = await cloud.instance(subnetId, { secondaryDiskSpecs: [] });
        const group = await cloud.placementGroup();
        await cloud.instances.stop({ instanceId: id });
        expect(cloud.driver.machine(id).running).toBe(false);
        expect((await get(id)).status).toBe(Instance_Status.STOPPED);
        await cloud.instances.update(
            UpdateInstanceRequest.fromPartial({
                instanceId: id,
                resourcesSpec: { cores: 4, memory: 8 * gib },
                placementPolicy: { placementGroupId: group.id },
                updateMask: { paths: ["resources_spec", "placement_policy.placement_group_id"] },
            }),
        );
        await cloud.instances.start({ instanceId: id });
        expect(await get(id)).toMatchObject({
            status: Instance_Status.RUNNING,
            resources: { cores: 4, memory: 8 * gib, coreFraction: 100 },
            placementPolicy: { placementGroupId: group.id },
        });
        expect(cloud.driver.machine(id)).toMatchObject({ running: true, spec: { cores: 4, memoryBytes: 8 * gib } });
    });

    test("gets disks attached, grown and detached", async () => {
        const { id } = await cloud.instance(subnetId);
        const disk = await cloud.disk({ size: 5 * gib });
        await cloud.instances.attachDisk(
            AttachInstanceDiskRequest.fromPartial({
                instanceId: id,
                attachedDiskSpec: { diskId: disk.id, deviceName: "data" },
            }),
        );
        expect((await get(id)).secondaryDisks).toEqual([
            { diskId: disk.id, deviceName: "data", mode: 2, autoDelete: false },
        ]);
        await cloud.disks.update({ diskId: disk.id, size: 7 * gib, updateMask: { paths: ["size"] } });
        expect(cloud.driver.machine(id).spec.disks[1]).toEqual({
            diskId: disk.id,
            deviceName: "data",
            sizeBytes: 7 * gib,
            boot: false,
        });
        await cloud.instances.detachDisk({ instanceId: id, diskId: disk.id });
        expect((await get(id)).secondaryDisks).toEqual([]);
        expect(cloud.driver.machine(id).spec.disks).toHaveLength(1);
        expect(await cloud.disks.get({ diskId: disk.id })).toMatchObject({ instanceIds: [] });
    });

    test("has a boot disk that grows with no file to resize", async () => {
        const { id, bootDisk } = await cloud.instance(subnetId);
        await cloud.disks.update({ diskId: bootDisk?.diskId ?? "", size: 15 * gib, updateMask: { paths: ["size"] } });
        expect(cloud.driver.machine(id).spec.disks[0]?.sizeBytes).toBe(15 * gib);
        expect(cloud.driver.calls.some((call) => call.startsWith("resizeDisk"))).toBe(false);
    });

    test("gets and loses a public address, its own or a reserved one", async () => {
        const { id } = await cloud.instance(subnetId);
        const nat = { instanceId: id, networkInterfaceIndex: "0" };
        const dynamic = response(
            Instance,
            await cloud.instances.addOneToOneNat({
                ...nat,
                oneToOneNatSpec: { ipVersion: 1, address: "", dnsRecordSpecs: [] },
            }),
        );
        expect(publicAddress(dynamic)).toBe(appliedPublicAddress());
        expect(appliedPublicAddress()).toMatch(/^127\.77\.0\./);
        expect(await refusal(cloud.instances.addOneToOneNat(nat))).toMatch(/^FAILED_PRECONDITION/);
        await cloud.instances.removeOneToOneNat(nat);
        expect(appliedPublicAddress()).toBeUndefined();
        expect(await refusal(cloud.instances.removeOneToOneNat(nat))).toMatch(/^FAILED_PRECONDITION/);

        const reserved = (await cloud.address()).externalIpv4Address?.address ?? "";
        await cloud.instances.addOneToOneNat({
            ...nat,
            oneToOneNatSpec: { ipVersion: 0, address: reserved, dnsRecordSpecs: [] },
        });
        expect((await get(id)).networkInterfaces[0]?.primaryV4Address?.oneToOneNat).toEqual({
            address: reserved,
            ipVersion: 1,
            dnsRecords: [],
        });
    });

    test("that is stopped loses a dynamic public address, that is restarted keeps it", async () => {
        const { id } = await cloud.instance(subnetId, withNat({}));
        const first = appliedPublicAddress();
        await cloud.instances.restart({ instanceId: id });
        expect(appliedPublicAddress()).toBe(first);
        await cloud.instances.stop({ instanceId: id });
        expect(publicAddress(await get(id))).toBe("");
        expect(appliedPublicAddress()).toBeUndefined();
        await cloud.instances.start({ instanceId: id });
        expect(appliedPublicAddress()).toMatch(/^127\.77\.0\./);
        expect(appliedPublicAddress()).not.toBe(first);
    });

    test("that is stopped keeps a reserved public address", async () => {
        const reserved = (await cloud.address()).externalIpv4Address?.address ?? "";
        const { id } = await cloud.instance(subnetId, withNat({ address: reserved }));
        await cloud.instances.stop({ instanceId: id });
        await cloud.instances.start({ instanceId: id });
        expect(appliedPublicAddress()).toBe(reserved);
    });

    describe("its network interface", () => {
        const update = (instanceId: string, fields: object, ...paths: string[]) =>
            cloud.instances.updateNetworkInterface(
                UpdateInstanceNetworkInterfaceRequest.fromPartial({
                    instanceId,
                    networkInterfaceIndex: "0",
                    ...fields,
                    updateMask: { paths },
                }),
            );

        test("changes its security groups while the instance runs", async () => {
            const { id } = await cloud.instance(subnetId, withNat({}));
            const group = await cloud.securityGroup(networkId);
            const before = cloud.driver.network.interfaces[0];
            await update(id, { securityGroupIds: [group.id] }, "security_group_ids");
            expect(cloud.driver.network.interfaces[0]).toEqual({ ...before, securityGroupIds: [group.id] });
        });

        test("changes its subnet and address while the instance is stopped", async () => {
            const other = await cloud.subnet(networkId, "10.2.0.0/24");
            const { id } = await cloud.instance(subnetId, withNat({}));
            const readdress = () =>
                refusal(
                    update(
                        id,
                        { subnetId: other.id, primaryV4AddressSpec: { address: "10.2.0.7", oneToOneNatSpec: {} } },
                        "subnet_id",
                        "primary_v4_address_spec",
                    ),
                );
            expect(await readdress()).toMatch(/^FAILED_PRECONDITION: .* must be stopped/);
            await cloud.instances.stop({ instanceId: id });
            expect(await readdress()).toBe("OK");
            await cloud.instances.start({ instanceId: id });
            expect(cloud.driver.network.interfaces[0]).toMatchObject({
                subnetId: other.id,
                address: "10.2.0.7",
                publicAddress: expect.any(String) as string,
            });
            expect(
                await refusal(update(id, { networkInterfaceIndex: "1", securityGroupIds: [] }, "security_group_ids")),
            ).toMatch(/^NOT_FOUND/);
        });
    });
});

describe("when the machines cannot follow, the state is as before", () => {
    test.each([
        [
            "attachDisk",
            async (id: string) =>
                cloud.instances.attachDisk(
                    AttachInstanceDiskRequest.fromPartial({
                        instanceId: id,
                        attachedDiskSpec: { diskId: (await cloud.disk()).id },
                    }),
                ),
        ],
        ["stopMachine", (id: string) => cloud.instances.stop({ instanceId: id })],
        [
            "updateMachine",
            (id: string) =>
                cloud.instances.update({ instanceId: id, metadata: { a: "b" }, updateMask: { paths: ["metadata"] } }),
        ],
        [
            "applyNetwork",
            (id: string) => cloud.instances.addOneToOneNat({ instanceId: id, networkInterfaceIndex: "0" }),
        ],
    ] as const)("%s", async (method, change) => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const { id } = await cloud.instance(subnet.id);
        const before = await cloud.instances.get({ instanceId: id, view: InstanceView.FULL });
        cloud.driver.failures.set(method, "broken");
        expect(await change(id)).toMatchObject({ done: true, error: { code: 13, message: "broken" } });
        expect(await cloud.instances.get({ instanceId: id, view: InstanceView.FULL })).toEqual(before);
    });

    test("createDisk and resizeDisk", async () => {
        const disk = await cloud.disk({ name: "data" });
        cloud.driver.failures.set("resizeDisk", "full");
        expect(
            await cloud.disks.update({ diskId: disk.id, size: 20 * gib, updateMask: { paths: ["size"] } }),
        ).toMatchObject({ error: { message: "full" } });
        expect(await cloud.disks.get({ diskId: disk.id })).toEqual(disk);
        cloud.driver.failures.set("createDisk", "full");
        await expect(cloud.disk({ name: "other" })).rejects.toThrow("full");
        await cloud.disk({ name: "other" });
    });
});

describe("calls at the same time", () => {
    test("on one instance are done one after another", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id);
        const { id } = await cloud.instance(subnet.id);
        let stopped = (): void => undefined;
        cloud.driver.barriers.set("stopMachine", new Promise((resolve) => (stopped = resolve)));
        const { instances } = cloud;
        const outcomes: Promise<string>[] = [];
        for (const call of [
            instances.stop,
            instances.start,
            instances.restart,
            instances.stop,
            instances.delete,
            instances.start,
        ]) {
            outcomes.push(refusal(call({ instanceId: id })));
            // Calls that are sent together may arrive in any order: an answer shows that the one before is there.
            await instances.get({ instanceId: id });
        }
        stopped();
        expect((await Promise.all(outcomes)).map((outcome) => outcome.split(":")[0])).toEqual([
            "OK",
            "OK",
            "OK",
            "OK",
            "OK",
            "NOT_FOUND",
        ]);
        expect(cloud.driver.machines.size).toBe(0);
    });

    test("never give an address or a disk twice, or leave a subnet away from under an instance", async () => {
        const network = await cloud.network();
        const subnet = await cloud.subnet(network.id, "10.1.0.0/28");
        const disk = await cloud.disk();
        const [instances, deletion] = await Promise.all([
            Promise.allSettled(
                Array.from({ length: 6 }, () =>
                    cloud.instance(subnet.id, { secondaryDiskSpecs: [{ diskId: disk.id }] }),
                ),
            ),
            refusal(cloud.subnets.delete({ subnetId: subnet.id })),
        ]);
        expect(instances.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(deletion).toMatch(/^FAILED_PRECONDITION/);
        await Promise.all(Array.from({ length: 8 }, () => cloud.instance(subnet.id)));
        const addresses = cloud.driver.network.interfaces.map(({ address }) => address);
        expect(new Set(addresses).size).toBe(9);
        expect(new Set(cloud.driver.network.interfaces.map(({ macAddress }) => macAddress)).size).toBe(9);
    });
});
