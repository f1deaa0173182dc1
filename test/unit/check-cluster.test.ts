/** What `npm run check-cluster` makes of outputs and answers. */
import { describe, expect, it } from "vitest";

import { databaseNodes, hostNames, lines } from "../../check-cluster/machines.ts";
import { addressPlan } from "../../cluster/address-plan.ts";
import { sshConfiguration } from "../../cluster/ssh-configuration.ts";
import { machineCounts } from "../support/machine-counts.ts";

const plan = addressPlan({
    clusterName: "main-db",
    zones: ["ru-central1-a", "ru-central1-b"],
    network: { cidr: "10.10.0.0/16" },
    machines: machineCounts({ database: 3, loadBalancer: 2 }),
});

describe("the machines", () => {
    const names = hostNames(sshConfiguration({ plan, user: "pgadmin", jumpHostPublicAddress: "192.0.2.1" }));

    it("are all that the SSH configuration names", () => {
        expect([...names].sort()).toEqual([
            ...["main-db-db-1", "main-db-db-2", "main-db-db-3"],
            ...["main-db-jump", "main-db-lb-1", "main-db-lb-2"],
        ]);
    });

    it("are database nodes by the end of the name", () => {
        expect(databaseNodes(names)).toEqual(["main-db-db-1", "main-db-db-2", "main-db-db-3"]);
    });
});

describe("an answer", () => {
    it("is a difference a line", () => {
        expect(lines({ status: 0, stdout: "", stderr: "a banner" })).toEqual([]);
        expect(lines({ status: 0, stdout: "a\nb\n", stderr: "" })).toEqual(["a", "b"]);
    });

    it("that does not come is a difference, too", () => {
        expect(lines({ status: 255, stdout: "", stderr: "banner\nconnect timed out\n" })).toEqual([
            "cannot be checked: connect timed out",
        ]);
    });
});
