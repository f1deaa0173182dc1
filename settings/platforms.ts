/**
 * Machine sizes that Yandex Compute offers.
 * Source: Yandex Compute documentation, "vCPU performance levels" (2025).
 */
export const platformIds = ["standard-v2", "standard-v3", "highfreq-v3"] as const;
export type PlatformId = (typeof platformIds)[number];

/** Size of a machine. */
export interface Size {
    /** Number of vCPUs. */
    readonly cores: number;
    /** Guaranteed share of each vCPU, in percent. */
    readonly coreFraction: number;
    readonly memoryGib: number;
}

const shared = [2, 4];
const dedicatedUpTo = (max: number): readonly number[] => [2, 4, 6, 8, 10, 12, 14, 16, ...range(20, max, 4)];

interface Offer {
    readonly cores: readonly number[];
    /** Memory for each core is a multiple of this many GiB. */
    readonly memoryStepGib: number;
    /** Least and most memory for each core. */
    readonly minGib: number;
    readonly maxGib: (cores: number) => number;
}

const offers: Readonly<Record<PlatformId, Readonly<Record<number, Offer>>>> = {
    "standard-v2": {
        5: { cores: shared, memoryStepGib: 0.25, minGib: 0.25, maxGib: () => 2 },
        20: { cores: shared, memoryStepGib: 0.5, minGib: 0.5, maxGib: () => 4 },
        50: { cores: shared, memoryStepGib: 0.5, minGib: 0.5, maxGib: () => 4 },
        100: { cores: dedicatedUpTo(80), memoryStepGib: 1, minGib: 1, maxGib: () => 16 },
    },
    "standard-v3": {
        20: { cores: shared, memoryStepGib: 0.5, minGib: 0.5, maxGib: () => 4 },
        50: { cores: shared, memoryStepGib: 0.5, minGib: 0.5, maxGib: () => 4 },
        // A machine with up to 32 cores runs on one socket and gets at most 320 GiB; a larger one at most 640 GiB.
        100: {
            cores: dedicatedUpTo(96),
            memoryStepGib: 1,
            minGib: 1,
            maxGib: (cores) => Math.min(16, Math.floor((cores <= 32 ? 320 : 640) / cores)),
        },
    },
    "highfreq-v3": {
        100: {
            cores: dedicatedUpTo(56),
            memoryStepGib: 1,
            minGib: 1,
            maxGib: (cores) => Math.min(16, Math.floor(448 / cores)),
        },
    },
};

/** A rule that a size breaks. */
export interface SizeMistake {
    readonly part: keyof Size;
    readonly rule: string;
}

/** The first rule that a size breaks on a platform, or undefined. Further rules depend on it. */
export function checkSize(platformId: PlatformId, { cores, coreFraction, memoryGib }: Size): SizeMistake | undefined {
    const fractions = offers[platformId];
    const offer = fractions[coreFraction];
    if (offer === undefined) {
        return {
            part: "coreFraction",
            rule: `must be one of ${Object.keys(fractions).join(", ")} on platform ${platformId}`,
        };
    }
    if (!offer.cores.includes(cores)) {
        return {
            part: "cores",
            rule: `must be one of ${offer.cores.join(", ")} on platform ${platformId} at ${coreFraction} %`,
        };
    }
    const least = offer.minGib * cores;
    const most = offer.maxGib(cores) * cores;
    const step = offer.memoryStepGib * cores;
    if (memoryGib < least || memoryGib > most || memoryGib % step !== 0) {
        return {
            part: "memoryGib",
            rule: `must be a multiple of ${step} from ${least} to ${most} for ${cores} cores at ${coreFraction} % on platform ${platformId}`,
        };
    }
    return undefined;
}

function range(first: number, last: number, step: number): number[] {
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
}
