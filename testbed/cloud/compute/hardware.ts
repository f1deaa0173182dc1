import type { Resources } from "@yandex-cloud/nodejs-sdk/compute-v1/instance";
import { invalidArgument } from "../api/errors.ts";

const gib = 2 ** 30;

/** The valid combinations for one guaranteed share of a core: numbers of cores, and memory for each core. */
interface Configuration {
    coreFraction: number;
    cores: readonly number[];
    memoryGibPerCore: readonly number[];
}

/** 1, 2 … last */
const upTo = (last: number, step = 1) => Array.from({ length: last / step }, (_, index) => (index + 1) * step);

const full = (cores: readonly number[], memoryGibPerCore: readonly number[]): Configuration => ({
    coreFraction: 100,
    cores,
    memoryGibPerCore,
});

const shared = (coreFraction: number, memoryGibPerCore: readonly number[]): Configuration => ({
    coreFraction,
    cores: [2, 4],
    memoryGibPerCore,
});

/** Yandex Cloud documentation, "vCPU performance levels", available configurations (en/compute/concepts/performance-levels.md). */
const platforms: Record<string, readonly Configuration[]> = {
    "standard-v1": [
        shared(5, upTo(2, 0.5)),
        shared(20, upTo(4, 0.5)),
        full([2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32], upTo(8)),
    ],
    "standard-v2": [
        shared(5, [0.25, ...upTo(2, 0.5)]),
        shared(20, upTo(4, 0.5)),
        shared(50, upTo(4, 0.5)),
        full([2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80], upTo(16)),
    ],
    "standard-v3": [
        shared(20, upTo(4, 0.5)),
        shared(50, upTo(4, 0.5)),
        full([2, 4, 6, 8, 10, 12, 14, 16, 20, 36, 40], upTo(16)),
        full([44], upTo(14)),
        full([24, 48], upTo(13)),
        full([52], upTo(12)),
        full([28, 56], upTo(11)),
        full([32, 60, 64], upTo(10)),
        full([68], upTo(9)),
        full([72, 76, 80], upTo(8)),
        full([84, 88], upTo(7)),
        full([92, 96], upTo(6)),
    ],
    "highfreq-v3": [full([2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56], upTo(16))],
    "amd-v1": [shared(20, upTo(1.5, 0.5)), shared(50, upTo(4, 0.5)), full([2, 4, 8, 16, 32, 48, 64, 96, 128], upTo(6))],
    "standard-v4a": [
        shared(20, upTo(2, 0.5)),
        shared(50, upTo(4, 0.5)),
        full([2, 4, 8, 16, 32, 48, 64, 96, 128, 224, 256, 288], [1, 2, 4, 8]),
    ],
    "highfreq-v4a": [
        shared(20, upTo(2, 0.5)),
        shared(50, upTo(4, 0.5)),
        full([2, 4, 8, 16, 24, 32, 48, 80], [1, 2, 4, 8, 10, 12]),
    ],
};

/** Disks of one machine, the boot disk included (documentation, "Quotas and limits": up to 32 vCPUs 8, above 16). */
export const maxDisks = (cores: number) => (cores <= 32 ? 8 : 16);

/**
 * @param resources core fraction in percent, memory in bytes
 * @throws INVALID_ARGUMENT for a combination that the platform does not have
 */
export function requireHardware(platformId: string, resources: Resources): void {
    const configurations = platforms[platformId];
    if (configurations === undefined) {
        throw invalidArgument(`Platform ${platformId} not found; available: ${Object.keys(platforms).join(", ")}`);
    }
    if (resources.gpus !== 0) throw invalidArgument(`Platform ${platformId} has no GPUs`);
    const ofFraction = configurations.filter(({ coreFraction }) => coreFraction === resources.coreFraction);
    if (ofFraction.length === 0) {
        const fractions = [...new Set(configurations.map(({ coreFraction }) => coreFraction))];
        throw invalidArgument(
            `Core fraction ${resources.coreFraction} is not allowed on platform ${platformId}; allowed: ${fractions.join(", ")}`,
        );
    }
    const ofCores = ofFraction.find(({ cores }) => cores.includes(resources.cores));
    if (ofCores === undefined) {
        const counts = ofFraction.flatMap(({ cores }) => cores).sort((a, b) => a - b);
        throw invalidArgument(
            `${resources.cores} cores are not allowed on platform ${platformId} with core fraction ${resources.coreFraction}; allowed: ${counts.join(", ")}`,
        );
    }
    if (!ofCores.memoryGibPerCore.includes(resources.memory / gib / resources.cores)) {
        const sizes = ofCores.memoryGibPerCore.map((perCore) => perCore * resources.cores);
        throw invalidArgument(
            `Memory of ${resources.memory / gib} GB is not allowed on platform ${platformId} with ${resources.cores} cores and core fraction ${resources.coreFraction}; allowed: ${sizes.join(", ")} GB`,
        );
    }
}
