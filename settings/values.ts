/**
 * Kinds of values that settings are made of, as zod schemas. A schema has one sentence for all that can be
 * wrong with its value ("must be …"). Pulumi delivers every value as text (lists and maps as JSON), so each
 * kind decodes text first; lists also take plain text, so that `pulumi config set adminCidrs 192.0.2.1/32` works.
 */
import type { Address4 } from "ip-address";
import { z } from "zod";
import { networkOf, overlap, parseCidr } from "../cluster/ipv4.ts";

/** A check that gives the rule a value breaks, or undefined. */
type Check<T> = (value: T) => string | undefined;

function withCheck<T extends z.ZodType>(schema: T, check: Check<z.output<T>>): T {
    return schema.check((context) => {
        const rule = check(context.value);
        if (rule !== undefined) context.issues.push({ code: "custom", message: rule, input: context.value });
    });
}

export function text(pattern: RegExp, rule: string) {
    return z.string(rule).regex(pattern, rule);
}

/** Text with rules that a pattern cannot tell. */
export function checkedText(rule: string, check: Check<string>) {
    return withCheck(z.string(rule), check);
}

/** Text that may be absent; the empty text says so too, since Pulumi's defaults cannot be "nothing". */
export function optional<T extends z.ZodType>(schema: T) {
    return z.preprocess((value) => (value === "" ? undefined : value), schema.optional());
}

export function oneOf<const T extends readonly string[]>(values: T, reason = "") {
    const rule = `must be one of ${values.join(", ")}${reason}`;
    const quote = ({ input }: { input?: unknown }) =>
        String(input) === "false" && values.includes("off")
            ? `${rule}: in the stack's file "off" needs its quotes, or YAML makes it false`
            : rule;
    return z.enum(values, { error: quote });
}

export function whole(min: number, max: number, unit = "") {
    const rule = `must be a whole number from ${min} to ${max}${unit === "" ? "" : ` (${unit})`}`;
    return z.preprocess(decodeNumber, z.int(rule).min(min, rule).max(max, rule));
}

/** A number of which only some values make sense. */
export function oneOfNumbers<const T extends readonly [number, ...number[]]>(values: T, reason = "") {
    return z.preprocess(
        decodeNumber,
        z.literal(values as readonly T[number][], `must be ${values.join(" or ")}${reason}`),
    );
}

/** Memory comes in quarters of a GiB at the smallest. */
export function gibibytes(min: number, max: number) {
    const rule = `must be a number of GiB from ${min} to ${max}`;
    return z.preprocess(decodeNumber, z.number(rule).min(min, rule).max(max, rule));
}

/** A number the program computes unless it is given. */
export function auto<T extends z.ZodType>(schema: T) {
    return z.preprocess((value) => (value === "auto" ? undefined : value), schema.optional());
}

export const flag = z.preprocess(
    (value) => (value === "true" ? true : value === "false" ? false : value),
    z.boolean("must be true or false"),
);

/** A list; plain text is split at line ends, and at commas when `separator` says so. */
export function list<T extends z.ZodType>(
    element: T,
    { min, max, rule, separator = /[,\n]/ }: { min: number; max: number; rule: string; separator?: RegExp },
) {
    const decode = (value: unknown): unknown => {
        const decoded = decodeJson(value);
        // Text that begins as JSON and is none would fall into pieces that nobody recognizes.
        if (typeof decoded !== "string" || startsAsJson(decoded)) return decoded;
        return decoded
            .split(separator)
            .map((part) => part.trim())
            .filter((part) => part !== "");
    };
    return z.preprocess(decode, z.array(element, rule).min(min, rule).max(max, rule).readonly());
}

export function map<T extends z.ZodType>(value: T, rule: string) {
    return z.preprocess(decodeJson, z.record(z.string(), value, rule).readonly());
}

export function object<T extends z.ZodRawShape>(shape: T, rule: string) {
    const error = ({ code, keys }: { code?: string | undefined; keys?: string[] }): string =>
        code === "unrecognized_keys"
            ? `has unknown ${keys!.join(", ")}; known are ${Object.keys(shape).join(", ")}`
            : rule;
    return z.preprocess(decodeJson, z.strictObject(shape, { error: error as never }));
}

const cidrRule = "must be an IPv4 range in CIDR notation, like 192.0.2.0/24";

/** What is wrong with a text as a CIDR range. */
export function cidrMistake(value: string): string | undefined {
    if (parseCidr(value) !== undefined) return undefined;
    const network = networkOf(value);
    return network === undefined ? cidrRule : `must not have bits set behind its prefix; did you mean ${network}?`;
}

export function cidr(check: Check<Address4> = () => undefined) {
    return withCheck(z.string(cidrRule), (value) => cidrMistake(value) ?? check(parseCidr(value)!));
}

/** Ranges that do not overlap. */
export function cidrs(min: number, rule: string, check?: Check<Address4>) {
    const disjoint = (values: readonly string[]): string | undefined => {
        const ranges = values.flatMap((value) => parseCidr(value) ?? []);
        for (const [index, range] of ranges.entries()) {
            const other = ranges.slice(index + 1).find((candidate) => overlap(range, candidate));
            if (other !== undefined) return `must not overlap: ${range.networkForm()} and ${other.networkForm()}`;
        }
        return undefined;
    };
    return withCheck(list(cidr(check), { min, max: 50, rule }), (values) => disjoint(values));
}

function decodeNumber(value: unknown): unknown {
    return typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}

/** Whether a text is meant to be a list or a map in JSON. */
export const startsAsJson = (value: string): boolean => /^\s*[[{]/.test(value);

function decodeJson(value: unknown): unknown {
    if (typeof value !== "string" || !startsAsJson(value)) return value;
    try {
        return JSON.parse(value);
    } catch {
        return value;
    }
}
