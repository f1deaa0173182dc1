import type { HealthCheck } from "./driver.ts";
import type { PlannedNetworkLoadBalancer } from "./network-plan.ts";

/** What a network load balancer thinks of a target. */
export interface TargetHealth {
    healthy: boolean;
    /** Checks in a row that said the opposite. */
    contrary: number;
}

/** What a network load balancer knows of its targets, and of the zones that they are in. */
export interface BalancerHealth {
    /** By address. */
    targets: Record<string, TargetHealth>;
    /** When a zone lost its last healthy target, in ms since 1970, by zone. */
    lostZones: Record<string, number>;
}

/** A target after another check. */
export function afterCheck({ healthy, contrary }: TargetHealth, passed: boolean, check: HealthCheck): TargetHealth {
    if (passed === healthy) return { healthy, contrary: 0 };
    const threshold = passed ? check.healthyThreshold : check.unhealthyThreshold;
    return contrary + 1 < threshold ? { healthy, contrary: contrary + 1 } : { healthy: passed, contrary: 0 };
}

/** Keeps what is known of the targets that are there, and takes new ones for unhealthy until they were checked. */
export function withTargets(
    health: BalancerHealth | undefined,
    { targets }: PlannedNetworkLoadBalancer,
): BalancerHealth {
    const zones = new Set(targets.map(({ zone }) => zone));
    return {
        targets: Object.fromEntries(
            targets.map(({ address }) => [address, health?.targets[address] ?? { healthy: false, contrary: 0 }]),
        ),
        lostZones: Object.fromEntries(Object.entries(health?.lostZones ?? {}).filter(([zone]) => zones.has(zone))),
    };
}

/** The same after one target was checked. */
export function withCheck(
    health: BalancerHealth,
    balancer: PlannedNetworkLoadBalancer,
    address: string,
    passed: boolean,
    now: number,
): BalancerHealth {
    const before = health.targets[address];
    const target = balancer.targets.find((candidate) => candidate.address === address);
    if (before === undefined || target === undefined) return health;
    const after = afterCheck(before, passed, balancer.healthCheck);
    const targets = { ...health.targets, [address]: after };
    if (after.healthy === before.healthy) return { ...health, targets };
    const { [target.zone]: _, ...lostZones } = health.lostZones;
    const zoneServes = balancer.targets.some(
        ({ address: other, zone }) => zone === target.zone && targets[other]?.healthy,
    );
    return { targets, lostZones: zoneServes ? lostZones : { ...lostZones, [target.zone]: now } };
}

/** Where a new connection may go to; "lost" stands for a share of them that gets no answer. */
export type Destination = string | "lost";

/**
 * Where new connections of clients in a zone go, each to one of the destinations (Yandex Cloud's documentation,
 * "Implementation specifics"): to the zone's own healthy targets, else to those of all other zones. A zone that has
 * just lost its last one still draws its share of connections, which are lost until the routes have converged.
 * @param zone undefined for clients from outside
 */
export function destinations(
    { targets }: PlannedNetworkLoadBalancer,
    health: BalancerHealth,
    zone: string | undefined,
    now: number,
    convergenceSeconds: number,
): Destination[] {
    const ofZone = (wanted: string): Destination[] => {
        const healthy = targets
            .filter((target) => target.zone === wanted && health.targets[target.address]?.healthy)
            .map(({ address }) => address);
        const lostAt = health.lostZones[wanted];
        const isConverging = lostAt !== undefined && now < lostAt + convergenceSeconds * 1000;
        return healthy.length === 0 && isConverging ? ["lost"] : healthy;
    };
    const own = zone === undefined ? [] : ofZone(zone);
    return own.length > 0 ? own : [...new Set(targets.map((target) => target.zone))].flatMap(ofZone);
}
