import { readFile, stat } from "node:fs/promises";
import { Disk } from "@yandex-cloud/nodejs-sdk/compute-v1/disk";
import { Instance, Instance_Status } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { CreateInstanceMetadata, InstanceView } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { NetworkServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/network_service";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderId, gib, imageId, instanceRequest, refusal, response, rule, TestCloud } from "./harness.ts";

let cloud: TestCloud;
beforeEach(async () => {
    cloud = await TestCloud.start();
});
afterEach(() => cloud.stop());

test("all services are found on the one port", async () => {
    const { endpoints } = await cloud.endpoints.list({});
    expect(endpoints.map(({ id }) => id)).toEqual(expect.arrayContaining(["iam", "vpc", "compute", "operation"]));
    expect(new Set(endpoints.map(({ address }) => address))).toEqual(new Set([`localhost:${cloud.port}`]));
});

test("resources are listed by name, in their folder, as the provider looks them up", async () => {
    const network = await cloud.network("main");
    const other = await cloud.network("other");
    const listed = async (filter: string, folder = folderId) =>
        (await cloud.networks.list({ folderId: folder, filter })).networks.map(({ id }) => id);
    expect(await listed('name = "main"')).toEqual([network.id]);
    expect(await listed('name = "ma"')).toEqual([]);
    expect(await listed('name = "main"', "b1ganother")).toEqual([]);
    expect(await listed("")).toEqual([network.id, other.id]);
    expect(await refusal(cloud.networks.list({ folderId, filter: 'labels.cluster = "main"' }))).toMatch(
        /^UNIMPLEMENTED: filter/,
    );
});

test("an instance becomes a machine with its disks, addresses and rules", async () => {
    const network = await cloud.network();
    const gateway = await cloud.gateway();
    const table = await cloud.routeTable(network.id, gateway.id);
    const subnet = await cloud.subnet(network.id, "10.1.0.0/24", { routeTableId: table.id });
    const group = await cloud.securityGroup(network.id, [rule("tcp", 22)]);
    const disk = await cloud.disk({ size: 5 * gib });
    const operation = await cloud.instances.create(
        instanceRequest(subnet.id, {
            name: "db-1",
            hostname: "db-1",
            metadata: { "user-data": "#cloud-config\n", other: "value" },
            secondaryDiskSpecs: [{ diskId: disk.id, deviceName: "data" }],
            networkInterfaceSpecs: [
                {
                    subnetId: subnet.id,
                    securityGroupIds: [group.id],
                    primaryV4AddressSpec: { address: "10.1.0.10", oneToOneNatSpec: { ipVersion: 1 } },
                },
            ],
        }),
    );
    const instance = response(Instance, operation);
    expect(operation.metadata?.typeUrl).toBe("type.googleapis.com/yandex.cloud.compute.v1.CreateInstanceMetadata");
    expect(CreateInstanceMetadata.decode(operation.metadata?.value ?? Buffer.alloc(0)).instanceId).toBe(instance.id);
    expect(instance.status).toBe(Instance_Status.RUNNING);

    const bootDiskId = instance.bootDisk?.diskId ?? "";
    expect(cloud.driver.machine(instance.id)).toEqual({
        running: true,
        spec: {
            id: instance.id,
            name: "db-1",
            hostname: "db-1",
            fqdn: "db-1.ru-central1.internal",
            zone: "ru-central1-a",
            cores: 2,
            memoryBytes: 2 * gib,
            imageId,
            userData: "#cloud-config\n",
            metadata: { "user-data": "#cloud-config\n", other: "value" },
            disks: [
                { diskId: bootDiskId, deviceName: bootDiskId, sizeBytes: 10 * gib, boot: true },
                { diskId: disk.id, deviceName: "data", sizeBytes: 5 * gib, boot: false },
            ],
        },
    });
    expect(cloud.driver.network.subnets).toEqual([
        { id: subnet.id, networkId: network.id, zone: "ru-central1-a", cidr: "10.1.0.0/24", hasInternetRoute: true },
    ]);
    expect(cloud.driver.network.securityGroups).toContainEqual({
        id: group.id,
        networkId: network.id,
        rules: [{ direction: "ingress", protocol: "TCP", fromPort: 22, toPort: 22, cidrs: ["10.0.0.0/8"] }],
    });
    expect(cloud.driver.network.interfaces).toEqual([
        {
            instanceId: instance.id,
            index: 0,
            hostname: "db-1",
            fqdn: "db-1.ru-central1.internal",
            subnetId: subnet.id,
            macAddress: instance.networkInterfaces[0]?.macAddress,
            address: "10.1.0.10",
            publicAddress: "127.77.0.2",
            securityGroupIds: [group.id],
        },
    ]);
    expect(await cloud.disks.get({ diskId: disk.id })).toMatchObject({ instanceIds: [instance.id] });

    await cloud.instances.delete({ instanceId: instance.id });
    expect(cloud.driver.machines.size).toBe(0);
    expect(cloud.driver.network.interfaces).toEqual([]);
    expect(await refusal(cloud.disks.get({ diskId: bootDiskId }))).toMatch(/^NOT_FOUND/);
    expect(await cloud.disks.get({ diskId: disk.id })).toMatchObject({ instanceIds: [] });
});

test("an interface without groups has its network's default group", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    const instance = await cloud.instance(subnet.id);
    expect(instance.networkInterfaces[0]?.securityGroupIds).toEqual([]);
    expect(instance.fqdn).toBe(`${instance.id}.auto.internal`);
    expect(cloud.driver.network.interfaces[0]?.securityGroupIds).toEqual([network.defaultSecurityGroupId]);
    expect(cloud.driver.network.securityGroups.map(({ id }) => id)).toContain(network.defaultSecurityGroupId);
});

test("a machine that cannot start fails the operation and leaves nothing", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    cloud.driver.failures.set("createMachine", "no memory left");
    const operation = await cloud.instances.create(instanceRequest(subnet.id, { name: "vm" }));
    expect(operation).toMatchObject({ done: true, error: { code: 13, message: "no memory left" } });
    expect(operation.response).toBeUndefined();
    const { instanceId } = CreateInstanceMetadata.decode(operation.metadata?.value ?? Buffer.alloc(0));
    expect(await refusal(cloud.instances.get({ instanceId }))).toMatch(/^NOT_FOUND/);
    expect(cloud.driver.network.interfaces).toEqual([]);
    // Name, address and disk are free again.
    await cloud.instance(subnet.id, { name: "vm" });
});

test("metadata is shown in the full view only", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    const { id } = await cloud.instance(subnet.id, { metadata: { "user-data": "secret" } });
    expect(await cloud.instances.get({ instanceId: id, view: InstanceView.FULL })).toMatchObject({
        metadata: { "user-data": "secret" },
    });
    expect(await cloud.instances.get({ instanceId: id })).toMatchObject({ metadata: {} });
});

test("the state survives a killed emulator", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    const disk = await cloud.disk({ labels: { role: "data" } });
    const group = await cloud.securityGroup(network.id, [rule("TCP", 5432)]);
    const created = await cloud.instance(subnet.id, {
        metadata: { a: "b" },
        secondaryDiskSpecs: [{ diskId: disk.id }],
    });
    const view = { instanceId: created.id, view: InstanceView.FULL };
    const before = await Promise.all([
        cloud.instances.get(view),
        cloud.disks.get({ diskId: disk.id }),
        cloud.securityGroups.get({ securityGroupId: group.id }),
    ]);
    const applied = cloud.driver.network;
    cloud.driver.network = { subnets: [], securityGroups: [], interfaces: [] };
    await cloud.restart();
    const after = await Promise.all([
        cloud.instances.get(view),
        cloud.disks.get({ diskId: disk.id }),
        cloud.securityGroups.get({ securityGroupId: group.id }),
    ]);
    expect(after).toEqual(before);
    expect(cloud.driver.network).toEqual(applied);
    expect((await stat(cloud.stateFile)).mode & 0o777).toBe(0o600);
});

test("what a killed emulator left half-way is brought to an end", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    const stopping = await cloud.instance(subnet.id);
    const never = new Promise<void>(() => undefined);
    cloud.driver.barriers.set("createMachine", never).set("stopMachine", never).set("createDisk", never);
    void cloud.instances.create(instanceRequest(subnet.id)).catch(() => undefined);
    void cloud.instances.stop({ instanceId: stopping.id }).catch(() => undefined);
    void cloud.disks.create({ folderId, zoneId: "ru-central1-a", size: gib }).catch(() => undefined);
    await expect
        .poll(() => cloud.driver.calls.filter((call) => /createMachine|stopMachine|createDisk/.test(call)).length)
        .toBe(4);

    cloud.driver.barriers.clear();
    await cloud.restart();
    expect(cloud.driver.network.interfaces.map(({ instanceId }) => instanceId)).toEqual([stopping.id]);
    expect(await cloud.instances.get({ instanceId: stopping.id })).toMatchObject({ status: Instance_Status.STOPPED });
    const [, halfMade = ""] = cloud.driver.calls.find((call) => call.startsWith("createDisk"))?.split(" ") ?? [];
    expect(cloud.driver.calls).toContain(`deleteDisk ${halfMade}`);
    expect(await refusal(cloud.disks.get({ diskId: halfMade }))).toMatch(/^NOT_FOUND/);
});

test("a second emulator on the same port touches nothing", async () => {
    const network = await cloud.network();
    const subnet = await cloud.subnet(network.id);
    let release = () => {};
    cloud.driver.barriers.set("createMachine", new Promise((resolve) => (release = resolve)));
    const creation = cloud.instances.create(instanceRequest(subnet.id));
    await expect.poll(() => cloud.driver.calls.at(-1)).toMatch(/createMachine/);
    const calls = [...cloud.driver.calls];
    await expect(cloud.startSecond()).rejects.toThrow("EADDRINUSE");
    expect(cloud.driver.calls).toEqual(calls);
    release();
    expect(response(Instance, await creation).status).toBe(Instance_Status.RUNNING);
});

test("a repeated call gets the first answer, also after a restart", async () => {
    const header = { "idempotency-key": "6f1b" };
    const [first, second] = await Promise.all([
        cloud.disks.create({ folderId, zoneId: "ru-central1-a", size: gib }, header),
        cloud.disks.create({ folderId, zoneId: "ru-central1-a", size: gib }, header),
    ]);
    expect(second).toEqual(first);
    await cloud.restart();
    const third = await cloud.disks.create({ folderId, zoneId: "ru-central1-a", size: gib }, header);
    expect(response(Disk, third)).toEqual(response(Disk, first));
    expect(cloud.driver.disks.size).toBe(1);
    expect(await cloud.operations.get({ operationId: first.id })).toEqual(first);
});

test("calls without a token are refused, but not those that get one", async () => {
    const without = cloud.client(NetworkServiceService, "");
    for (const headers of [{}, { authorization: "Bearer " }, { authorization: "Basic eDp5" }] as Record<
        string,
        string
    >[]) {
        expect(await refusal(without.get({ networkId: "x" }, headers))).toMatch(/^UNAUTHENTICATED/);
    }
    const { iamToken, expiresAt } = await cloud.tokens.create({ yandexPassportOauthToken: "y0_oauth" });
    expect(iamToken).toMatch(/^t1\./);
    expect(expiresAt?.getTime()).toBeGreaterThan(Date.now());
    expect(await refusal(cloud.tokens.create({}))).toMatch(/^UNAUTHENTICATED/);
});

test("the log has calls and refusals but no secrets", async () => {
    const network = await cloud.network("logged");
    const subnet = await cloud.subnet(network.id);
    await cloud.instance(subnet.id, { metadata: { "user-data": "hush-hush" } });
    await cloud.tokens.create({ yandexPassportOauthToken: "hush-hush" });
    await refusal(cloud.networks.delete({ networkId: network.id }));
    await expect.poll(() => readFile(cloud.logFile, "utf8")).toMatch(/NetworkService\/Delete/);
    const log = await readFile(cloud.logFile, "utf8");
    expect(log).not.toMatch(/hush-hush|t1\.test\.token/);
    const lines = log
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual(
        expect.objectContaining({
            method: "/yandex.cloud.vpc.v1.NetworkService/Create",
            status: "OK",
            request: { folderId, name: "logged" },
        }),
    );
    expect(lines).toContainEqual(
        expect.objectContaining({ status: "FAILED_PRECONDITION", request: { networkId: network.id } }),
    );
});

test("what the testbed does not serve is UNIMPLEMENTED", async () => {
    expect(await refusal(cloud.networks.move({ networkId: "", destinationFolderId: folderId }))).toMatch(
        /^UNIMPLEMENTED/,
    );
});
