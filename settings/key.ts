/** Building blocks of a declaration. Each subject (network, machines, …) is a file of this folder that declares its keys. */
import type { z } from "zod";

/**
 * What a change of a value does to a running cluster.
 * - live: services take it at once, or with a reload; a new session may see it, no session ends.
 * - rolling restart: PostgreSQL or etcd restarts, node after node; the leader hands over before.
 * - rolling machine: machines are stopped and started, or made anew, one after another; the leader hands over before.
 * - fixed: refused in the preview.
 */
export const changes = ["live", "rolling restart", "rolling machine", "fixed"] as const;
export type Change = (typeof changes)[number];

/** The declaration of one key of the stack's configuration. */
export interface Key<Kind extends z.ZodType = z.ZodType> {
    /** Which values are valid; see kinds.ts. */
    readonly kind: Kind;
    /** The value as a user would write it in the stack's file. It is validated like a user's value. */
    readonly default: unknown;
    /** For users, in Pulumi.yaml and README: meaning, unit and allowed values, in whole sentences. "Required. " comes first if the default is not valid. */
    readonly description: string;
    /** What a change of the value does to a running cluster: where values differ in that, what disturbs most. */
    readonly change: Change;
    /**
     * Why a running cluster cannot change the value, and what to do instead: text after "must stay …: ". Present if `change` is "fixed".
     */
    readonly fixed?: string;
}

/** What to do instead of a change that would need other data disks. */
export const secondStack =
    "Create a second stack with the new value and move the data there with pg_dump or logical replication";

/** Declares a key. The function only infers the type. */
export function key<Kind extends z.ZodType>(declaration: Key<Kind>): Key<Kind> {
    return declaration;
}

export type Keys = Readonly<Record<string, Key>>;

/** The valid values of some keys. */
export type Values<K> = {
    readonly [Name in keyof K]: K[Name] extends Key<infer Kind> ? z.output<Kind> : never;
};

/** Reports a validation error: the key, the value given, and what is allowed. */
export type Refuse = (key: string, value: unknown, allowed: string) => void;

/** A rule between values of several keys. It is skipped if one of these values is invalid in itself. */
export interface Rule {
    readonly keys: readonly string[];
    readonly check: (configuration: never, refuse: Refuse) => void;
}

/** Returns a function that makes rules. The check of a rule sees only the keys that the rule names. */
export function ruleOver<Configuration>() {
    return <const Name extends keyof Configuration & string>(
        keys: readonly Name[],
        check: (configuration: Pick<Configuration, Name>, refuse: Refuse) => void,
    ): Rule => ({ keys, check });
}

/** Keys that belong together. */
export interface Subject {
    readonly title: string;
    readonly keys: Keys;
    readonly rules: readonly Rule[];
}

/** Refuses each value that is in the list a second time. */
export function refuseRepeated(key: string, values: readonly string[], refuse: Refuse, suffix = ""): void {
    values.forEach((value, index) => {
        if (values.indexOf(value) < index) refuse(`${key}[${index}]${suffix}`, value, "must not be repeated");
    });
}

/** The type with every property readonly, at any depth. */
export type Frozen<T> = T extends object ? { readonly [Name in keyof T]: Frozen<T[Name]> } : T;
