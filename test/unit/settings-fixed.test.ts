import { describe, expect, it } from "vitest";

import { keys, parseSettings } from "../../settings/index.ts";
import { changes } from "../../settings/key.ts";
import { fixedSettings, refusedChanges } from "../../settings/fixed.ts";
import { minimalConfiguration } from "../support/rendered-cluster.ts";

const of = (configuration: Readonly<Record<string, unknown>> = {}) =>
    fixedSettings(parseSettings({ ...minimalConfiguration, ...configuration }));

describe("changes of a running cluster", () => {
    it.each([
        ["clusterName", "other", '"main"'],
        ["networkCidr", "10.20.0.0/16", '"10.10.0.0/16"'],
        ["networkId", "enpanothernetwork000", '""'],
        ["sshUser", "somebody", '"pgadmin"'],
        ["databaseDataDiskType", "network-hdd", '"network-ssd"'],
        [
            "zones",
            ["ru-central1-b", "ru-central1-a", "ru-central1-d"],
            '["ru-central1-a","ru-central1-b","ru-central1-d"]',
        ],
        // Also fewer: node 3 would move.
        ["zones", ["ru-central1-a", "ru-central1-b"], '["ru-central1-a","ru-central1-b","ru-central1-d"]'],
    ])("are refused for %s, with the current value and an alternative", (key, value, had) => {
        const [refused, ...others] = refusedChanges(of(), of({ [key]: value }), 0);
        expect(others).toEqual([]);
        expect(refused).toMatchObject({ key, value });
        expect(refused!.rule).toMatch(/^must stay .*: .*\. (Create a second stack with the new value|Add keys)/);
        expect(refused!.rule).toContain(`must stay ${had}: `);
    });

    it("are refused if they add zones, because a node would move", () => {
        const had = of({ zones: ["ru-central1-a", "ru-central1-b"] });
        expect(refusedChanges(had, of(), 0).map(({ key }) => key)).toEqual(["zones"]);
    });

    it("are refused for a data disk that is smaller than an existing one, and for no other size", () => {
        expect(
            refusedChanges(of({ databaseDataDiskSizeGib: 40 }), of({ databaseDataDiskSizeGib: 30 }), 40),
        ).toMatchObject([
            {
                key: "databaseDataDiskSizeGib",
                value: 30,
                rule: expect.stringMatching(/^must be at least 40: a disk cannot shrink/) as string,
            },
        ]);
        expect(refusedChanges(of({ databaseDataDiskSizeGib: 46 }), of({ databaseDataDiskSizeGib: 40 }), 40)).toEqual(
            [],
        );
        expect(refusedChanges(of({ databaseDataDiskSizeGib: 40 }), of({ databaseDataDiskSizeGib: 46 }), 40)).toEqual(
            [],
        );
    });

    it("are declared for every setting, in one of five words, and fixed ones say why", () => {
        for (const [name, { change, fixed }] of Object.entries(keys)) {
            expect(changes, name).toContain(change);
            expect(change === "fixed", name).toBe(fixed !== undefined);
        }
    });

    it("are refused for every setting that is declared as fixed", () => {
        const declared = Object.entries(keys).flatMap(([name, { fixed }]) => (fixed === undefined ? [] : [name]));
        const { databaseDataDiskSizeGib, ...recorded } = of();
        expect(databaseDataDiskSizeGib).toBe(40); // it may grow
        expect(declared.toSorted()).toEqual(Object.keys(recorded).toSorted());
    });

    it("are refused for a network that a state of an older version does not name", () => {
        const { networkId, ...older } = of();
        expect(networkId).toBe("");
        expect(refusedChanges(older, of({ networkId: "enpanothernetwork000" }), 0).map(({ key }) => key)).toEqual([
            "networkId",
        ]);
        expect(refusedChanges(older, of(), 0)).toEqual([]);
    });

    it("are all refused at once", () => {
        const wanted = of({ clusterName: "other", networkCidr: "10.20.0.0/16", databaseDataDiskSizeGib: 20 });
        expect(refusedChanges(of(), wanted, 40).map(({ key }) => key)).toEqual([
            "clusterName",
            "networkCidr",
            "databaseDataDiskSizeGib",
        ]);
    });

    it("are allowed for all other settings", () => {
        expect(refusedChanges(of(), of({ databaseMemoryGib: 32, loadBalancers: 2, profile: "safe" }), 40)).toEqual([]);
    });
});
