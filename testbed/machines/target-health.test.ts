import { describe, expect, test } from "vitest";
import type { PlannedNetworkLoadBalancer } from "./network-plan.ts";
import { afterCheck, type BalancerHealth, destinations, withCheck, withTargets } from "./target-health.ts";

const healthCheck = {
    intervalSeconds: 2,
    timeoutSeconds: 1,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    port: 5012,
    path: "/",
};
const balancer: PlannedNetworkLoadBalancer = {
    id: "nlb",
    name: "lb",
    address: "10.0.0.9",
    listeners: [{ port: 5000, targetPort: 5010 }],
    targets: [
        { address: "10.0.0.5", zone: "a" },
        { address: "10.0.1.5", zone: "b" },
        { address: "10.0.1.6", zone: "b" },
    ],
    healthCheck,
};
const convergenceSeconds = 120;

/** What is known after the checks, all at the moment 0; new targets are unhealthy. */
function after(...checks: [address: string, passed: boolean][]): BalancerHealth {
    return checks.reduce(
        (health, [address, passed]) => withCheck(health, balancer, address, passed, 0),
        withTargets(undefined, balancer),
    );
}
const passedTwice = (address: string): [string, boolean][] => [
    [address, true],
    [address, true],
];
const failedThrice = (address: string): [string, boolean][] => [
    [address, false],
    [address, false],
    [address, false],
];
const allHealthy = balancer.targets.flatMap(({ address }) => passedTwice(address));

describe("a target", () => {
    test.each([
        ["healthy", true, [false, false], true],
        ["healthy", true, [false, false, true, false, false], true],
        ["healthy", true, [false, false, false], false],
        ["unhealthy", false, [true], false],
        ["unhealthy", false, [true, false, true], false],
        ["unhealthy", false, [true, true], true],
    ])("that is %s (%s) after the checks %j is so: %s", (_, healthy, checks, expected) => {
        expect(
            checks.reduce((target, passed) => afterCheck(target, passed, healthCheck), { healthy, contrary: 0 })
                .healthy,
        ).toBe(expected);
    });

    test("keeps its health when other targets are added and removed", () => {
        const health = withTargets(after(...allHealthy), {
            ...balancer,
            targets: [...balancer.targets.slice(1), { address: "10.0.0.7", zone: "a" }],
        });
        expect(Object.entries(health.targets).map(([address, { healthy }]) => [address, healthy])).toEqual([
            ["10.0.1.5", true],
            ["10.0.1.6", true],
            ["10.0.0.7", false],
        ]);
    });
});

describe("new connections", () => {
    const from = (zone: string | undefined, health: BalancerHealth, now = 0) =>
        destinations(balancer, health, zone, now, convergenceSeconds);

    test("stay in their zone while it has healthy targets", () => {
        const health = after(...allHealthy);
        expect(from("a", health)).toEqual(["10.0.0.5"]);
        expect(from("b", health)).toEqual(["10.0.1.5", "10.0.1.6"]);
    });

    test("of a zone without targets, and from outside, go to all others", () => {
        expect(from("d", after(...allHealthy))).toEqual(["10.0.0.5", "10.0.1.5", "10.0.1.6"]);
        expect(from(undefined, after(...allHealthy))).toEqual(["10.0.0.5", "10.0.1.5", "10.0.1.6"]);
    });

    test("go to the zone's other target at once", () => {
        const health = after(...allHealthy, ...failedThrice("10.0.1.5"));
        expect(from("b", health)).toEqual(["10.0.1.6"]);
    });

    test("are lost while the routes of a zone that lost its last target converge, and then go to the others", () => {
        const health = after(...allHealthy, ...failedThrice("10.0.0.5"));
        expect(from("a", health, 119_999)).toEqual(["lost"]);
        expect(from("d", health, 119_999)).toEqual(["lost", "10.0.1.5", "10.0.1.6"]);
        expect(from("b", health, 119_999)).toEqual(["10.0.1.5", "10.0.1.6"]);
        expect(from("a", health, 120_000)).toEqual(["10.0.1.5", "10.0.1.6"]);
    });

    test("return to the zone's target, and a second loss starts a new wait", () => {
        const back = after(...allHealthy, ...failedThrice("10.0.0.5"), ...passedTwice("10.0.0.5"));
        expect(from("a", back)).toEqual(["10.0.0.5"]);
        const lostAgain = failedThrice("10.0.0.5").reduce(
            (health, [address, passed]) => withCheck(health, balancer, address, passed, 500_000),
            back,
        );
        expect(from("a", lostAgain, 600_000)).toEqual(["lost"]);
    });

    test("are lost before a target was found healthy", () => {
        expect(from("a", after())).toEqual([]);
        expect(from("a", after(...passedTwice("10.0.1.5")))).toEqual(["10.0.1.5"]);
    });
});
