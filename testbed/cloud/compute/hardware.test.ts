import { expect, test } from "vitest";
import { requireHardware } from "./hardware.ts";

const gib = 2 ** 30;
const check = (platformId: string, cores: number, memoryGib: number, coreFraction: number, gpus = 0) =>
    requireHardware(platformId, { cores, memory: memoryGib * gib, coreFraction, gpus });

test.each([
    ["standard-v3", 2, 1, 20],
    ["standard-v3", 4, 16, 50],
    ["standard-v3", 2, 2, 100],
    ["standard-v3", 16, 256, 100],
    ["standard-v3", 96, 576, 100],
    ["standard-v2", 2, 0.5, 5],
    ["highfreq-v3", 8, 32, 100],
    ["standard-v4a", 4, 16, 100],
] as const)("%s has %d cores, %d GB, %d %%", (platform, cores, memory, fraction) => {
    expect(() => check(platform, cores, memory, fraction)).not.toThrow();
});

test.each([
    ["standard-v9", 2, 2, 100, "Platform standard-v9 not found"],
    ["standard-v3", 2, 2, 5, "Core fraction 5 is not allowed on platform standard-v3; allowed: 20, 50, 100"],
    ["highfreq-v3", 2, 2, 50, "Core fraction 50 is not allowed"],
    ["standard-v3", 6, 6, 50, "6 cores are not allowed on platform standard-v3 with core fraction 50; allowed: 2, 4"],
    ["standard-v3", 3, 3, 100, "3 cores are not allowed"],
    ["standard-v3", 2, 1, 100, "Memory of 1 GB is not allowed"],
    ["standard-v3", 2, 10, 50, "allowed: 1, 2, 3, 4, 5, 6, 7, 8 GB"],
    ["standard-v3", 32, 352, 100, "Memory of 352 GB is not allowed"],
] as const)("%s has no %d cores, %d GB, %d %%", (platform, cores, memory, fraction, message) => {
    expect(() => check(platform, cores, memory, fraction)).toThrow(message);
});

test("there are no GPUs", () => {
    expect(() => check("standard-v3", 2, 2, 100, 1)).toThrow("no GPUs");
});
