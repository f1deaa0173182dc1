/** What is taken over after a killed up: never a resource that only has the same name. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lookups } from "../../recover/lookup.ts";
import {
    adopt,
    difference,
    isUnfinished,
    nameOf,
    pendingCreates,
    type Deployment,
    type Found,
} from "../../recover/pending-creates.ts";

const machine =
    "urn:pulumi:dev::postgres-ha::postgres-ha:index:Machine$yandex:index/computeInstance:ComputeInstance::main-db-1";
const password = "urn:pulumi:dev::postgres-ha::random:index/randomPassword:RandomPassword::main-credentials-app";

const inputs = {
    name: "main-db-1",
    zone: "ru-central1-a",
    platformId: "standard-v3",
    labels: { cluster: "main", role: "database" },
    metadata: { "user-data": { ciphertext: "v1:secret" } },
    resources: { cores: 2, memory: 2 },
    networkInterfaces: [{ subnetId: "e9bsubnet", ipAddress: "10.10.0.10", nat: false, securityGroupIds: ["enpgroup"] }],
    secondaryDisks: [{ diskId: "fhmdisk", deviceName: "data" }],
};
const stack = {
    urn: "urn:pulumi:dev::postgres-ha::pulumi:pulumi:Stack::postgres-ha-dev",
    type: "pulumi:pulumi:Stack",
    created: "2026-11-25T10:00:00Z",
};
const deployment: Deployment = {
    resources: [
        stack,
        {
            urn: "urn:pulumi:dev::postgres-ha::yandex:index/computeInstance:ComputeInstance::main-jump",
            type: "yandex:index/computeInstance:ComputeInstance",
            id: "fhmjump",
        },
    ],
    pending_operations: [
        { type: "creating", resource: { urn: machine, type: "yandex:index/computeInstance:ComputeInstance", inputs } },
        {
            type: "creating",
            resource: { urn: password, type: "random:index/randomPassword:RandomPassword", inputs: { length: 32 } },
        },
        {
            type: "updating",
            resource: {
                urn: "urn:pulumi:dev::postgres-ha::command:remote:Command::main-db-1-configured",
                type: "command:remote:Command",
                inputs: {},
            },
        },
    ],
};
const [pending] = pendingCreates(deployment);
/** As the provider describes a machine: blocks are lists there. */
const found: Found = {
    id: "fhmmachine",
    createdAt: "2026-11-25T10:00:30Z",
    status: "running",
    name: "main-db-1",
    zone: "ru-central1-a",
    platformId: "standard-v3",
    folderId: "b1gfolder",
    labels: { cluster: "main", role: "database" },
    resources: [{ cores: 2, memory: 2 }],
    networkInterfaces: [{ index: 0, subnetId: "e9bsubnet", ipAddress: "10.10.0.10", macAddress: "d0:0d:00:00:00:01" }],
    secondaryDisks: [{ diskId: "fhmdisk", deviceName: "data", mode: "READ_WRITE" }],
};

describe("pendingCreates", () => {
    it("are those that were begun, with the name of what the cloud can be asked for", () => {
        expect(pendingCreates(deployment).map(({ urn, name }) => [urn, name])).toEqual([
            [machine, "main-db-1"],
            [password, undefined],
        ]);
        expect(pendingCreates({})).toEqual([]);
    });
});

describe("difference", () => {
    const told = (changes: Partial<Found>) => difference(pending!, { ...found, ...changes }, deployment);

    it("is none for what was asked for", () => {
        expect(told({})).toBeUndefined();
        expect(told({ labels: { cluster: "main", role: "database", team: "added-by-hand" } })).toBeUndefined();
    });

    it.each<[Partial<Found>, string]>([
        [{ labels: { cluster: "other", role: "database" } }, 'its labels.cluster is "other", not "main"'],
        [{ labels: {} }, 'its labels.cluster is null, not "main"'],
        [{ labels: undefined }, 'its labels.cluster is null, not "main"'],
        [{ zone: "ru-central1-b" }, 'its zone is "ru-central1-b", not "ru-central1-a"'],
        [
            { networkInterfaces: [{ subnetId: "e9bother", ipAddress: "10.10.0.10" }] },
            'its networkInterfaces.subnetId is "e9bother", not "e9bsubnet"',
        ],
        [
            { networkInterfaces: [{ subnetId: "e9bsubnet", ipAddress: "10.10.0.11" }] },
            'its networkInterfaces.ipAddress is "10.10.0.11", not "10.10.0.10"',
        ],
        [{ createdAt: "2026-11-25T09:00:00Z" }, "it is of 2026-11-25T09:00:00Z, older than the stack"],
        [{ id: "fhmjump" }, "the stack has it as ComputeInstance main-jump"],
    ])("tells %j", (changes, said) => {
        expect(told(changes)).toBe(said);
    });

    it("tells another network", () => {
        const subnet = {
            urn: "subnet",
            type: "yandex:index/vpcSubnet:VpcSubnet",
            name: "main-a",
            inputs: { name: "main-a", networkId: "enpnetwork" },
        };
        const other = { id: "e9bsubnet", createdAt: found.createdAt, name: "main-a", networkId: "enpother" };
        expect(difference(subnet, other, deployment)).toBe('its networkId is "enpother", not "enpnetwork"');
    });
});

describe("adopt", () => {
    it("moves what is there to the resources and forgets that the others were begun", () => {
        const adopted = adopt(deployment, new Map([[machine, "fhmmachine"]]));
        expect(adopted.resources?.map(({ urn, id }) => [nameOf(urn), id])).toEqual([
            ["Stack postgres-ha-dev", undefined],
            ["ComputeInstance main-jump", "fhmjump"],
            ["ComputeInstance main-db-1", "fhmmachine"],
        ]);
        expect(adopted.resources?.at(-1)?.inputs).toEqual(inputs);
        expect(adopted.pending_operations).toEqual([]);
    });
});

describe("lookups", () => {
    it("know every kind of resource that the program makes in the cloud", () => {
        const folder = join(import.meta.dirname, "../../components");
        const made = readdirSync(folder).flatMap((name) =>
            [...readFileSync(join(folder, name), "utf8").matchAll(/new yandex\.(\w+)\(/g)].map(([, kind]) => kind!),
        );
        const known = Object.keys(lookups).map((type) => type.split(":").at(-1)!);
        expect(made.length).toBeGreaterThan(8);
        expect([...new Set(made)].filter((kind) => !known.includes(kind))).toEqual([]);
    });
});

describe("isUnfinished", () => {
    it("holds while the cloud is at it", () => {
        const states = ["provisioning", "STARTING", "creating", "running", "ready", "active", "error", undefined];
        expect(
            states.map((status) =>
                isUnfinished(status === undefined ? { id: "x", createdAt: "" } : { ...found, status }),
            ),
        ).toEqual([true, true, true, false, false, false, false, false]);
    });
});
