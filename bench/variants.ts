/** Sets of the stack's settings to measure with. */
import { local } from "../local/commands.ts";
import { setInStack } from "../local/stack-settings.ts";

export interface Variant {
    readonly name: string;
    /** Title in the tables. */
    readonly title: string;
    /** Keys of the stack's configuration, without the project's prefix. */
    readonly settings: Readonly<Record<string, unknown>>;
}

export const variants: readonly Variant[] = [
    { name: "normal", title: "normal", settings: { profile: "normal" } },
    { name: "fast", title: "fast", settings: { profile: "fast" } },
    { name: "safe", title: "safe", settings: { profile: "safe" } },
    {
        name: "two-balancers",
        title: "normal, with two load balancers",
        settings: { profile: "normal", loadBalancers: 2 },
    },
    {
        name: "autobase",
        title: "the defaults of autobase",
        // From autobase's roles/common/defaults/main.yml and roles/haproxy/templates/haproxy.cfg.j2. It does not set
        // HAProxy's downinter, so that is inter. Its check timeout is 15 s, longer than the interval, but checks do not overlap.
        settings: {
            profile: "normal",
            timingOverrides: {
                patroni: {
                    ttlSeconds: 30,
                    loopWaitSeconds: 10,
                    retryTimeoutSeconds: 10,
                    primaryStartTimeoutSeconds: 300,
                },
                etcd: { heartbeatMilliseconds: 1000, electionMilliseconds: 5000 },
                haproxy: {
                    checkIntervalMilliseconds: 3000,
                    fastCheckIntervalMilliseconds: 1000,
                    downCheckIntervalMilliseconds: 3000,
                    fall: 3,
                    rise: 4,
                },
            },
        },
    },
];

/** @throws Error that lists the names if no variant has this name */
export function variantNamed(name: string): Variant {
    const variant = variants.find((candidate) => candidate.name === name);
    if (!variant)
        throw new Error(`unknown profile ${name}; the profiles are ${variants.map((known) => known.name).join(", ")}`);
    return variant;
}

/** Applies a variant's settings to the cluster while `work` runs, and restores the stack's own settings afterwards. */
export async function withVariant<T>(variant: Variant, work: () => Promise<T>): Promise<T> {
    await local();
    const restore = setInStack(variant.settings);
    try {
        await local();
        return await work();
    } finally {
        restore();
        await local();
    }
}
