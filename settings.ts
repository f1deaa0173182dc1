/**
 * The program's settings: the only place that reads the stack's configuration. What each key means is told
 * in Pulumi.yaml; what its value may be, in settings/schema.ts; rules between keys, in settings/rules.ts.
 */
import * as pulumi from "@pulumi/pulumi";
import { ConfigurationError, holdsPrivateKey, nearest, type Mistake } from "./settings/mistakes.ts";
import { resolve } from "./settings/resolve.ts";
import { checkRules } from "./settings/rules.ts";
import { schema, type Configuration, type Key } from "./settings/schema.ts";
import type { Settings } from "./settings/settings.ts";

export type * from "./settings/settings.ts";
export type { Timings } from "./cluster/timings.ts";
export type { ParameterValue, PostgresqlParameters } from "./settings/postgresql-sizing.ts";
export { ConfigurationError } from "./settings/mistakes.ts";

/**
 * Checks a configuration and resolves it.
 * @param raw values by key without namespace, as text (lists and maps in JSON) or as they are.
 * @param secretKeys keys of which no message shows a value.
 * @throws ConfigurationError with every mistake there is.
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>, secretKeys: readonly string[] = []): Settings {
    const keys = Object.keys(schema.shape) as Key[];
    const mistakes: Mistake[] = unknownKeys(raw, keys);
    const values: Partial<Record<Key, unknown>> = {};
    for (const key of keys) {
        const { success, data, error } = schema.shape[key].safeParse(raw[key], { reportInput: true });
        if (success) values[key] = data;
        error?.issues.forEach((issue) =>
            mistakes.push({ key: path(key, issue.path), value: issue.input, rule: issue.message }),
        );
    }
    mistakes.push(...checkRules(values as Partial<Configuration>));

    if (mistakes.length > 0) {
        // Split at its line ends, a private key is many values of which one alone has its name.
        const split = Object.keys(raw).filter((key) => holdsPrivateKey(raw[key]));
        throw new ConfigurationError(mistakes, new Set([...secretKeys, ...split]));
    }
    return freeze(resolve(values as Configuration));
}

/**
 * Reads the stack's configuration.
 * @throws pulumi.RunError of which Pulumi prints the message and nothing else: no stack trace, no properties.
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
        return { key, value: undefined, rule: `is no setting${hint === undefined ? "" : `; did you mean ${hint}?`}` };
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
