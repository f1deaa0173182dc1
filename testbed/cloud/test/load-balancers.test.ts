import {
    NetworkLoadBalancer,
    NetworkLoadBalancer_Status as Status,
} from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer";
import { UpdateNetworkLoadBalancerRequest } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/network_load_balancer_service";
import { TargetGroup } from "@yandex-cloud/nodejs-sdk/loadbalancer-v1/target_group";
import type { Network } from "@yandex-cloud/nodejs-sdk/vpc-v1/network";
import type { Subnet } from "@yandex-cloud/nodejs-sdk/vpc-v1/subnet";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
    folderId,
    healthCheck,
    listenerSpec,
    networkLoadBalancerRequest,
    refusal,
    response,
    TestCloud,
    type NetworkLoadBalancerOptions,
} from "./harness.ts";

let cloud: TestCloud;
let network: Network;
let subnet: Subnet;
let group: TargetGroup;
beforeEach(async () => {
    cloud = await TestCloud.start();
    network = await cloud.network();
    subnet = await cloud.subnet(network.id, "10.1.0.0/24");
    group = await cloud.targetGroup([{ subnetId: subnet.id, address: "10.1.0.5" }], "targets");
});
afterEach(() => cloud.stop());

const refused = (more: NetworkLoadBalancerOptions, targetGroupId = group.id) =>
    refusal(cloud.networkLoadBalancers.create(networkLoadBalancerRequest(subnet.id, targetGroupId, more)));
const attached = (...checks: object[]) => ({
    attachedTargetGroups: [{ targetGroupId: group.id, healthChecks: checks }],
});
const listeners = (...listenerSpecs: object[]) => ({ listenerSpecs }) as NetworkLoadBalancerOptions;
const target = (address: string, of = subnet) => ({ subnetId: of.id, address });
const update = (request: object) =>
    cloud.networkLoadBalancers.update(UpdateNetworkLoadBalancerRequest.fromPartial(request as never));

describe("a network load balancer", () => {
    test("is shown as it was asked for, and the driver knows how to make it", async () => {
        const balancer = await cloud.networkLoadBalancer(subnet.id, group.id, {
            name: "main-lb",
            listenerSpecs: [
                listenerSpec(subnet.id, 5000, 5010, "10.1.0.9"),
                listenerSpec(subnet.id, 5001, 0, "10.1.0.9"),
            ],
        });
        expect(await cloud.networkLoadBalancers.get({ networkLoadBalancerId: balancer.id })).toEqual(balancer);
        expect(balancer).toMatchObject({ name: "main-lb", regionId: "ru-central1", status: Status.ACTIVE, type: 2 });
        expect(balancer.listeners).toMatchObject([
            { name: "port-5000", address: "10.1.0.9", port: 5000, targetPort: 5010, protocol: 1, subnetId: subnet.id },
            { name: "port-5001", address: "10.1.0.9", port: 5001, targetPort: 5001, protocol: 1, subnetId: subnet.id },
        ]);
        expect(cloud.driver.network.networkLoadBalancers).toEqual([
            {
                id: balancer.id,
                name: "main-lb",
                address: "10.1.0.9",
                listeners: [
                    { port: 5000, targetPort: 5010 },
                    { port: 5001, targetPort: 5001 },
                ],
                targets: ["10.1.0.5"],
                healthCheck: {
                    intervalSeconds: 2,
                    timeoutSeconds: 1,
                    unhealthyThreshold: 2,
                    healthyThreshold: 2,
                    port: 5012,
                    path: "/",
                },
            },
        ]);
        await cloud.networkLoadBalancers.delete({ networkLoadBalancerId: balancer.id });
        expect(cloud.driver.network.networkLoadBalancers).toEqual([]);
    });

    test("gets a default address and default timings of checks, and keeps the address when it changes", async () => {
        const check = { name: "check", tcpOptions: { port: 22 } };
        const balancer = await cloud.networkLoadBalancer(subnet.id, group.id, {
            ...listeners(listenerSpec(subnet.id, 5000, 5010), listenerSpec(subnet.id, 5001, 5011)),
            ...attached(check),
        });
        expect(balancer.listeners.map(({ address }) => address)).toEqual(["10.1.0.3", "10.1.0.3"]);
        expect(balancer.attachedTargetGroups[0]?.healthChecks).toMatchObject([
            { interval: { seconds: 2 }, timeout: { seconds: 1 }, unhealthyThreshold: 2, healthyThreshold: 2 },
        ]);
        expect(cloud.driver.network.networkLoadBalancers?.[0]?.healthCheck).not.toHaveProperty("path");
        // As the provider does: everything, without a mask.
        const changed = response(
            NetworkLoadBalancer,
            await update({
                networkLoadBalancerId: balancer.id,
                name: "other",
                ...listeners(listenerSpec(subnet.id, 6000, 5010)),
                ...attached(check),
            }),
        );
        expect(changed).toMatchObject({ name: "other", listeners: [{ address: "10.1.0.3", port: 6000 }] });
        expect(cloud.driver.network.networkLoadBalancers).toMatchObject([
            { name: "other", listeners: [{ port: 6000, targetPort: 5010 }] },
        ]);
    });

    test("follows its target group", async () => {
        const balancer = await cloud.networkLoadBalancer(subnet.id, group.id);
        const operation = await cloud.targetGroups.update({
            targetGroupId: group.id,
            targets: [target("10.1.0.5"), target("10.1.0.6")],
            updateMask: { paths: ["targets"] },
        });
        expect(response(TargetGroup, operation)).toMatchObject({
            name: "targets",
            targets: [target("10.1.0.5"), target("10.1.0.6")],
        });
        expect(cloud.driver.network.networkLoadBalancers?.[0]?.targets).toEqual(["10.1.0.5", "10.1.0.6"]);
        await cloud.targetGroups.update({ targetGroupId: group.id, targets: [], updateMask: { paths: ["targets"] } });
        expect((await cloud.networkLoadBalancers.get({ networkLoadBalancerId: balancer.id })).status).toBe(
            Status.INACTIVE,
        );
    });

    test("survives a killed emulator", async () => {
        const balancer = await cloud.networkLoadBalancer(subnet.id, group.id);
        const wanted = cloud.driver.network;
        await cloud.restart();
        expect(await cloud.networkLoadBalancers.get({ networkLoadBalancerId: balancer.id })).toEqual(balancer);
        expect(await cloud.targetGroups.get({ targetGroupId: group.id })).toEqual(group);
        expect(cloud.driver.network).toEqual(wanted);
    });

    test("is not there when the machines' network cannot follow", async () => {
        cloud.driver.failures.set("applyNetwork", "no such rule");
        const operation = await cloud.networkLoadBalancers.create(networkLoadBalancerRequest(subnet.id, group.id));
        expect(operation).toMatchObject({ done: true, error: { message: "no such rule" } });
        expect(await refused({})).toBe("OK");
    });
});

describe("refused are", () => {
    test("unknown ids", async () => {
        expect(await refusal(cloud.networkLoadBalancers.get({ networkLoadBalancerId: "unknown" }))).toBe(
            "NOT_FOUND: Network load balancer unknown not found",
        );
        expect(await refusal(cloud.targetGroups.get({ targetGroupId: "unknown" }))).toBe(
            "NOT_FOUND: Target group unknown not found",
        );
        expect(await refusal(cloud.networkLoadBalancers.delete({ networkLoadBalancerId: "unknown" }))).toMatch(
            /^NOT_FOUND/,
        );
        expect(await refused({}, "unknown")).toMatch(/^NOT_FOUND: Target group/);
        expect(await refused(listeners(listenerSpec("unknown", 5000, 5010)))).toMatch(/^NOT_FOUND: Subnet/);
    });

    test("values beyond the API's definition", async () => {
        expect(await refused({ name: "ab" })).toMatch(/^INVALID_ARGUMENT: .*name/);
        expect(await refused(listeners({ ...listenerSpec(subnet.id, 70000, 5010), name: "" }))).toMatch(
            /listener_specs\[0\]\.name: Field is required; .*listener_specs\[0\]\.port: 70000 is out of range/,
        );
        expect(await refused(attached(healthCheck({ unhealthyThreshold: 1 })))).toMatch(
            /health_checks\[0\]\.unhealthy_threshold: 1 is out of range 2\.\.10/,
        );
        expect(await refused(attached())).toMatch(/health_checks: Field is required/);
    });

    test.each<[string, () => NetworkLoadBalancerOptions, RegExp]>([
        [
            "a check of nothing",
            () => attached(healthCheck({ httpOptions: undefined })),
            /one of http_options and tcp_options is needed/,
        ],
        [
            "a check of two things",
            () => attached(healthCheck({ tcpOptions: { port: 1 } })),
            /one of http_options and tcp_options is needed/,
        ],
        [
            "a check's port that the cloud does not ask",
            () => attached(healthCheck({ httpOptions: { port: 40000, path: "/" } })),
            /port 40000 is not between 1 and 32767/,
        ],
        [
            "a check that is too seldom",
            () => attached(healthCheck({ interval: { seconds: 61, nanos: 0 } })),
            /interval 61 s is not between 1 and 60 s/,
        ],
        [
            "an address outside of the subnet",
            () => listeners(listenerSpec(subnet.id, 5000, 5010, "10.2.0.9")),
            /outside of subnet/,
        ],
        ["a reserved address", () => listeners(listenerSpec(subnet.id, 5000, 5010, "10.1.0.2")), /reserved/],
        [
            "two addresses",
            () =>
                listeners(
                    listenerSpec(subnet.id, 5000, 5010, "10.1.0.9"),
                    listenerSpec(subnet.id, 5001, 5011, "10.1.0.8"),
                ),
            /must have one address, not 10\.1\.0\.9 and 10\.1\.0\.8/,
        ],
        [
            "a public listener",
            () =>
                listeners({
                    ...listenerSpec(subnet.id, 5000, 5010),
                    internalAddressSpec: undefined,
                    externalAddressSpec: {},
                }),
            /needs internal_address_spec/,
        ],
        ["another region", () => ({ regionId: "eu-west1" }), /Region eu-west1/],
    ])("%s", async (_, more, message) => {
        const answer = await refused(more());
        expect(answer).toMatch(/^INVALID_ARGUMENT/);
        expect(answer).toMatch(message);
    });

    test("listeners of one name or port", async () => {
        expect(
            await refused(listeners(listenerSpec(subnet.id, 5000, 5010), listenerSpec(subnet.id, 5000, 5011))),
        ).toMatch(/^ALREADY_EXISTS: Two listeners have the name port-5000/);
        expect(
            await refused(
                listeners(listenerSpec(subnet.id, 5000, 5010), {
                    ...listenerSpec(subnet.id, 5000, 5011),
                    name: "other",
                }),
            ),
        ).toMatch(/^ALREADY_EXISTS: Two listeners have the port 5000/);
    });

    test("addresses that are in use, by any kind of resource", async () => {
        await cloud.instance(subnet.id, {
            networkInterfaceSpecs: [{ subnetId: subnet.id, primaryV4AddressSpec: { address: "10.1.0.9" } }],
        });
        expect(await refused({})).toMatch(/^FAILED_PRECONDITION: Address 10\.1\.0\.9 is already in use/);
        await cloud.networkLoadBalancer(
            subnet.id,
            group.id,
            listeners(listenerSpec(subnet.id, 5000, 5010, "10.1.0.8")),
        );
        const instance = cloud.instance(subnet.id, {
            networkInterfaceSpecs: [{ subnetId: subnet.id, primaryV4AddressSpec: { address: "10.1.0.8" } }],
        });
        expect(await refusal(instance)).toMatch(/^FAILED_PRECONDITION: Address 10\.1\.0\.8 is already in use/);
        expect(await refusal(cloud.subnets.delete({ subnetId: subnet.id }))).toMatch(/10\.1\.0\.8/);
    });

    test("targets that a group cannot have", async () => {
        const groupOf = (...targets: { subnetId: string; address: string }[]) =>
            refusal(cloud.targetGroups.create({ folderId, targets }));
        const sibling = await cloud.subnet(network.id, "10.1.1.0/24");
        const other = await cloud.network("other");
        const foreign = await cloud.subnet(other.id, "10.2.0.0/24", { zoneId: "ru-central1-b" });
        expect(await groupOf(target("10.1.0.5"), target("10.1.0.5"))).toMatch(
            /^INVALID_ARGUMENT: Target 10\.1\.0\.5 is given twice/,
        );
        expect(await groupOf(target("10.3.0.5"))).toMatch(/^INVALID_ARGUMENT: .* outside/);
        expect(await groupOf(target("10.1.0.5"), target("10.1.1.5", sibling))).toMatch(
            /^INVALID_ARGUMENT: Targets of zone ru-central1-a must be in one subnet/,
        );
        expect(await groupOf(target("10.1.0.5"), target("10.2.0.5", foreign))).toMatch(
            /^INVALID_ARGUMENT: Targets of one group must be in one network/,
        );
        const elsewhere = await cloud.targetGroup([target("10.2.0.5", foreign)]);
        expect(await refused({}, elsewhere.id)).toMatch(/^INVALID_ARGUMENT: Target 10\.2\.0\.5 is in another network/);
    });

    test("deletions of what is used or protected", async () => {
        const balancer = await cloud.networkLoadBalancer(subnet.id, group.id, { deletionProtection: true });
        expect(await refusal(cloud.targetGroups.delete({ targetGroupId: group.id }))).toMatch(
            /^FAILED_PRECONDITION: Target group .* is attached/,
        );
        expect(await refusal(cloud.networkLoadBalancers.delete({ networkLoadBalancerId: balancer.id }))).toMatch(
            /^FAILED_PRECONDITION: .* protected/,
        );
        await update({ networkLoadBalancerId: balancer.id, updateMask: { paths: ["deletion_protection"] } });
        expect(await refusal(cloud.networkLoadBalancers.delete({ networkLoadBalancerId: balancer.id }))).toBe("OK");
        expect(await refusal(cloud.targetGroups.delete({ targetGroupId: group.id }))).toBe("OK");
    });

    test("a port of a group that another load balancer leads to, and a third load balancer", async () => {
        await cloud.networkLoadBalancer(subnet.id, group.id, { name: "first" });
        expect(await refused({ name: "first", ...listeners(listenerSpec(subnet.id, 6000, 5010)) })).toMatch(
            /^ALREADY_EXISTS/,
        );
        expect(await refused(listeners(listenerSpec(subnet.id, 5000, 5010)))).toMatch(
            /^FAILED_PRECONDITION: Target group .* is attached to port 5000/,
        );
        await cloud.networkLoadBalancer(subnet.id, group.id, listeners(listenerSpec(subnet.id, 6000, 5010)));
        expect(await refused(listeners(listenerSpec(subnet.id, 7000, 5010)))).toMatch(
            /^RESOURCE_EXHAUSTED: Quota limit ylb\.networkLoadBalancers\.count exceeded: 3 of 2/,
        );
    });

    test("what the testbed does not pretend to do", async () => {
        expect(await refused({ type: 1 })).toMatch(/^UNIMPLEMENTED: an external network load balancer/);
        expect(await refused(listeners({ ...listenerSpec(subnet.id, 5000, 5010), protocol: 2 }))).toMatch(
            /^UNIMPLEMENTED: UDP/,
        );
        expect(await refusal(cloud.networkLoadBalancers.stop({ networkLoadBalancerId: "any" }))).toMatch(
            /^UNIMPLEMENTED/,
        );
    });
});
