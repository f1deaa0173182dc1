/** Runs the whole program against Pulumi's mocks and keeps what it registers, options and secrecy included. */
import * as pulumi from "@pulumi/pulumi";
import * as runtime from "@pulumi/pulumi/runtime/settings.js";
import * as state from "@pulumi/pulumi/runtime/state.js";
import { vi } from "vitest";

import { minimalConfiguration } from "./rendered-cluster.ts";

const PROJECT = "postgres-ha";
/** A network of the user's, in which there is nothing. */
export const TEAM_NETWORK = "enpteamnetwork000000";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";

export interface Registered {
    readonly type: string;
    readonly name: string;
    readonly urn: string;
    /** Name of the parent; undefined for children of the stack. */
    readonly parent: string | undefined;
    /** Without the wrappers of secrets. */
    readonly inputs: Record<string, any>;
    /** Inputs as sent: secrets and unknowns in their wrappers. */
    readonly sent: Record<string, any>;
    readonly options: {
        readonly protect: boolean;
        /** Name of the resource whose deletion deletes this one. */
        readonly deletedWith: string | undefined;
        readonly deleteBeforeReplace: boolean;
        readonly additionalSecretOutputs: readonly string[];
        readonly ignoreChanges: readonly string[];
        /** How many transforms it has. */
        readonly transforms: number;
        readonly createTimeout: string | undefined;
        readonly updateTimeout: string | undefined;
        readonly dependencies: readonly string[];
    };
}

export interface ProgramRun {
    readonly resources: readonly Registered[];
    readonly outputs: Readonly<
        Record<string, { readonly value: any; readonly known: boolean; readonly secret: boolean }>
    >;
    /** Resources of a type, by the last part of its token. */
    ofType(name: string): readonly Registered[];
    named(type: string, name: string): Registered;
}

export interface RunOptions {
    /** Outputs of resources are unknown, as before the first `up`. @default false */
    readonly preview?: boolean;
    /** In preview: resources that exist already, whose outputs are known. @default none */
    readonly exists?: (name: string, type: string) => boolean;
}

/** What providers would answer, besides the inputs; the engine marks the secrets in it. */
function outputsOf(type: string, name: string, inputs: Record<string, any>): Record<string, any> {
    switch (type.split(":").at(-1)) {
        case "PrivateKey":
            return {
                privateKeyPem: pulumi.secret(`PEM private key of ${name}`),
                privateKeyOpenssh: pulumi.secret(`OpenSSH private key of ${name}`),
                publicKeyOpenssh: `ssh-ed25519 ${name}\n`,
            };
        case "SelfSignedCert":
        case "LocallySignedCert":
            return { certPem: `certificate of ${name}` };
        case "CertRequest":
            return { certRequestPem: `request of ${name}` };
        case "RandomPassword":
            return { result: pulumi.secret(`password of ${name}`) };
        case "RandomId":
            return { hex: `revision of ${JSON.stringify(inputs["keepers"])}` };
        case "VpcAddress":
            return { externalIpv4Address: { ...inputs["externalIpv4Address"], address: "198.51.100.7" } };
        case "Command":
            return { stdout: String(inputs["create"]).includes("--any") ? "main-db-2\n" : "done", stderr: "" };
        default:
            return {};
    }
}

/** Runs index.ts with a configuration, given as a user would write it. */
export async function runProgram(
    configuration: Readonly<Record<string, unknown>> = {},
    { preview = false, exists = () => false }: RunOptions = {},
): Promise<ProgramRun> {
    const whole = { ...minimalConfiguration, ...configuration };
    pulumi.runtime.setAllConfig(
        Object.fromEntries(
            Object.entries(whole).map(([key, value]) => [
                `${PROJECT}:${key}`,
                typeof value === "string" ? value : JSON.stringify(value),
            ]),
        ),
    );
    await pulumi.runtime.setMocks(
        {
            newResource: ({ type, name, inputs }) => {
                const known = !preview || exists(name, type);
                return {
                    id: known ? `id-of-${name}` : undefined,
                    state: known ? { ...inputs, ...outputsOf(type, name, inputs) } : inputs,
                };
            },
            call: ({ inputs }) => ({
                networkId: TEAM_NETWORK,
                subnetIds: [],
                ...inputs,
                imageId: "fd80000000000000000a",
            }),
        },
        PROJECT,
        "test",
        preview,
    );
    const resources: Registered[] = [];
    record(resources);

    vi.resetModules();
    const exported: Record<string, unknown> = await import("../../index.ts");
    await registrationsDone();

    const outputs = Object.fromEntries(
        await Promise.all(
            Object.entries(exported).map(async ([name, value]) => {
                const output = pulumi.output(value) as pulumi.Output<unknown>;
                const details = output as unknown as {
                    promise(): Promise<unknown>;
                    isKnown: Promise<boolean>;
                    isSecret: Promise<boolean>;
                };
                return [
                    name,
                    { value: await details.promise(), known: await details.isKnown, secret: await details.isSecret },
                ] as const;
            }),
        ),
    );
    return {
        resources,
        outputs,
        ofType: (type) => resources.filter((resource) => resource.type.split(":").at(-1) === type),
        named: (type, name) => {
            const found = resources.find(
                (resource) => resource.name === name && resource.type.split(":").at(-1) === type,
            );
            if (found === undefined) throw new Error(`the program makes no ${type} named ${name}`);
            return found;
        },
    };
}

/** Resolves when nothing is being registered any more. Pulumi's own tests use it; its declaration is left out of the package. */
const registrationsDone = (runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs;

/** What the engine supports; left out of the package's declaration, too. */
const { getStore } = state as unknown as { getStore(): { supportsTransforms: boolean } };

/** Pulumi's mocks see no options; the requests to the monitor have them. */
function record(resources: Registered[]): void {
    const monitor = runtime.getMonitor() as any;
    // Pulumi's mocks know no hooks and no transforms: they are registered, and never called.
    getStore().supportsTransforms = true;
    monitor.registerResourceHook = (_request: unknown, answer: (error: null, response: object) => void) =>
        answer(null, {});
    const register = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request: any, ...rest: unknown[]) => {
        const sent = request.getObject().toJavaScript();
        const timeouts = request.getCustomtimeouts();
        resources.push({
            type: request.getType(),
            name: request.getName(),
            urn: monitor.newUrn(request.getParent(), request.getType(), request.getName()),
            parent: nameOf(request.getParent()),
            inputs: unwrap(sent) as Record<string, any>,
            sent,
            options: {
                protect: request.getProtect(),
                deletedWith: nameOf(request.getDeletedwith()),
                deleteBeforeReplace: request.getDeletebeforereplace(),
                additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
                ignoreChanges: request.getIgnorechangesList(),
                transforms: request.getTransformsList().length,
                createTimeout: timeouts?.getCreate(),
                updateTimeout: timeouts?.getUpdate(),
                dependencies: request.getDependenciesList().map(nameOf),
            },
        });
        return register(request, ...rest);
    };
}

/** A URN's last part; undefined for the stack itself. */
function nameOf(urn: string): string | undefined {
    return urn === "" || urn.includes("::pulumi:pulumi:Stack::") ? undefined : urn.split("::").at(-1);
}

/** Is the value, or the whole that holds it, sent as a secret? */
export function isSecret(value: unknown): boolean {
    return (
        typeof value === "object" &&
        value !== null &&
        (value as Record<string, unknown>)[SIGNATURE_KEY] === SECRET_SIGNATURE
    );
}

/** Every text in a value that is not inside a secret. */
export function openTexts(value: unknown): string[] {
    if (isSecret(value)) return [];
    if (typeof value === "string") return [value];
    if (Array.isArray(value)) return value.flatMap(openTexts);
    return typeof value === "object" && value !== null ? Object.values(value).flatMap(openTexts) : [];
}

function unwrap(value: unknown): unknown {
    if (isSecret(value)) return unwrap((value as { value: unknown }).value);
    if (Array.isArray(value)) return value.map(unwrap);
    if (typeof value === "object" && value !== null)
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrap(inner)]));
    return value;
}

/** Pulumi's marker of a value that is not known yet. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
