/** What a setting's declaration is made of. A subject (network, machines, …) is a file of this folder that declares some. */
import type { z } from "zod";

/** One key of the stack's configuration, declared where its subject is. */
export interface Key<Kind extends z.ZodType = z.ZodType> {
    /** What values it takes, see kinds.ts. */
    readonly kind: Kind;
    /** As a user would write it in the stack's file. It is validated like a user's value. */
    readonly default: unknown;
    /** For users, in Pulumi.yaml and README: meaning, unit, what is allowed. Whole sentences. */
    readonly description: string;
}

/** Declares a key; only gives it its type. */
export function key<Kind extends z.ZodType>(declaration: Key<Kind>): Key<Kind> {
    return declaration;
}

export type Keys = Readonly<Record<string, Key>>;

/** The values of some keys, as their kinds read them. */
export type Values<K> = {
    readonly [Name in keyof K]: K[Name] extends Key<infer Kind> ? z.output<Kind> : never;
};

/** Reports a validation error: the key, the value given, and what is allowed. */
export type Refuse = (key: string, value: unknown, allowed: string) => void;

/** A rule that needs several values. It is left out when one of them is wrong by itself. */
export interface Rule {
    readonly keys: readonly string[];
    readonly check: (configuration: never, refuse: Refuse) => void;
}

/** Makes rules over some keys; each rule sees only the values that it names. */
export function ruleOver<Configuration>() {
    return <const Name extends keyof Configuration & string>(
        keys: readonly Name[],
        check: (configuration: Pick<Configuration, Name>, refuse: Refuse) => void,
    ): Rule => ({ keys, check });
}

/** Some keys that belong together, under one heading. */
export interface Subject {
    readonly title: string;
    readonly keys: Keys;
    readonly rules: readonly Rule[];
}

/** Refuses each value that is there a second time. */
export function refuseRepeated(key: string, values: readonly string[], refuse: Refuse, suffix = ""): void {
    values.forEach((value, index) => {
        if (values.indexOf(value) < index) refuse(`${key}[${index}]${suffix}`, value, "must not be repeated");
    });
}

/** Readonly to the last leaf. */
export type Frozen<T> = T extends object ? { readonly [Name in keyof T]: Frozen<T[Name]> } : T;
