/**
 * A state that an earlier version made goes on with this program, and the preview says what a change does to machines.
 * The states are fixtures, see test/fixtures/scrub-state.ts.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { EmulatedProject, repository } from "./emulated-project.ts";

interface Step {
    readonly op: string;
    readonly urn: string;
    readonly newState?: { readonly inputs?: Readonly<Record<string, unknown>> };
}
interface Resource {
    readonly urn: string;
    readonly type: string;
    readonly inputs?: Record<string, any>;
}

/** What npm run local configured when the state was made. */
const configuration = {
    almalinuxMirror: "http://repo.testbed/almalinux",
    epelMirror: "http://repo.testbed/epel",
    pgdgMirror: "http://repo.testbed/pgdg",
    databaseCores: 2,
    databaseMemoryGib: 2,
    databaseDataDiskSizeGib: 10,
    jumpHostCoreFraction: 20,
    loadBalancerCoreFraction: 20,
    deletionProtection: false,
    securityUpdates: false,
};
/** Whose replacement loses data, a machine, an address, a key or a password. */
const kept =
    /:(ComputeInstance|ComputeDisk|VpcNetwork|VpcSubnet|VpcAddress|PrivateKey|SelfSignedCert|LocallySignedCert|RandomPassword)$/;

const typeOf = (urn: string) => urn.split("::").at(-2)!;
const nameOf = (urn: string) => urn.split("::").at(-1)!;
interface State {
    readonly deployment: { readonly resources: readonly Resource[] };
}
const state = JSON.parse(readFileSync(join(repository, "test/fixtures/state-0.1.0.json"), "utf8")) as State;

let emulated: EmulatedProject;
beforeAll(async () => {
    // The URNs of the fixture name this stack.
    emulated = await EmulatedProject.start("local");
});
afterAll(() => emulated?.close());

/** Makes it the stack's state, encrypted with the stack's own passphrase. */
async function importState(imported: State): Promise<void> {
    const stack = parse(readFileSync(join(emulated.project, "Pulumi.local.yaml"), "utf8")) as {
        encryptionsalt: string;
    };
    const secrets_providers = { type: "passphrase", state: { salt: stack.encryptionsalt } };
    const file = join(emulated.folder, "state.json");
    writeFileSync(file, JSON.stringify({ ...imported, deployment: { ...imported.deployment, secrets_providers } }));
    const { status, output } = await emulated.pulumi("stack", "import", "--stack", "local", "--file", file);
    expect(status, output).toBe(0);
}

/** The steps of a preview with these settings. */
async function steps(settings: Readonly<Record<string, unknown>>): Promise<readonly Step[]> {
    emulated.configure({ ...configuration, ...settings });
    const { status, output } = await emulated.withConfiguration("preview", "--json", "--show-sames");
    expect(status, output).toBe(0);
    return (JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as { steps: Step[] }).steps;
}

const made = (all: readonly Step[]) =>
    all
        .filter(({ op, urn }) => !["same", "update", "read"].includes(op) && kept.test(typeOf(urn)))
        .map(({ op, urn }) => `${op} ${nameOf(urn)}`);

describe("a state of version 0.1.0", () => {
    it("has everything that must be kept", () => {
        const types = new Set(state.deployment.resources.map(({ type }) => type).filter((type) => kept.test(type)));
        expect(types.size).toBe(9);
        expect(JSON.stringify(state)).not.toContain("PRIVATE KEY");
    });

    it("previews without a machine, disk, key, certificate or password made, replaced or deleted", async () => {
        await importState(state);
        const all = await steps({});
        const seen = new Set(all.map(({ urn }) => urn));
        const unseen = state.deployment.resources.filter(({ urn, type }) => kept.test(type) && !seen.has(urn));
        expect(unseen).toEqual([]);
        expect(made(all)).toEqual([]);
    });

    it("is not taken for one whose machines are to be made anew, whatever boot disk and image are configured", async () => {
        const all = await steps({ databaseBootDiskSizeGib: 25, imageId: "fd81111111111111111b" });
        expect(made(all)).toEqual([]);
    });

    it("would show a logical name that is another one", async () => {
        const renamed = JSON.stringify(state).replaceAll("::main-db-2-host-key", "::main-db-2-ssh-key");
        await importState(JSON.parse(renamed) as State);
        expect(made(await steps({})).sort()).toEqual(["create main-db-2-host-key", "delete main-db-2-ssh-key"]);
    });
});

describe("the preview of a change", () => {
    /** As if the last `up` had been this program's: the state has the manifests of the machines. */
    beforeAll(async () => {
        await importState(state);
        const manifests = (await steps({})).flatMap(({ urn, newState }) =>
            urn.endsWith("-manifest") ? [{ ...newState, id: nameOf(urn), outputs: newState!.inputs }] : [],
        );
        expect(manifests.map(({ id }) => id).sort()).toEqual(
            ["db-1", "db-2", "db-3", "jump", "lb-1"].map((name) => `main-${name}-manifest`),
        );
        const resources = [...state.deployment.resources, ...(manifests as unknown as Resource[])];
        await importState({ ...state, deployment: { ...state.deployment, resources } });
    });

    /** Plain text, as `pulumi preview` prints it without --diff; what it says of one machine. */
    async function announced(settings: Readonly<Record<string, unknown>>, machine: string): Promise<readonly string[]> {
        emulated.configure({ ...configuration, ...settings });
        const { status, output } = await emulated.withConfiguration("preview");
        expect(status, output).toBe(0);
        const [, block = ""] = new RegExp(`^ *${machine}:\n((?: +/.*\n| +\\w.* .*\n)*?)(?=\n|^ *\\S+:$)`, "m").exec(
            output,
        ) ?? ["", output];
        return block
            .split("\n")
            .map((line) => line.trim())
            .filter(Boolean);
    }

    it("names the parameters of PostgreSQL, and whether it restarts", async () => {
        expect(
            await announced({ postgresqlParameters: { max_connections: 120, work_mem: "7MB" } }, "main-db-2"),
        ).toEqual([
            // It holds the same values, for a node that is made anew.
            "/etc/patroni/patroni.yml changes: reload of patroni",
            "/etc/pgbouncer/pgbouncer.ini changes: reload of pgbouncer",
            "PostgreSQL max_connections changes: restart of PostgreSQL, node after node",
            "PostgreSQL work_mem changes: reload of PostgreSQL",
        ]);
    });

    it("names files and what follows", async () => {
        expect(await announced({ loadBalancerMaxConnections: 3000 }, "main-lb-1")).toEqual([
            "/etc/haproxy/haproxy.cfg changes: reload of haproxy",
        ]);
    });

    it("shows no content of a secret file", async () => {
        const said = await announced({ patroniCallbacks: { on_start: "curl -H 'Token: hunter2'" } }, "main-db-1");
        expect(said).toEqual(["/etc/postgres-ha/callbacks/on_start is new"]);
        const { output } = await emulated.withConfiguration("preview", "--diff");
        expect(output).not.toContain("hunter2");
    });
});
