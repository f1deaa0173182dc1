/** The percentile by nearest rank, which is always one of the samples. @param share from 0 to 1 @throws Error without samples */
export function percentile(samples: readonly number[], share: number): number {
    if (samples.length === 0) throw new Error("no samples");
    const sorted = [...samples].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

export interface Summary {
    readonly median: number;
    readonly p95: number;
    readonly worst: number;
}

export function summarize(samples: readonly number[]): Summary {
    return { median: median(samples), p95: percentile(samples, 0.95), worst: Math.max(...samples) };
}
