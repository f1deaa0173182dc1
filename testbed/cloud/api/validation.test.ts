import { status } from "@grpc/grpc-js";
import { AttachInstanceDiskRequest, CreateInstanceRequest } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { InstanceServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { CreateDiskRequest } from "@yandex-cloud/nodejs-sdk/compute-v1/disk_service";
import { CreateNetworkRequest, NetworkServiceService } from "@yandex-cloud/nodejs-sdk/vpc-v1/network_service";
import { describe, expect, test } from "vitest";
import limits from "./limits.json" with { type: "json" };
import { validateRequest } from "./validation.ts";

const createNetwork = (fields: object) =>
    validateRequest(
        "/yandex.cloud.vpc.v1.NetworkService/Create",
        CreateNetworkRequest.fromPartial({ folderId: "f", ...fields }),
    );

const createInstance = (fields: object) =>
    validateRequest(
        "/yandex.cloud.compute.v1.InstanceService/Create",
        CreateInstanceRequest.fromPartial({
            folderId: "f",
            zoneId: "z",
            platformId: "p",
            resourcesSpec: { cores: 2, memory: 1 },
            bootDiskSpec: { diskSpec: { size: 2 ** 30, imageId: "i" } },
            networkInterfaceSpecs: [{ subnetId: "s" }],
            ...fields,
        }),
    );

describe("a request within the limits", () => {
    test.each([
        {},
        { name: "" },
        { name: "net-1_A" },
        { labels: { role: "db", empty: "" } },
        { description: "ы".repeat(256) },
    ])("%j", (fields) => {
        expect(() => createNetwork(fields)).not.toThrow();
    });

    test("an instance at the limits of its metadata", () => {
        const value = "x".repeat(255 * 1024);
        expect(() => createInstance({ metadata: { a: value, b: value } })).not.toThrow();
    });
});

describe("a request beyond the limits", () => {
    test.each([
        [{ folderId: "" }, "folder_id: Field is required"],
        [{ folderId: "f".repeat(51) }, "folder_id: Length must be at most 50"],
        [{ name: "1net" }, 'name: "1net" does not match'],
        [{ name: "n".repeat(64) }, "does not match"],
        [{ description: "d".repeat(257) }, "description: Length must be at most 256"],
        [{ labels: { Role: "db" } }, 'labels: Key "Role" does not match'],
        [{ labels: { ["k".repeat(64)]: "" } }, "must be 1..63"],
        [{ labels: { role: "DB" } }, "labels.role: Value does not match"],
        [{ labels: { role: "v".repeat(64) } }, "labels.role: Length must be at most 63"],
        [{ labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ""])) }, "at most 64 elements"],
    ])("%j", (fields, message) => {
        expect(() => createNetwork(fields)).toThrow(message);
    });

    test.each([
        [{ networkInterfaceSpecs: [] }, "network_interface_specs: Field is required"],
        [{ networkInterfaceSpecs: [{ subnetId: "" }] }, "network_interface_specs[0].subnet_id: Field is required"],
        [
            { resourcesSpec: { cores: 2, memory: 1, coreFraction: 30 } },
            "resources_spec.core_fraction: 30 is not one of 0, 5, 20, 50, 100",
        ],
        [{ bootDiskSpec: { diskSpec: { size: 1000 } } }, "boot_disk_spec.disk_spec.size: 1000 is out of range"],
        [{ bootDiskSpec: { deviceName: "Data" } }, "boot_disk_spec.device_name"],
        [{ bootDiskSpec: { deviceName: "d".repeat(21) } }, "boot_disk_spec.device_name"],
        [{ secondaryDiskSpecs: [{}, {}, {}, {}] }, "secondary_disk_specs: Must have at most 3 elements"],
        [{ metadata: { a: "x".repeat(256 * 1024 + 1) } }, "metadata.a: Value must be at most 256 KiB"],
        [
            { metadata: { a: "x".repeat(256 * 1024), b: "x".repeat(256 * 1024) } },
            "metadata: All values together must be at most 512 KiB",
        ],
    ])("instance %#", (fields, message) => {
        expect(() => createInstance(fields)).toThrow(message);
    });

    test("all faults are named at once, and the code is the cloud's", () => {
        expect(() => createNetwork({ folderId: "", name: "1" })).toThrow(
            expect.objectContaining({
                code: status.INVALID_ARGUMENT,
                message: expect.stringMatching(/folder_id.*; name/) as string,
            }),
        );
    });

    test("a secret value is not repeated", () => {
        expect(() => createInstance({ metadata: { a: "hush".repeat(100_000) } })).toThrow(
            expect.objectContaining({ message: expect.not.stringContaining("hush") as string }),
        );
    });
});

test("every message the rules name exists, and every path", () => {
    const messages: Record<string, Record<string, { message?: string }>> = limits.messages as never;
    const named = [
        ...Object.values(limits.requests),
        ...Object.values(messages).flatMap((rules) => Object.values(rules).flatMap(({ message }) => message ?? [])),
    ];
    for (const name of named) expect(messages).toHaveProperty([name]);
    const paths = [...Object.values(NetworkServiceService), ...Object.values(InstanceServiceService)].map(
        ({ path }) => path as string,
    );
    const served = Object.keys(limits.requests).filter((path) => /NetworkService|InstanceService/.test(path));
    for (const path of served) expect(paths).toContain(path);
    // Fields are renamed from the .proto files' snake case; a misspelt one would never be checked.
    expect(Object.keys(CreateDiskRequest.fromPartial({}))).toEqual(
        expect.arrayContaining(["folderId", "typeId", "zoneId", "size"]),
    );
    expect(Object.keys(AttachInstanceDiskRequest.fromPartial({}))).toContain("attachedDiskSpec");
});
