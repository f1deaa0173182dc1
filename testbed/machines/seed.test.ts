import { expect, test } from "vitest";
import { renderDnsConfiguration, renderHosts } from "./dns.ts";
import { planNetwork, type PlannedInterface } from "./network-plan.ts";
import { attempt } from "./run.ts";
import { renderDiskLinks, renderSeed } from "./seed.ts";
import { testNetwork, testSpec } from "./testing.ts";

const plan = planNetwork(testNetwork);

test("the seed has unchanged user-data, the instance's id and its fixed address", () => {
    const seed = renderSeed(
        { ...testSpec("db-id", "main-db-1"), userData: "#cloud-config\nx: 1\n" },
        plan.interfaces[1] as PlannedInterface,
    );
    expect(seed["user-data"]).toBe("#cloud-config\nx: 1\n");
    expect(JSON.parse(seed["meta-data"] ?? "")).toEqual({
        "instance-id": "db-id",
        "local-hostname": "main-db-1.ru-central1.internal",
    });
    expect(JSON.parse(seed["network-config"] ?? "")).toMatchObject({
        version: 2,
        ethernets: {
            eth0: {
                match: { macaddress: "d0:0d:0a:78:01:0a" },
                addresses: ["10.120.1.10/24"],
                routes: [{ to: "0.0.0.0/0", via: "10.120.1.1" }],
                nameservers: { addresses: ["10.120.1.2"], search: ["ru-central1.internal"] },
            },
        },
    });
});

test("data disks get the names that udev would give", () => {
    expect(renderDiskLinks([{ deviceName: "data", device: "vdb" }])).toBe(
        "L+ /dev/disk/by-id/virtio-data - - - - ../../vdb\n",
    );
});

test("every instance has a name, the repository, too", () => {
    expect(renderHosts(plan)).toBe(
        "10.120.0.4 main-jump.ru-central1.internal main-jump\n10.120.1.10 main-db-1.ru-central1.internal main-db-1\n203.0.113.80 repo.testbed\n",
    );
});

test("dnsmasq accepts its configuration", async () => {
    const configuration = renderDnsConfiguration({ hosts: "/dev/null", pid: "/dev/null", log: "/dev/null" });
    const result = await attempt("dnsmasq", ["--test", "--conf-file=-"], { input: configuration });
    expect(result).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("syntax check OK") as string });
});
