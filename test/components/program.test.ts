/** The whole program, registered against Pulumi's mocks: what it makes, with which inputs and options, and what it keeps secret. */
import { beforeAll, describe, expect, it } from "vitest";

import { addressPlan, type AddressPlan, type Node } from "../../cluster/address-plan.ts";
import { flowsOf, type Flow, type Party } from "../../cluster/flows.ts";
import type { Role } from "../../cluster/roles.ts";
import {
    isSecret,
    openTexts,
    runProgram,
    TEAM_NETWORK,
    unknownValue,
    type ProgramRun,
    type Registered,
} from "../support/program.ts";
import { configurations, largeQuotas, minimalConfiguration } from "../support/rendered-cluster.ts";
import { machineCounts } from "../support/machine-counts.ts";

const keys = (resources: readonly Registered[]) =>
    resources.map(({ type, name, parent }) => `${type} ${name} < ${parent}`).sort();
const labelled = [
    "VpcNetwork",
    "VpcGateway",
    "VpcRouteTable",
    "VpcSubnet",
    "VpcSecurityGroup",
    "VpcAddress",
    "ComputeDisk",
    "ComputeInstance",
    "ComputePlacementGroup",
    "LbTargetGroup",
    "LbNetworkLoadBalancer",
];

/** Keeps what the cluster was made with; found again whatever the cluster is called. */
const STASH = "pulumi:index:Stash";

let run: ProgramRun;
beforeAll(async () => {
    run = await runProgram();
});
const machines = () => run.ofType("ComputeInstance");
const commands = () => run.ofType("Command");

describe("the default cluster", () => {
    it("has these machines, each with its planned address, in its zone, with its group", () => {
        const groups = { "jump-host": "id-of-main-jump", database: "id-of-main-db", "load-balancer": "id-of-main-lb" };
        const seen = machines().map(({ name, inputs }) => {
            const [nic] = inputs["networkInterfaces"];
            expect(inputs["networkInterfaces"]).toHaveLength(1);
            expect(inputs["name"]).toBe(name);
            expect(inputs["hostname"]).toBe(name);
            expect(nic.subnetId).toBe(`id-of-main-${inputs["zone"]}`);
            expect(nic.securityGroupIds).toEqual([groups[inputs["labels"].role as keyof typeof groups]]);
            return `${name} ${inputs["zone"]} ${nic.ipAddress}`;
        });
        expect(seen.sort()).toEqual([
            "main-db-1 ru-central1-a 10.10.0.10",
            "main-db-2 ru-central1-b 10.10.32.11",
            "main-db-3 ru-central1-d 10.10.64.12",
            "main-jump ru-central1-a 10.10.0.4",
            "main-lb-1 ru-central1-a 10.10.0.5",
        ]);
    });

    it("has one public address, the jump host's", () => {
        expect(run.ofType("VpcAddress")).toHaveLength(1);
        const nics = machines().map(({ name, inputs }) => [
            name,
            inputs["networkInterfaces"][0].nat,
            inputs["networkInterfaces"][0].natIpAddress,
        ]);
        expect(nics.filter(([, nat, address]) => nat !== false || address !== undefined)).toEqual([
            ["main-jump", true, "198.51.100.7"],
        ]);
    });

    it("keeps PostgreSQL's data on a disk that outlives its machine", () => {
        for (const name of ["main-db-1", "main-db-2", "main-db-3"]) {
            const { inputs } = run.named("ComputeInstance", name);
            expect(inputs["secondaryDisks"]).toEqual([
                { diskId: `id-of-${name}-data`, deviceName: "data", autoDelete: false },
            ]);
            expect(run.named("ComputeDisk", `${name}-data`).inputs["zone"]).toBe(inputs["zone"]);
        }
        expect(run.ofType("ComputeDisk")).toHaveLength(3);
    });

    it("routes every subnet through the NAT gateway", () => {
        const subnets = run.ofType("VpcSubnet");
        expect(subnets.map(({ inputs }) => inputs["routeTableId"])).toEqual(Array(3).fill("id-of-main-routes"));
        expect(run.named("VpcRouteTable", "main-routes").inputs["staticRoutes"]).toEqual([
            { destinationPrefix: "0.0.0.0/0", gatewayId: "id-of-main-nat" },
        ]);
    });

    it("labels all that can carry labels with the cluster's name, machines and disks with their role", () => {
        for (const resource of run.resources.filter(({ type }) => labelled.includes(type.split(":").at(-1)!))) {
            expect(resource.inputs["labels"], resource.name).toMatchObject({ cluster: "main" });
        }
        expect(
            machines()
                .map(({ inputs }) => inputs["labels"].role)
                .sort(),
        ).toEqual(["database", "database", "database", "jump-host", "load-balancer"]);
    });

    it("turns the metadata service's tokens off", () => {
        for (const { inputs } of machines())
            expect(inputs["metadataOptions"]).toMatchObject({ gceHttpToken: 2, awsV1HttpToken: 2, awsV2HttpToken: 2 });
    });

    it("puts no machine into a placement group: each zone has one node", () => {
        expect(run.ofType("ComputePlacementGroup")).toEqual([]);
    });

    it("names every resource after the cluster, each once for its type", () => {
        for (const { name, type } of run.resources.filter(({ type }) => type !== STASH))
            expect(name, type).toMatch(/^main(-|$)/);
        expect(new Set(run.resources.map(({ urn }) => urn)).size).toBe(run.resources.length);
    });

    it("gives every resource but the outermost components and the deploy key a parent", () => {
        expect(
            run.resources
                .filter(({ parent }) => parent === undefined)
                .map(({ name }) => name)
                .sort(),
        ).toEqual([
            "fixed-settings",
            "main",
            "main-ca",
            "main-check",
            "main-credentials",
            "main-db",
            "main-deploy",
            "main-jump",
            "main-lb",
        ]);
    });
});

describe("security groups", () => {
    const cluster = {
        clusterName: "main",
        zones: ["ru-central1-a", "ru-central1-b", "ru-central1-d"],
        network: { cidr: "10.10.0.0/16" },
        machines: machineCounts({ database: 3, loadBalancer: 1 }),
    };
    const plan: AddressPlan = addressPlan(cluster);
    const ranges: Record<Party, readonly string[]> = {
        jumpHost: hosts([plan.nodes.jumpHost[0]]),
        // Those that may yet come as well.
        database: hosts(
            addressPlan({ ...cluster, machines: { ...cluster.machines, database: { count: 5 } } }).nodes.database,
        ),
        loadBalancer: hosts(plan.nodes.loadBalancer),
        admin: minimalConfiguration.adminCidrs,
        client: ["10.10.0.0/16"],
        network: ["10.10.0.0/16"],
        internet: ["0.0.0.0/0"],
        dns: plan.subnets.map(({ dnsServer }) => `${dnsServer}/32`),
        networkLoadBalancer: [],
        healthChecks: [],
    };
    function hosts(nodes: readonly Node[]): string[] {
        return nodes.map(({ address }) => `${address}/32`);
    }
    const rule = (protocol: string, port: number | undefined, cidr: string) => `${protocol} ${port ?? "-"} ${cidr}`;
    const fromTable = (role: Role, own: (flow: Flow) => readonly Party[], others: (flow: Flow) => readonly Party[]) =>
        flowsOf(plan)
            .filter((flow) => own(flow).includes(role))
            .flatMap((flow) =>
                (flow.ports.length > 0 ? flow.ports : [undefined]).flatMap((port) =>
                    others(flow).flatMap((party) => ranges[party].map((cidr) => rule(flow.protocol, port, cidr))),
                ),
            )
            .sort();
    const sent = (rules: readonly Record<string, any>[]) =>
        rules
            .flatMap(({ protocol, port, v4CidrBlocks }) =>
                v4CidrBlocks.map((cidr: string) => rule(protocol, port, cidr)),
            )
            .sort();

    it.each([
        ["jumpHost", "main-jump"],
        ["database", "main-db"],
        ["loadBalancer", "main-lb"],
    ] as const)("of %s say exactly what the table of flows says", (role, name) => {
        const { ingresses, egresses } = run.named("VpcSecurityGroup", name).inputs as {
            ingresses: Record<string, any>[];
            egresses: Record<string, any>[];
        };
        expect(sent(ingresses)).toEqual(
            fromTable(
                role,
                ({ to }) => to,
                ({ from }) => from,
            ),
        );
        expect(sent(egresses)).toEqual(
            fromTable(
                role,
                ({ from }) => from,
                ({ to }) => to,
            ),
        );
    });

    it("stay within Yandex's limits: 50 rules a group, 50 ranges a rule", () => {
        for (const { inputs } of run.ofType("VpcSecurityGroup")) {
            const rules = [...inputs["ingresses"], ...inputs["egresses"]];
            expect(rules.length).toBeLessThanOrEqual(50);
            for (const { v4CidrBlocks } of rules) expect(v4CidrBlocks.length).toBeLessThanOrEqual(50);
        }
    });
});

/** Commands that any database node can run, and the one that answers here. */
const onAnyNode = ["main-db-members", "main-db-objects", "main-check"];
const answering = "main-db-2";

describe("commands", () => {
    it("are these", () => {
        expect(
            commands()
                .map(({ name }) => name)
                .sort(),
        ).toEqual([
            "main-check",
            "main-db-1-configured",
            "main-db-2-configured",
            "main-db-3-configured",
            "main-db-any",
            "main-db-members",
            "main-db-objects",
            "main-db-reachable",
            "main-jump-configured",
            "main-lb-1-configured",
            "main-lb-reachable",
        ]);
    });

    it("never need a machine in order to go away", () => {
        for (const { name, inputs, options } of commands()) {
            expect(inputs, name).not.toHaveProperty("delete");
            expect(options.deletedWith, name).toMatch(/^main-(jump|db-\d|lb-\d)$/);
        }
    });

    it("run again when their machine is a new one", () => {
        for (const { name, inputs, options } of commands())
            expect(inputs["triggers"], name).toContain(`id-of-${options.deletedWith}`);
    });

    it("have timeouts longer than their own deadline", () => {
        for (const { name, inputs, options } of commands()) {
            const [, deadline] = / (\d+)( |$)/.exec(inputs["create"]) ?? [];
            expect(Number(deadline), name).toBeGreaterThan(0);
            for (const timeout of [options.createTimeout, options.updateTimeout])
                expect(Number(/^(\d+)s$/.exec(timeout!)![1]), name).toBeGreaterThan(Number(deadline) + 60);
        }
    });

    it("can be read in a preview: what they do and what they react to is no secret", () => {
        for (const { name, sent } of commands()) {
            expect([sent["create"], sent["triggers"], ...sent["triggers"]].some(isSecret), name).toBe(false);
        }
    });

    it("verify the host key on each hop, and dial a finite number of times", () => {
        for (const { name, inputs, options } of commands()) {
            const { proxy, ...target } = inputs["connection"];
            const machine = onAnyNode.includes(name) ? answering : options.deletedWith;
            expect(target.hostKey, name).toBe(`ssh-ed25519 ${machine}-host-key`);
            expect(target.dialErrorLimit).toBeGreaterThan(0);
            if (machine === "main-jump") {
                expect(proxy).toBeUndefined();
                expect(target.host).toBe("198.51.100.7");
            } else {
                expect(proxy).toMatchObject({ host: "198.51.100.7", hostKey: "ssh-ed25519 main-jump-host-key" });
                expect(proxy.dialErrorLimit).toBeGreaterThan(0);
                expect(target.host).toMatch(/^10\.10\./);
            }
        }
    });

    it("that any database node can run go to one that answers", () => {
        const find = run.named("Command", "main-db-any");
        expect(find.inputs["create"]).toMatch(/wait-for-ssh \d+ --any main-db-1=\S+ main-db-2=\S+ main-db-3=\S+ #/);
        for (const name of onAnyNode) {
            expect(run.named("Command", name).inputs["connection"].host, name).toBe(
                run.named("ComputeInstance", answering).inputs["networkInterfaces"][0].ipAddress,
            );
        }
    });

    it("go through the jump host only after SSH answers behind it", () => {
        for (const { name, inputs, options } of commands().filter(
            ({ inputs }) => inputs["connection"].proxy !== undefined,
        )) {
            const waited = options.dependencies.some(
                (dependency) => dependency?.endsWith("-reachable") || dependency?.endsWith("-configured"),
            );
            expect(waited, `${name} ${inputs["create"]}`).toBe(true);
        }
    });

    it("take nodes out and make roles and databases once all nodes are configured", () => {
        const configured = ["main-db-1-configured", "main-db-2-configured", "main-db-3-configured"];
        const waitsFor = (name: string) =>
            run.named("Command", name).options.dependencies.filter((dependency) => dependency?.endsWith("-configured"));
        expect(waitsFor("main-db-members")).toEqual(configured);
        expect(waitsFor("main-db-objects")).toEqual(configured);
    });

    it("check the cluster last, and again when a machine's configuration changes", async () => {
        const check = run.named("Command", "main-check");
        expect(check.options.dependencies).toEqual(
            expect.arrayContaining([
                "main-db-members",
                "main-db-objects",
                "main-lb-1-configured",
                "main-jump-configured",
            ]),
        );
        const changed = await runProgram({ postgresqlParameters: { work_mem: "48MB" } });
        expect(changed.named("Command", "main-check").inputs["create"]).not.toEqual(check.inputs["create"]);
        expect((await runProgram()).named("Command", "main-check").inputs["create"]).toEqual(check.inputs["create"]);
    });

    it("carry the revision of what they send, and the check carries them all", () => {
        const revisions = new Map(
            run
                .ofType("RandomId")
                .map(({ name, inputs }) => [name, `revision of ${JSON.stringify(inputs["keepers"])}`]),
        );
        const carried = (name: string) =>
            [...revisions]
                .filter(([, id]) => run.named("Command", name).inputs["create"].includes(id))
                .map(([revision]) => revision)
                .sort();
        const machineRevisions = machines()
            .map(({ name }) => `${name}-revision`)
            .sort();
        for (const { name } of machines()) expect(carried(`${name}-configured`)).toEqual([`${name}-revision`]);
        expect(carried("main-db-objects")).toEqual(["main-db-objects-revision"]);
        expect(carried("main-check")).toEqual([...machineRevisions, "main-db-objects-revision"].sort());
        // Looked for anew whenever one of those runs that go there.
        expect(carried("main-db-any")).toEqual(
            [...machineRevisions.filter((name) => name.startsWith("main-db-")), "main-db-objects-revision"].sort(),
        );
    });

    it("belong to a machine's size as well: one that did not survive another size is looked at when it gets its old one back", async () => {
        const keepers = (of: ProgramRun) => of.named("RandomId", "main-lb-1-revision").inputs["keepers"];
        const larger = await runProgram({ loadBalancerMemoryGib: 4 });
        expect(keepers(larger).size).not.toBe(keepers(run).size);
        expect(keepers(larger).configuration).toBe(keepers(run).configuration);
    });
});

describe("secrets", () => {
    it("are sent as secrets wherever they are sent", () => {
        const secret = /^(PEM|OpenSSH) private key of|password of/;
        for (const { type, name, sent } of run.resources) {
            expect(
                openTexts(sent).filter((text) => secret.test(text)),
                `${type} ${name}`,
            ).toEqual([]);
        }
    });

    it("travel to machines on standard input alone", () => {
        for (const { name, inputs, sent } of commands()) {
            expect(inputs["create"], name).not.toMatch(/private key of|password of/);
            if (sent["stdin"] !== undefined) expect(isSecret(sent["stdin"]), name).toBe(true);
        }
        expect(
            commands()
                .filter(({ sent }) => sent["stdin"] === undefined)
                .map(({ name }) => name)
                .sort(),
        ).toEqual(["main-db-any", "main-db-members", "main-db-reachable", "main-lb-reachable"]);
    });

    it("are not in user-data, but for the machine's own SSH host key, and so metadata is secret", () => {
        for (const { name, inputs, sent, options } of machines()) {
            const found = String(inputs["metadata"]["user-data"]).match(/(private key|password) of [\w-]+/g);
            expect(found).toEqual([`private key of ${name}-host-key`]);
            expect(openTexts(sent["metadata"]).join()).not.toContain("private key of");
            expect(options.additionalSecretOutputs).toContain("metadata");
        }
    });

    it("make the connection strings secret, and no other output", () => {
        expect(
            Object.entries(run.outputs)
                .filter(([, { secret }]) => secret)
                .map(([name]) => name),
        ).toEqual(["connections"]);
        expect(JSON.stringify(Object.entries(run.outputs).filter(([name]) => name !== "connections"))).not.toMatch(
            /private key of|password of/,
        );
    });
});

describe("protection", () => {
    it("covers database machines and their disks while deletionProtection is on", () => {
        const names = run.resources
            .filter(({ options }) => options.protect)
            .map(({ type, name }) => `${type.split(":").at(-1)} ${name}`);
        expect(names.sort()).toEqual([
            "ComputeDisk main-db-1-data",
            "ComputeDisk main-db-2-data",
            "ComputeDisk main-db-3-data",
            "ComputeInstance main-db-1",
            "ComputeInstance main-db-2",
            "ComputeInstance main-db-3",
        ]);
    });

    it("covers nothing when it is off", async () => {
        const open = await runProgram({ deletionProtection: false });
        expect(open.resources.filter(({ options }) => options.protect)).toEqual([]);
    });

    it("keeps a machine from being replaced or stopped because of a newer image, another boot disk or a new placement group", () => {
        for (const { options } of machines()) {
            expect(options.ignoreChanges).toEqual(["bootDisk", "placementPolicy"]);
            expect(options.deleteBeforeReplace).toBe(true);
            // It lifts that for a machine that is made anew, see renewal.ts.
            expect(options.transforms).toBe(1);
        }
    });

    it("has each machine made anew for another image or boot disk that is asked for, and not for the family's newest", () => {
        for (const { name } of machines()) {
            const { inputs, parent } = run.named("Stash", `${name}-made-of`);
            expect(parent).toBe(name);
            expect(inputs["input"]).toEqual({
                image: { family: "almalinux-9" },
                bootDisk: { sizeGib: 20, type: name.includes("-db-") ? "network-ssd" : "network-hdd" },
                drawn: expect.any(String),
            });
            expect(run.named("RandomId", `${name}-image`).inputs["keepers"]).toBeUndefined();
        }
    });
});

describe("preview", () => {
    it("shows every resource that up will make, and creates none inside an unknown value", async () => {
        for (const configuration of Object.values(configurations)) {
            const preview = await runProgram(configuration, { preview: true });
            const up = await runProgram(configuration);
            expect(keys(preview.resources)).toEqual(keys(up.resources));
        }
    });

    it("does not know the endpoints before the check ran", async () => {
        const gated = ["connections", "leaderEndpoint", "replicaEndpoint", "statisticsUrl"];
        const first = await runProgram({}, { preview: true });
        expect(
            Object.entries(first.outputs)
                .filter(([, { known }]) => !known)
                .map(([name]) => name),
        ).toEqual(expect.arrayContaining(gated));
        const unchecked = await runProgram({}, { preview: true, exists: (name) => name !== "main-check" });
        expect(
            Object.entries(unchecked.outputs)
                .filter(([, { known }]) => !known)
                .map(([name]) => name)
                .sort(),
        ).toEqual(gated);
        const checked = await runProgram({}, { preview: true, exists: () => true });
        expect(Object.values(checked.outputs).every(({ known }) => known)).toBe(true);
    });

    it("knows addresses and sizes although nothing exists yet", async () => {
        const { inputs } = (await runProgram({}, { preview: true })).named("ComputeInstance", "main-db-2");
        expect(inputs).toMatchObject({ zone: "ru-central1-b", resources: { cores: 4, memory: 16 } });
        expect(inputs["networkInterfaces"][0]).toMatchObject({ ipAddress: "10.10.32.11", subnetId: unknownValue });
    });
});

describe("other shapes", () => {
    it("five nodes in three zones: nodes of one zone are in different racks", async () => {
        const five = await runProgram({ databaseNodes: 5, quotas: largeQuotas });
        expect(
            five
                .ofType("ComputePlacementGroup")
                .map(({ name }) => name)
                .sort(),
        ).toEqual(["main-db-ru-central1-a", "main-db-ru-central1-b"]);
        const groups = Object.fromEntries(
            five
                .ofType("ComputeInstance")
                .map(({ name, inputs }) => [name, inputs["placementPolicy"]?.placementGroupId]),
        );
        expect(groups).toEqual({
            "main-jump": undefined,
            "main-lb-1": undefined,
            "main-db-1": "id-of-main-db-ru-central1-a",
            "main-db-2": "id-of-main-db-ru-central1-b",
            "main-db-3": undefined,
            "main-db-4": "id-of-main-db-ru-central1-a",
            "main-db-5": "id-of-main-db-ru-central1-b",
        });
    });

    it("growing from three nodes to five changes no machine that is there but its configuration", async () => {
        const five = await runProgram({ databaseNodes: 5, quotas: largeQuotas });
        for (const { name, inputs: before } of machines()) {
            const { metadata: _, placementPolicy: __, ...after } = five.named("ComputeInstance", name).inputs;
            const { metadata: ___, ...wanted } = before;
            expect(after).toEqual(wanted);
        }
    });

    it("two load balancers make two endpoints to see and both names valid on every node", async () => {
        const two = await runProgram({ loadBalancers: 2 });
        expect(two.outputs["statisticsUrl"]!.value).toEqual([
            "https://main-lb-1.ru-central1.internal:7000/",
            "https://main-lb-2.ru-central1.internal:7000/",
        ]);
        for (const node of ["main-db-1", "main-db-2", "main-db-3"]) {
            const request = two.named("CertRequest", `main-ca-${node}`).inputs;
            expect(request["dnsNames"]).toEqual(
                expect.arrayContaining([
                    `${node}.ru-central1.internal`,
                    "main-lb-1.ru-central1.internal",
                    "main-lb-2.ru-central1.internal",
                ]),
            );
        }
    });

    describe("two load balancers", () => {
        let two: ProgramRun;
        beforeAll(async () => {
            two = await runProgram({ loadBalancers: 2 });
        });

        it("are joined by one internal address, which leads to ports that it has for itself", () => {
            expect(two.named("LbTargetGroup", "main-lb").inputs["targets"]).toEqual([
                { subnetId: "id-of-main-ru-central1-a", address: "10.10.0.5" },
                { subnetId: "id-of-main-ru-central1-b", address: "10.10.32.6" },
            ]);
            const internalAddressSpec = {
                subnetId: "id-of-main-ru-central1-a",
                address: "10.10.0.9",
                ipVersion: "ipv4",
            };
            expect(two.named("LbNetworkLoadBalancer", "main-lb").inputs).toMatchObject({
                type: "internal",
                listeners: [
                    { name: "leader", protocol: "tcp", port: 5000, targetPort: 5010, internalAddressSpec },
                    { name: "replicas", protocol: "tcp", port: 5001, targetPort: 5011, internalAddressSpec },
                ],
                attachedTargetGroups: [
                    {
                        targetGroupId: "id-of-main-lb",
                        healthchecks: [
                            {
                                interval: 2,
                                timeout: 1,
                                healthyThreshold: 2,
                                unhealthyThreshold: 2,
                                httpOptions: { port: 5012, path: "/" },
                            },
                        ],
                    },
                ],
            });
        });

        it("give their common address to the endpoints, and every node a certificate for it", () => {
            expect(two.outputs["leaderEndpoint"]!.value).toEqual({
                host: "10.10.0.9",
                address: "10.10.0.9",
                port: 5000,
            });
            expect(two.outputs["replicaEndpoint"]!.value).toEqual({
                host: "10.10.0.9",
                address: "10.10.0.9",
                port: 5001,
            });
            for (const node of ["main-db-1", "main-db-2", "main-db-3"]) {
                expect(two.named("CertRequest", `main-ca-${node}`).inputs["ipAddresses"]).toEqual(
                    expect.arrayContaining(["10.10.0.5", "10.10.32.6", "10.10.0.9"]),
                );
            }
        });

        it("are checked together before the endpoints are published", () => {
            const check = two.named("Command", "main-check");
            expect(check.options.dependencies).toContain("main-lb");
            expect(check.inputs["triggers"]).toContain("id-of-main-lb");
            const [file] =
                two
                    .named("Command", "main-db-1-configured")
                    .inputs["stdin"].match(/[^{}]*network load balancer[^{}]*/) ?? [];
            expect(file).toContain("10.10.0.9");
        });

        it("admit only the cloud's health checks to the port of the health check", () => {
            const { ingresses } = two.named("VpcSecurityGroup", "main-lb").inputs;
            expect(
                ingresses
                    .filter(({ port }: { port: number }) => port === 5012)
                    .map(({ v4CidrBlocks }: { v4CidrBlocks: string[] }) => v4CidrBlocks),
            ).toEqual([["198.18.235.0/24", "198.18.248.0/24"]]);
        });

        it("lose their common address when one is left, and nothing else changes for it", async () => {
            const resources = ({ resources }: ProgramRun) => resources.map(({ type, name }) => `${type} ${name}`);
            const gone = resources(two).filter((resource) => !resources(run).includes(resource));
            expect(
                gone
                    .filter((resource) => !resource.includes("main-lb-2"))
                    .map((resource) => resource.split(":").at(-1))
                    .sort(),
            ).toEqual(["LbNetworkLoadBalancer main-lb", "LbTargetGroup main-lb", "NetworkLoadBalancer main-lb"]);
            expect(two.named("ComputeInstance", "main-lb-1").inputs["networkInterfaces"]).toEqual(
                run.named("ComputeInstance", "main-lb-1").inputs["networkInterfaces"],
            );
        });
    });

    it("a configured image is taken as it is, another name is used everywhere", async () => {
        const other = await runProgram({ clusterName: "orders", imageId: "fd81111111111111111b" });
        expect(other.named("ComputeInstance", "orders-db-1").inputs["bootDisk"].initializeParams.imageId).toBe(
            "fd81111111111111111b",
        );
        for (const { name, type } of other.resources.filter(({ type }) => type !== STASH))
            expect(name, type).toMatch(/^orders(-|$)/);
    });

    it("a wrong configuration makes nothing at all", async () => {
        await expect(runProgram({ adminCidrs: [], databaseNodes: 4 })).rejects.toThrow(
            /adminCidrs[\s\S]*databaseNodes|databaseNodes[\s\S]*adminCidrs/,
        );
    });
});

describe("a cluster in a network of the user's", () => {
    it("makes subnets and security groups in it, and neither network nor way out", async () => {
        const routeTableId = "enpteamroutes0000000";
        const inside = await runProgram({ networkId: TEAM_NETWORK, routeTableId });
        for (const type of ["VpcNetwork", "VpcGateway", "VpcRouteTable"]) expect(inside.ofType(type)).toEqual([]);
        const subnets = inside.ofType("VpcSubnet").map(({ inputs }) => inputs);
        expect(subnets).toHaveLength(3);
        for (const subnet of subnets) expect(subnet).toMatchObject({ networkId: TEAM_NETWORK, routeTableId });
        for (const { inputs } of inside.ofType("VpcSecurityGroup")) expect(inputs["networkId"]).toBe(TEAM_NETWORK);
        expect(inside.outputs["networkId"]!.value).toBe(TEAM_NETWORK);
    });

    it("has a way out of its own where the user's has none", async () => {
        const inside = await runProgram({ networkId: TEAM_NETWORK });
        expect(inside.ofType("VpcNetwork")).toEqual([]);
        expect(inside.named("VpcRouteTable", "main-routes").inputs["networkId"]).toBe(TEAM_NETWORK);
    });
});
