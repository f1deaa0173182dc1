/** Each policy accepts what is right and can fail. */
import type {
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
} from "@pulumi/policy";
import { describe, expect, it } from "vitest";

import { policies } from "./policies.ts";

interface Sample {
    readonly type: string;
    readonly props?: Record<string, unknown>;
    readonly opts?: object;
    readonly urn?: string;
    readonly name?: string;
    readonly config?: object;
}

const options = {
    protect: false,
    ignoreChanges: [],
    aliases: [],
    additionalSecretOutputs: [],
    customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
};

/** What a policy finds wrong with resources. */
async function violations(name: string, ...samples: readonly Sample[]): Promise<string[]> {
    const policy = policies.find((candidate) => candidate.name === name) as
        Partial<ResourceValidationPolicy & StackValidationPolicy> | undefined;
    if (policy === undefined) throw new Error(`there is no policy ${name}`);
    const found: string[] = [];
    const resources = samples.map(
        ({
            type,
            props = {},
            opts = {},
            urn = `urn:pulumi:s::p::postgres-ha:index:Machine$${type}::x`,
            name: own = "x",
            config = {},
        }) => ({
            type,
            props,
            urn,
            name: own,
            opts: { ...options, ...opts },
            getConfig: () => config,
        }),
    );
    if (policy.validateStack !== undefined) {
        await policy.validateStack(
            { resources: resources as unknown as PolicyResource[] } as StackValidationArgs,
            (message) => found.push(message),
        );
    }
    for (const resource of resources) {
        for (const validate of [policy.validateResource ?? []].flat())
            await validate(resource as unknown as ResourceValidationArgs, (message) => found.push(message));
    }
    return found;
}

const instance = "yandex:index/computeInstance:ComputeInstance";
const disk = "yandex:index/computeDisk:ComputeDisk";
const group = "yandex:index/vpcSecurityGroup:VpcSecurityGroup";
const address = "yandex:index/vpcAddress:VpcAddress";
const command = "command:remote:Command";
const password = "random:index/randomPassword:RandomPassword";
const timeouts = { customTimeouts: { createSeconds: 60, updateSeconds: 60, deleteSeconds: 0 } };
const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----";
const connection = { host: "a", hostKey: "k" };

const cases: Record<
    string,
    { good: readonly Sample[]; bad: readonly (readonly [string, readonly Sample[], string])[] }
> = {
    labels: {
        good: [{ type: instance, props: { labels: { cluster: "main" } } }, { type: password }],
        bad: [
            ["no labels", [{ type: "yandex:index/vpcSubnet:VpcSubnet" }], "has no label `cluster`"],
            ["another label", [{ type: disk, props: { labels: { role: "database" } } }], "has no label `cluster`"],
        ],
    },
    "no-public-address": {
        good: [
            { type: instance, props: { labels: { role: "database" }, networkInterfaces: [{ nat: false }] } },
            {
                type: instance,
                props: {
                    labels: { role: "jump-host" },
                    networkInterfaces: [{ nat: true, natIpAddress: "198.51.100.7" }],
                },
            },
        ],
        bad: [
            [
                "NAT",
                [{ type: instance, props: { labels: { role: "database" }, networkInterfaces: [{ nat: true }] } }],
                "has a public address",
            ],
            [
                "an address",
                [
                    {
                        type: instance,
                        props: {
                            labels: { role: "load-balancer" },
                            networkInterfaces: [{ natIpAddress: "198.51.100.7" }],
                        },
                    },
                ],
                "has a public address",
            ],
        ],
    },
    "one-public-address": {
        good: [{ type: address }, { type: instance }],
        bad: [["two", [{ type: address }, { type: address }], "is a second public address"]],
    },
    "closed-ingress": {
        good: [
            {
                type: group,
                props: {
                    ingresses: [{ v4CidrBlocks: ["203.0.113.0/24"] }],
                    egresses: [{ v4CidrBlocks: ["0.0.0.0/0"] }],
                },
            },
            { type: group, props: { ingresses: [{ v4CidrBlocks: ["0.0.0.0/0"] }] }, config: { allowAnywhere: true } },
        ],
        bad: [
            [
                "everybody",
                [
                    {
                        type: group,
                        props: {
                            ingresses: [{ v4CidrBlocks: ["10.0.0.0/8", "0.0.0.0/0"], protocol: "TCP", port: 22 }],
                        },
                    },
                ],
                "lets everybody in: TCP 22",
            ],
            [
                "everybody of IPv6",
                [{ type: group, props: { ingresses: [{ v6CidrBlocks: ["::/0"], protocol: "ANY" }] } }],
                "lets everybody in: ANY any port",
            ],
        ],
    },
    "own-security-group": {
        good: [{ type: instance, props: { networkInterfaces: [{ securityGroupIds: ["a"] }] } }],
        bad: [
            [
                "none",
                [{ type: instance, props: { networkInterfaces: [{ securityGroupIds: ["a"] }, {}] } }],
                "has an interface without a security group",
            ],
        ],
    },
    "protected-data": {
        good: [
            { type: instance, props: { labels: { role: "database" } }, opts: { protect: true } },
            { type: instance, props: { labels: { role: "jump-host" } } },
            { type: disk, props: { labels: { role: "database" } }, config: { required: false } },
        ],
        bad: [
            ["a machine", [{ type: instance, props: { labels: { role: "database" } } }], "is not protected"],
            ["a disk", [{ type: disk, props: { labels: { role: "database" } } }], "is not protected"],
        ],
    },
    "delete-before-replace": {
        good: [{ type: instance, opts: { deleteBeforeReplace: true } }, { type: disk }],
        bad: [["a machine", [{ type: instance }], "is not deleted before it is replaced"]],
    },
    "secret-metadata": {
        good: [{ type: instance, opts: { additionalSecretOutputs: ["metadata"] } }],
        bad: [["open metadata", [{ type: instance }], "does not mark `metadata` as secret"]],
    },
    "no-secret-in-metadata": {
        good: [
            { type: password, props: { result: "Secret" } },
            { type: password },
            { type: instance, props: { metadata: { "user-data": privateKey } } },
            { type: instance },
        ],
        bad: [
            [
                "a password",
                [
                    { type: password, props: { result: "Secret" } },
                    { type: instance, props: { metadata: { "user-data": "x: Secret" } } },
                ],
                "has a password in its metadata",
            ],
            [
                "two keys",
                [{ type: instance, props: { metadata: { "user-data": `${privateKey} ${privateKey}` } } }],
                "has a private key besides its host key in its metadata",
            ],
        ],
    },
    commands: {
        good: [
            {
                type: command,
                props: { create: "true", connection: { ...connection, proxy: connection } },
                opts: timeouts,
            },
        ],
        bad: [
            [
                "a delete script",
                [{ type: command, props: { delete: "rm", connection }, opts: timeouts }],
                "has a delete script",
            ],
            ["no timeout", [{ type: command, props: { connection } }], "has no timeout"],
            [
                "an unknown host",
                [{ type: command, props: { connection: { host: "a" } }, opts: timeouts }],
                "does not verify a host key",
            ],
            [
                "an unknown proxy",
                [{ type: command, props: { connection: { ...connection, proxy: { host: "a" } } }, opts: timeouts }],
                "does not verify a host key",
            ],
            [
                "variables",
                [{ type: command, props: { connection, environment: { A: "1" } }, opts: timeouts }],
                "sends environment variables, which sshd refuses",
            ],
        ],
    },
    parents: {
        good: [
            { type: instance },
            { type: "postgres-ha:index:Machine", urn: "urn:pulumi:s::p::postgres-ha:index:Machine::x" },
            {
                type: "tls:index/privateKey:PrivateKey",
                name: "main-deploy",
                urn: "urn:pulumi:s::p::tls:index/privateKey:PrivateKey::main-deploy",
            },
            { type: "pulumi:providers:yandex", urn: "urn:pulumi:s::p::pulumi:providers:yandex::default" },
        ],
        bad: [["an orphan", [{ type: disk, urn: `urn:pulumi:s::p::${disk}::x` }], "belongs to no component"]],
    },
};

it("every policy has its cases", () => {
    expect(Object.keys(cases).sort()).toEqual(policies.map(({ name }) => name).sort());
});

describe.each(Object.entries(cases))("%s", (name, { good, bad }) => {
    it("accepts what is right", async () => {
        for (const sample of good) expect(await violations(name, sample)).toEqual([]);
        expect(good.length).toBeGreaterThan(0);
    });

    it.each(bad)("refuses %s", async (_, samples, message) => {
        expect(await violations(name, ...samples)).toEqual([message]);
    });
});
