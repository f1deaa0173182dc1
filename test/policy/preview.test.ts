/** The policies on the whole program, as the engine, the provider and the emulator of the cloud's API see it. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { largeQuotas } from "../support/rendered-cluster.ts";
import { EmulatedProject, repository, type Result } from "./emulated-project.ts";

const STACK = "policy";
let emulated: EmulatedProject;

beforeAll(async () => {
    emulated = await EmulatedProject.start(STACK);
});
afterAll(() => emulated?.close());

const pulumi: EmulatedProject["pulumi"] = (...args) => emulated.pulumi(...args);
const configure: EmulatedProject["configure"] = (settings) => emulated.configure(settings);

/** A subcommand with the stack's configuration and the policies. */
function checked(subcommand: readonly string[], policyConfig: object = {}): Promise<Result> {
    const file = join(emulated.folder, "policy.json");
    writeFileSync(file, JSON.stringify(policyConfig));
    return emulated.withConfiguration(
        ...subcommand,
        "--policy-pack",
        import.meta.dirname,
        "--policy-pack-config",
        file,
    );
}
const preview = (policyConfig: object = {}) => checked(["preview"], policyConfig);

describe("a preview with the policies", () => {
    it("passes for the defaults", async () => {
        configure({});
        const { status, output } = await preview();
        expect(output).toMatch(/postgres-ha@v0\.1\.0/);
        expect(output).not.toMatch(/\[mandatory\]|violation/i);
        expect(status, output).toBe(0);
    });

    it("passes for five nodes and two load balancers", async () => {
        configure({ databaseNodes: 5, loadBalancers: 2, quotas: largeQuotas });
        const { status, output } = await preview();
        expect(status, output).toBe(0);
    });

    it("refuses SSH that is open to the whole Internet, unless the policy's configuration allows it", async () => {
        configure({ adminCidrs: ["0.0.0.0/0"], allowSshFromAnywhere: true });
        const refused = await preview();
        expect(refused.status).not.toBe(0);
        expect(refused.output).toMatch(/lets everybody in: TCP 22/);
        const meant = await preview({ "closed-ingress": { allowAnywhere: true } });
        expect(meant.status, meant.output).toBe(0);
    });

    it("refuses data without protection, unless the policy's configuration allows it", async () => {
        configure({ deletionProtection: false });
        const refused = await preview();
        expect(refused.status).not.toBe(0);
        expect(refused.output).toMatch(/is not protected/);
        const meant = await preview({ "protected-data": { required: false } });
        expect(meant.status, meant.output).toBe(0);
    });

    it("makes nothing", () => {
        expect(emulated.driver.machines.size).toBe(0);
    });
});

describe("a refused configuration", () => {
    const body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx";
    const privateKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
    /** Where a program failed, and what Node.js shows of an error. */
    const noise = /^\s*at |unhandled|ConfigurationError|mistakes:|RunError|stack trace/m;

    it("is reported in readable lines, without a secret", async () => {
        configure({
            sshPublicKeys: privateKey,
            ntpServers: privateKey,
            patroniCallbacks: { on_start: "curl -H 'Token: hunter2'\r\n" },
            postgresqlParameters: { admin_password: "hunter2" },
            users: [{ name: "reader", databases: ["app"], password: "hunter2" }],
            sshPrivateKey: privateKey,
            databaseNodes: 4,
        });
        const { status, output } = await preview();
        expect(status).not.toBe(0);
        expect(output).toMatch(/\d+ settings are wrong:\n/);
        for (const key of [
            "sshPublicKeys",
            "ntpServers",
            "patroniCallbacks.on_start",
            "postgresqlParameters.admin_password",
            "users[0]",
            "sshPrivateKey",
        ])
            expect(output).toContain(`  ${key}`);
        expect(output).toContain("databaseNodes: 4 must be 3 or 5");
        expect(output).not.toContain(body.slice(0, 20));
        expect(output).not.toContain("hunter2");
        expect(output).not.toMatch(noise);
    });

    it("is reported in the cloud's words if an image family does not exist", async () => {
        configure({ imageFamily: "no-such-family" });
        const { status, output } = await preview();
        expect(status).not.toBe(0);
        expect(output).toMatch(/family no-such-family not found/);
        expect(output).toMatch(/error: imageFamily: "no-such-family" has no image that can be had$/m);
        expect(output).not.toMatch(/serializing property/);
        expect(output).not.toMatch(noise);
    });
});

describe("a stack that has its machines", () => {
    /** All but the commands, which would need machines that answer, and what depends on them. */
    const withoutCommands = ["--exclude", "**command:remote:Command::**", "--exclude", "**Stash::*-manifest"];

    it("passes with everything known, and the provider takes every input", async () => {
        configure({});
        const { status, output } = await checked(["up", "--yes", "--skip-preview", ...withoutCommands]);
        expect(status, output).toBe(0);
        expect([...emulated.driver.machines.values()].map(({ spec }) => spec.name).sort()).toEqual([
            "main-db-1",
            "main-db-2",
            "main-db-3",
            "main-jump",
            "main-lb-1",
        ]);
    });

    it("keeps no private key and no password in the open", async () => {
        const state = await pulumi("stack", "export", "--stack", STACK);
        const users = (await pulumi("stack", "export", "--stack", STACK, "--show-secrets")).output;
        const secrets = (JSON.parse(users).deployment.resources as { type: string; outputs?: Record<string, any> }[])
            .flatMap(({ type, outputs = {} }) =>
                type.endsWith(":RandomPassword")
                    ? [outputs["result"]]
                    : type.endsWith(":PrivateKey")
                      ? [outputs["privateKeyPem"], outputs["privateKeyOpenssh"]]
                      : [],
            )
            .map((secret) => (JSON.parse(secret.plaintext) as string).trim())
            .filter((secret) => secret !== "");
        expect(secrets.length).toBeGreaterThan(15);
        for (const secret of secrets) expect(state.output.includes(JSON.stringify(secret).slice(1, -1))).toBe(false);
    });

    it("gives machines what they need and no secret but their own host key", () => {
        for (const { spec } of emulated.driver.machines.values()) {
            expect(Object.keys(spec.metadata)).toEqual(["user-data"]);
            expect(spec.userData.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----/g)).toHaveLength(1);
            expect(spec.disks.map(({ deviceName, boot }) => (boot ? "boot" : deviceName))).toEqual(
                spec.name.includes("-db-") ? ["boot", "data"] : ["boot"],
            );
        }
    });

    it("changes nothing of them at the next preview", async () => {
        const { status, output } = await checked(["preview", "--refresh", "--expect-no-changes", ...withoutCommands]);
        expect(status, output).toBe(0);
    });

    describe("whose machines are to be made anew", () => {
        const today = "fd80000000000000000b";
        /** Names of machines that a preview replaces, and what it says of them. */
        async function renewed(settings: Readonly<Record<string, unknown>>, ...options: readonly string[]) {
            configure({ deletionProtection: false, ...settings });
            const { status, output } = await emulated.withConfiguration("preview", ...withoutCommands, ...options);
            expect(status, output).toBe(0);
            const names = (pattern: RegExp) =>
                [...new Set([...output.matchAll(pattern)].map(([, name]) => name!))].sort();
            return {
                output,
                replaced: names(/yandex:index:Compute(?:Instance|Disk) (\S+) replace/g),
                announced: names(/(\S+) is made anew/g),
            };
        }
        const databases = ["main-db-1", "main-db-2", "main-db-3"];
        const all = [...databases, "main-jump", "main-lb-1"];

        it("are named by the preview with what changes, and no data disk is among them", async () => {
            const { output, replaced, announced } = await renewed({ databaseBootDiskSizeGib: 21 });
            expect(replaced).toEqual(databases);
            expect(announced).toEqual(databases);
            expect(output).toContain(
                "main-db-2 is made anew (boot disk: 21 GiB, network-ssd instead of 20 GiB, network-ssd): machine after machine",
            );
        });

        it("are refused while they are protected", async () => {
            configure({ databaseBootDiskSizeGib: 21 });
            const { status, output } = await emulated.withConfiguration("preview", ...withoutCommands);
            expect(status).not.toBe(0);
            // The engine ends with the first that are refused, in any order.
            expect(output).toMatch(
                /main-db-\d needs another machine \(boot disk: 21 GiB, network-ssd instead of 20 GiB, network-ssd\) and is protected: set deletionProtection to false for this `up`\./,
            );
        });

        it("say that the endpoints are away with the only load balancer", async () => {
            const { output, replaced } = await renewed({ loadBalancerBootDiskType: "network-ssd" });
            expect(replaced).toEqual(["main-lb-1"]);
            expect(output).toMatch(/main-lb-1 is made anew .*: 5000 and 5001 are away meanwhile/);
        });

        it("are none while they have the family's newest image, though it is asked for", async () => {
            const { output, replaced } = await renewed({}, "--replace", "**-image");
            expect(replaced).toEqual([]);
            for (const name of all) expect(output).toContain(`${name} has this image and boot disk already`);
        });

        it("are none because the family has a newer image, and all of them when it is asked for", async () => {
            await emulated.publishImage(today);
            expect((await renewed({})).replaced).toEqual([]);
            expect((await renewed({}, "--replace", "**-image")).replaced).toEqual(all);
            expect((await renewed({ imageId: today })).replaced).toEqual(all);
            const { output, replaced } = await renewed({}, "--replace", "**:RandomId::main-db-2-image");
            expect(replaced).toEqual(["main-db-2"]);
            expect(output).toContain(`main-db-2 is made anew (image: ${today} instead of fd8almalinux9testbed00)`);
        });
    });

    it("is not destroyed while its data is protected", async () => {
        // With --skip-preview Pulumi would take down what is not protected before it fails.
        const { status, output } = await emulated.withConfiguration("destroy", "--yes");
        expect(status).not.toBe(0);
        expect(output).toMatch(/protect/);
        expect(emulated.driver.machines.size).toBe(5);
    });
});

describe("npm run recover", () => {
    interface State {
        deployment: { resources: any[]; pending_operations?: any[] };
    }
    const exported = async () => JSON.parse((await pulumi("stack", "export", "--stack", STACK)).output) as State;
    const machine = (name: string) => (urn: string) => urn.endsWith(`ComputeInstance::${name}`);

    /** Makes the state what it is when Pulumi was killed while it created these machines. `pulumi stack import` would drop what is begun. */
    async function begun(names: readonly string[], change: (inputs: any) => void = () => undefined): Promise<void> {
        const file = join(emulated.folder, `state/.pulumi/stacks/postgres-ha/${STACK}.json`);
        const state = JSON.parse(readFileSync(file, "utf8")) as { checkpoint: { latest: State["deployment"] } };
        const { latest } = state.checkpoint;
        const isBegun = ({ urn }: { urn: string }) => names.some((name) => machine(name)(urn));
        const begun = latest.resources.filter(isBegun).map(({ id: _, outputs: __, ...resource }) => resource);
        for (const { inputs } of begun) change(inputs);
        latest.resources = latest.resources.filter((resource) => !isBegun(resource));
        latest.pending_operations = begun.map((resource) => ({ type: "creating", resource }));
        writeFileSync(file, JSON.stringify(state));
        expect((await exported()).deployment.pending_operations).toHaveLength(names.length);
    }

    /** Runs it with the stack's configuration as it is in the project. */
    function recover(): Promise<Result> {
        cpSync(emulated.stackFile, join(emulated.project, `Pulumi.${STACK}.yaml`));
        return emulated.execute(process.execPath, [
            join(repository, "recover/index.ts"),
            "--stack",
            STACK,
            "--settle",
            "0",
        ]);
    }

    it("takes over what is there and what was asked for", async () => {
        configure({});
        const before = (await exported()).deployment.resources;
        await begun(["main-db-2", "main-lb-1"]);
        const { status, output } = await recover();
        expect(status, output).toBe(0);
        expect(output).toMatch(/^ComputeInstance main-db-2: is \w+, taken over$/m);
        expect(output).toMatch(/^ComputeInstance main-lb-1: is \w+, taken over$/m);
        const after = (await exported()).deployment;
        expect(after.pending_operations ?? []).toEqual([]);
        const ids = (resources: any[]) => Object.fromEntries(resources.map(({ urn, id }) => [urn, id]));
        expect(ids(after.resources)).toEqual(ids(before));
        expect(JSON.stringify(after)).not.toContain("PRIVATE KEY");
    });

    it("leaves alone what only has the name, and forgets that it began it", async () => {
        await begun(["main-db-3"], (inputs) => (inputs.labels.cluster = "another"));
        const { status, output } = await recover();
        expect(status, output).toBe(0);
        expect(output).toMatch(
            /^ComputeInstance main-db-3: \w+ has its name, but its labels.cluster is "main", not "another": left alone$/m,
        );
        const { resources, pending_operations } = (await exported()).deployment;
        expect(resources.some(({ urn }) => machine("main-db-3")(urn))).toBe(false);
        expect(pending_operations ?? []).toEqual([]);
        expect(emulated.driver.machines.size).toBe(5);
    });

    it("changes nothing where the cloud does not answer", async () => {
        await begun(["main-db-1"]);
        const before = await exported();
        configure({});
        const file = emulated.stackFile;
        writeFileSync(file, readFileSync(file, "utf8").replace(/endpoint: .*/, "endpoint: localhost:1"));
        const { status, output } = await recover();
        expect(status).toBe(1);
        expect(output).toContain(
            "the cloud does not tell whether ComputeInstance main-db-1 is there; nothing was changed",
        );
        expect(await exported()).toEqual(before);
    });
});
