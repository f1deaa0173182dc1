/**
 * `npm run recover`: after a `pulumi up` that was killed while it created resources. Pulumi knows that it began to
 * create them, and not how that ended. This finds each of them in the cloud by its name, has Pulumi take over those
 * that are there and are what was asked for, and has it forget that it began the others. The next `pulumi up` goes on.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { lookups, type Wanted } from "./lookup.ts";
import {
    adopt,
    difference,
    isUnfinished,
    nameOf,
    pendingCreates,
    type Deployment,
    type Found,
    type PendingCreate,
} from "./pending-creates.ts";

const repository = join(import.meta.dirname, "..");
const usage = `npm run recover [-- --stack NAME] [--settle SECONDS]

After a pulumi up that was killed: takes over what it created, and forgets what it did not. Then run pulumi up.

  --stack NAME       the stack (default: the selected one)
  --settle SECONDS   how long nothing may change in the cloud before it is believed (default 15): what the killed
                     up had asked for goes on without it`;

/** The cloud may take so long for what was asked for. */
const longestWaitSeconds = 600;

async function main(): Promise<number> {
    const { values } = parseArgs({
        options: { stack: { type: "string" }, settle: { type: "string", default: "15" }, help: { type: "boolean" } },
    });
    if (values.help) return (console.log(usage), 0);
    const stack = values.stack ?? pulumi(["stack", "--show-name"]).trim();
    const { deployment } = exported(stack);
    const pending = pendingCreates(deployment);
    if (pending.length === 0)
        return (console.log(`Nothing to recover: no creation is pending in the stack ${stack}.`), 0);

    const found = await settled(stack, pending, Number(values.settle));
    const ids = new Map<string, string>();
    for (const create of pending) {
        const resource = found.get(create.urn);
        const wrong = resource && difference(create, resource, deployment);
        if (resource !== undefined && wrong === undefined) ids.set(create.urn, resource.id);
        const told =
            create.name === undefined
                ? "will be made again"
                : isUnknown(create)
                  ? "cannot be looked up here and is forgotten: delete it in the cloud if it is there"
                  : resource === undefined
                    ? "was not created"
                    : wrong === undefined
                      ? `is ${resource.id}, taken over`
                      : `${resource.id} has its name, but ${wrong}: left alone`;
        console.log(`${nameOf(create.urn)}: ${told}`);
    }
    changeState(stack, pending, ids);
    console.log(`The stack ${stack} knows now what there is. Run pulumi up to go on.`);
    return 0;
}

/** Whether it is a resource of the cloud of a kind that this command does not know. */
const isUnknown = ({ name, type }: PendingCreate): boolean => name !== undefined && !(type in lookups);

interface Exported {
    readonly deployment: Deployment;
}

/** The stack's state, its secrets encrypted. */
const exported = (stack: string) => JSON.parse(pulumi(["stack", "export", "--stack", stack])) as Exported;

/**
 * Changes the state, and has Pulumi ask the cloud what the resources taken over are like. (`pulumi refresh
 * --import-pending-creates` of Pulumi 3.258 loses them.)
 * @throws Error that says how far it came
 */
function changeState(stack: string, pending: readonly PendingCreate[], ids: ReadonlyMap<string, string>): void {
    const state = exported(stack);
    if (JSON.stringify(pendingCreates(state.deployment)) !== JSON.stringify(pending)) {
        throw new Error("the stack was changed meanwhile: nothing was changed here, run this again");
    }
    pulumi(["stack", "import", "--stack", stack], {
        input: JSON.stringify({ ...state, deployment: adopt(state.deployment, ids) }),
    });
    if (ids.size === 0) return;
    const targets = [...ids.keys()].flatMap((urn) => ["--target", urn]);
    try {
        pulumi([
            "refresh",
            "--stack",
            stack,
            "--yes",
            "--skip-preview",
            "--non-interactive",
            "--suppress-outputs",
            ...targets,
        ]);
    } catch (error) {
        throw new Error(
            `the stack ${stack} has them now, but could not ask the cloud what they are like: run pulumi refresh before pulumi up\n${(error as Error).message}`,
        );
    }
}

/**
 * What the cloud has of the resources, by URN, once that does not change any more.
 * @throws Error when it changes for too long, or when the cloud refuses to tell
 */
async function settled(
    stack: string,
    pending: readonly PendingCreate[],
    settleSeconds: number,
): Promise<ReadonlyMap<string, Found>> {
    const deadline = Date.now() + longestWaitSeconds * 1000;
    for (let last: string | undefined; ; await sleep(settleSeconds * 1000)) {
        const found = lookUp(stack, pending);
        const unfinished = pending.filter(({ urn }) => isUnfinished(found.get(urn) ?? ({} as Found)));
        const now = JSON.stringify([...found].map(([urn, { id, status }]) => [urn, id, status]));
        if (now === last && unfinished.length === 0) return found;
        if (Date.now() > deadline) {
            const names = unfinished.map(({ urn }) => nameOf(urn)).join(", ");
            throw new Error(
                `after ${longestWaitSeconds} s the cloud is not done${names === "" ? "" : ` with ${names}`}: nothing was changed, run this again`,
            );
        }
        last = now;
    }
}

/** Asks the provider, with the stack's own configuration. */
function lookUp(stack: string, pending: readonly PendingCreate[]): Map<string, Found> {
    const known = pending.filter((create) => create.name !== undefined && !isUnknown(create));
    if (known.length === 0) return new Map();
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-recover-"));
    try {
        const wanted: Wanted[] = known.map(({ type, name }) => ({ type, name: name! }));
        const output = runProgram(folder, wanted, providerConfiguration(stack));
        const answers = JSON.parse(readFileSync(join(folder, "found.json"), "utf8")) as (Found | null)[];
        return new Map(
            known.flatMap(({ urn, type, name }, index) => {
                const answer = answers[index];
                if (answer) return [[urn, answer] as const];
                // Without these words something else is wrong, a token for example, and the resource may be there.
                if (output.includes(`${lookups[type]!.called} with name "${name}" not found`)) return [];
                throw new Error(
                    `the cloud does not tell whether ${nameOf(urn)} is there; nothing was changed:\n${reasons(output)}`,
                );
            }),
        );
    } finally {
        rmSync(folder, { recursive: true });
    }
}

/** The preview of lookup.ts in a project and with a state of its own. Returns what Pulumi printed. */
function runProgram(folder: string, wanted: readonly Wanted[], configuration: ProviderConfiguration): string {
    const project = join(folder, "project");
    const state = join(folder, "state");
    mkdirSync(project);
    mkdirSync(state);
    for (const name of ["recover", "package.json", "node_modules"])
        symlinkSync(join(repository, name), join(project, name));
    const runtime = {
        name: "nodejs",
        options: { typescript: false, nodeargs: "--disable-warning=ExperimentalWarning" },
    };
    writeFileSync(
        join(project, "Pulumi.yaml"),
        stringify({ name: "postgres-ha-recover", main: "recover/lookup.ts", runtime }),
    );
    writeFileSync(join(project, "Pulumi.lookup.yaml"), stringify({ config: configuration.plain }));
    writeFileSync(join(folder, "wanted.json"), JSON.stringify(wanted));
    const environment = {
        ...configuration.secret,
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
        PULUMI_CONFIG_PASSPHRASE_FILE: "",
        RECOVER_WANTED: join(folder, "wanted.json"),
        RECOVER_FOUND: join(folder, "found.json"),
    };
    const options = { cwd: project, environment };
    pulumi(["stack", "init", "lookup", "--non-interactive"], options);
    // A lookup that finds nothing is an error for Pulumi; the file decides.
    return run(["preview", "--stack", "lookup", "--non-interactive", "--color=never"], options).output;
}

interface ProviderConfiguration {
    /** As it stands in a stack's file. */
    readonly plain: Readonly<Record<string, string>>;
    /** As variables of the environment, so that it is neither in a file nor in arguments. */
    readonly secret: Readonly<Record<string, string>>;
}

const credentials = ["token", "serviceAccountKeyFile"];

function providerConfiguration(stack: string): ProviderConfiguration {
    const all = JSON.parse(pulumi(["config", "--json", "--show-secrets", "--stack", stack])) as Record<
        string,
        { value?: string; secret: boolean }
    >;
    const plain: Record<string, string> = {};
    const secret: Record<string, string> = {};
    for (const [key, { value, secret: isSecret }] of Object.entries(all)) {
        const [namespace, name = ""] = key.split(":");
        if (namespace !== "yandex" || value === undefined) continue;
        // The path of a key file may be relative to this folder; the lookup runs elsewhere.
        const told = name === "serviceAccountKeyFile" && existsSync(value) ? resolve(value) : value;
        if (isSecret || credentials.includes(name)) secret[variable(name)] = told;
        else plain[key] = told;
    }
    return { plain, secret };
}

/** The variable from which the provider takes a setting: YC_FOLDER_ID for folderId. */
const variable = (name: string): string => `YC_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** The lines in which Pulumi tells errors. */
function reasons(output: string): string {
    return [...new Set(output.split("\n").filter((line) => line.startsWith("    error:")))].join("\n") || output;
}

interface RunOptions {
    readonly cwd?: string;
    readonly environment?: Readonly<Record<string, string>>;
    /** Standard input. */
    readonly input?: string;
}

function run(args: readonly string[], { cwd = process.cwd(), environment = {}, input = "" }: RunOptions = {}) {
    const { status, stdout, stderr, error } = spawnSync("pulumi", args, {
        cwd,
        env: { ...process.env, ...environment },
        input,
        encoding: "utf8",
        maxBuffer: 256 * 1024 ** 2,
    });
    if (error) throw error;
    return { status, stdout, output: stdout + stderr };
}

/** @returns standard output. Throws with everything that Pulumi printed. */
function pulumi(args: readonly string[], options?: RunOptions): string {
    const { status, stdout, output } = run(args, options);
    if (status !== 0) throw new Error(`pulumi ${args.slice(0, 2).join(" ")}: ${output.trim()}`);
    return stdout;
}

main().then(
    (status) => process.exit(status),
    (error: unknown) => {
        console.error((error as Error).message);
        process.exit(1);
    },
);
