import type { HealthCheck } from "./driver.ts";
import type { PlannedNetworkLoadBalancer } from "./network-plan.ts";

/** A target's health, as a network load balancer sees it. */
export interface TargetHealth {
    healthy: boolean;
    /** Number of checks in a row with the opposite result. */
    contrary: number;
}

/** A network load balancer's targets and their zones. */
export interface BalancerHealth {
    /** By address. */
    targets: Record<string, TargetHealth>;
    /** When a zone lost its last healthy target, in ms since 1970, by zone. */
    lostZones: Record<string, number>;
}

/** A target's health after another check. */
export function afterCheck({ healthy, contrary }: TargetHealth, passed: boolean, check: HealthCheck): TargetHealth {
    if (passed === healthy) return { healthy, contrary: 0 };
    const threshold = passed ? check.healthyThreshold : check.unhealthyThreshold;
    return contrary + 1 < threshold ? { healthy, contrary: contrary + 1 } : { healthy: passed, contrary: 0 };
}

/** Keeps the health of existing targets. New ones are unhealthy until their first checks. */
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

/** The health of all targets after a check of one. */
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

/** The destination of a new connection. "lost" means that it gets no answer. */
export type Destination = string | "lost";

/**
 * The destinations of new connections from a zone (Yandex Cloud's documentation, "Implementation specifics"): the zone's
 * own healthy targets, or else those of all other zones. A zone that has just lost its last healthy target still gets
 * its share of connections, which are lost until the routes have converged.
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
