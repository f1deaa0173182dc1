/**
 * The program's settings. Only this file reads the stack's configuration. Each subject is a file of this folder: it
 * declares keys with their kinds, defaults and descriptions, the rules between them, and the values computed from them.
 */
import * as pulumi from "@pulumi/pulumi";

import { cluster, clusterKeys, clusterSettings } from "./cluster.ts";
import { highAvailability, highAvailabilityKeys, highAvailabilitySettings } from "./high-availability.ts";
import type { Frozen, Key, Rule, Subject, Values } from "./key.ts";
import { machineKeys, machines, machineSettings } from "./machines.ts";
import { ConfigurationError, holdsPrivateKey, nearest, type Mistake } from "./mistakes.ts";
import { network, networkKeys, networkSettings } from "./network.ts";
import { operatingSystem, operatingSystemKeys, operatingSystemSettings } from "./operating-system.ts";
import { pgbouncer, pgbouncerKeys, pgbouncerSettings } from "./pgbouncer.ts";
import { postgresql, postgresqlKeys, postgresqlSettings } from "./postgresql.ts";

export type { DiskSettings, FleetSettings, MachineSettings } from "./machines.ts";
export type { ParameterValue, PostgresqlParameters } from "./postgresql/sizing.ts";
export { ConfigurationError } from "./mistakes.ts";

/** Everything that a stack can configure, in the order of Pulumi.yaml and README. */
export const subjects: readonly Subject[] = [
    cluster,
    network,
    operatingSystem,
    machines,
    postgresql,
    highAvailability,
    pgbouncer,
];

const declared = {
    ...clusterKeys,
    ...networkKeys,
    ...operatingSystemKeys,
    ...machineKeys,
    ...postgresqlKeys,
    ...highAvailabilityKeys,
    ...pgbouncerKeys,
};
/** Every key by its name. */
export const keys: Readonly<Record<SettingName, Key>> = declared;
/** A setting's name. */
export type SettingName = keyof typeof declared;

/**
 * The whole configuration of one stack, resolved: defaults filled in, sizes and timings computed, every rule checked.
 * Components and cloud-init take their values from here and nowhere else.
 */
export type Settings = Frozen<ReturnType<typeof resolve>>;

/** The settings from a valid configuration. */
function resolve(configuration: Values<typeof declared>) {
    return {
        ...clusterSettings(configuration),
        ...networkSettings(configuration),
        ...operatingSystemSettings(configuration),
        ...machineSettings(configuration),
        ...postgresqlSettings(configuration),
        ...highAvailabilitySettings(configuration),
        ...pgbouncerSettings(configuration),
    };
}

/**
 * Validates a configuration and computes the settings.
 * @param raw values by key without namespace, as text (lists and maps in JSON) or as they are
 * @param secretKeys keys whose values no message shows
 * @throws ConfigurationError with all validation errors
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>, secretKeys: readonly string[] = []): Settings {
    const mistakes: Mistake[] = unknownKeys(raw, Object.keys(declared));
    const values: Record<string, unknown> = {};
    for (const [name, { kind, default: fallback }] of Object.entries<Key>(declared)) {
        const { success, data, error } = kind.safeParse(name in raw ? raw[name] : fallback, { reportInput: true });
        if (success) values[name] = data;
        error?.issues.forEach((issue) =>
            mistakes.push({ key: path(name, issue.path), value: issue.input, rule: issue.message }),
        );
    }
    for (const { keys: names, check } of subjects.flatMap(({ rules }): readonly Rule[] => rules)) {
        if (names.some((name) => !(name in values))) continue;
        check(values as never, (key, value, rule) => mistakes.push({ key, value, rule }));
    }

    if (mistakes.length > 0) {
        // A private key that was split at its line ends is a list, and only one element of it says what it is.
        const split = Object.keys(raw).filter((name) => holdsPrivateKey(raw[name]));
        throw new ConfigurationError(mistakes, new Set([...secretKeys, ...split]));
    }
    return freeze(resolve(values as Values<typeof declared>));
}

/**
 * Reads the stack's configuration.
 * @throws pulumi.RunError with all validation errors. Pulumi prints its message only: no stack trace, no properties.
 */
export function readSettings(): Settings {
    const prefix = `${pulumi.getProject()}:`;
    const entries = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
    const raw = Object.fromEntries(entries.map(([key, value]) => [key.slice(prefix.length), value]));
    try {
        return parseSettings(
            raw,
            Object.keys(raw).filter((key) => isSecret(prefix + key)),
        );
    } catch (error) {
        throw error instanceof ConfigurationError ? new pulumi.RunError(error.message) : error;
    }
}

/** Whether a value was set with `pulumi config set --secret`. */
function isSecret(key: string): boolean {
    const keys: unknown = JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]");
    return Array.isArray(keys) && keys.includes(key);
}

function unknownKeys(raw: Readonly<Record<string, unknown>>, known: readonly string[]): Mistake[] {
    const unknown = Object.keys(raw).filter((key) => !known.includes(key));
    return unknown.map((key) => {
        const hint = nearest(key, known);
        return {
            key,
            value: undefined,
            rule: `is not a setting${hint === undefined ? "" : `; did you mean ${hint}?`}`,
        };
    });
}

function path(key: string, steps: readonly PropertyKey[]): string {
    return steps.reduce<string>(
        (text, step) => (typeof step === "number" ? `${text}[${step}]` : `${text}.${String(step)}`),
        key,
    );
}

function freeze<T>(value: T): T {
    if (typeof value === "object" && value !== null) Object.values(value).forEach(freeze);
    return Object.freeze(value);
}
