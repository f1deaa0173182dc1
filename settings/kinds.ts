/**
 * Kinds of values, as zod schemas from which settings/*.ts declare their keys. Each schema has one message for every
 * possible error ("must be …"). Pulumi delivers every value as text (lists and maps as JSON), so each kind decodes text
 * first. Lists also accept plain text, so that `pulumi config set adminCidrs 192.0.2.1/32` works.
 */
import type { Address4 } from "ip-address";
import { z } from "zod";
import { networkOf, overlap, parseCidr } from "../cluster/ipv4.ts";

/** Returns the rule that a value breaks, or undefined. */
type Check<T> = (value: T) => string | undefined;

function withCheck<T extends z.ZodType>(schema: T, check: Check<z.output<T>>): T {
    return schema.check((context) => {
        const rule = check(context.value);
        if (rule !== undefined) context.issues.push({ code: "custom", message: rule, input: context.value });
    });
}

/** Text that matches a pattern. @param rule the message: "must be …" */
export function text(pattern: RegExp, rule: string) {
    return z.string(rule).regex(pattern, rule);
}

/** Text with a check of its own. @param rule the message for a value that is no text */
export function checkedText(rule: string, check: Check<string>) {
    return withCheck(z.string(rule), check);
}

/** A value that may be absent. The empty text means absent too, because a default in Pulumi.yaml needs a value. */
export function optional<T extends z.ZodType>(schema: T) {
    return z.preprocess((value) => (value === "" ? undefined : value), schema.optional());
}

/** One of some texts. @param reason what the message says after the list */
export function oneOf<const T extends readonly string[]>(values: T, reason = "") {
    const rule = `must be one of ${values.join(", ")}${reason}`;
    const quote = ({ input }: { input?: unknown }) =>
        String(input) === "false" && values.includes("off")
            ? `${rule}: in the stack's file "off" needs its quotes, or YAML makes it false`
            : rule;
    return z.enum(values, { error: quote });
}

/** A whole number. @param unit what the message says about it, in parentheses */
export function whole(min: number, max: number, unit = "") {
    const rule = `must be a whole number from ${min} to ${max}${unit === "" ? "" : ` (${unit})`}`;
    return z.preprocess(decodeNumber, z.int(rule).min(min, rule).max(max, rule));
}

/** One of some numbers. @param reason what the message says after the list */
export function oneOfNumbers<const T extends readonly [number, ...number[]]>(values: T, reason = "") {
    return z.preprocess(
        decodeNumber,
        z.literal(values as readonly T[number][], `must be ${values.join(" or ")}${reason}`),
    );
}

/** Memory in GiB. Fractions are possible: the smallest step of a platform is a quarter. */
export function gibibytes(min: number, max: number) {
    const rule = `must be a number of GiB from ${min} to ${max}`;
    return z.preprocess(decodeNumber, z.number(rule).min(min, rule).max(max, rule));
}

/** A value that the program computes when it is `auto`. */
export function auto<T extends z.ZodType>(schema: T) {
    return z.preprocess((value) => (value === "auto" ? undefined : value), schema.optional());
}

/** true or false. */
export const flag = z.preprocess(
    (value) => (value === "true" ? true : value === "false" ? false : value),
    z.boolean("must be true or false"),
);

/**
 * A list.
 * @param min least number of elements
 * @param max largest number of elements
 * @param separator where plain text is split; commas and line ends by default
 */
export function list<T extends z.ZodType>(
    element: T,
    { min, max, rule, separator = /[,\n]/ }: { min: number; max: number; rule: string; separator?: RegExp },
) {
    const decode = (value: unknown): unknown => {
        const decoded = decodeJson(value);
        // Invalid JSON is reported whole. Split at its commas, the messages would show fragments.
        if (typeof decoded !== "string" || startsAsJson(decoded)) return decoded;
        return decoded
            .split(separator)
            .map((part) => part.trim())
            .filter((part) => part !== "");
    };
    return z.preprocess(decode, z.array(element, rule).min(min, rule).max(max, rule).readonly());
}

/** A map with any names. */
export function map<T extends z.ZodType>(value: T, rule: string) {
    return z.preprocess(decodeJson, z.record(z.string(), value, rule).readonly());
}

/** A map with known names. An unknown one is an error. */
export function object<T extends z.ZodRawShape>(shape: T, rule: string) {
    const error = ({ code, keys }: { code?: string | undefined; keys?: string[] }): string =>
        code === "unrecognized_keys"
            ? `has unknown ${keys!.join(", ")}; known are ${Object.keys(shape).join(", ")}`
            : rule;
    return z.preprocess(decodeJson, z.strictObject(shape, { error: error as never }));
}

const cidrRule = "must be an IPv4 range in CIDR notation, like 192.0.2.0/24";

/** The rule that a text breaks as an IPv4 range, or undefined. */
function cidrMistake(value: string): string | undefined {
    if (parseCidr(value) !== undefined) return undefined;
    const network = networkOf(value);
    return network === undefined ? cidrRule : `must not have bits set behind its prefix; did you mean ${network}?`;
}

/** An IPv4 range. @param check of a range that is valid in itself */
export function cidr(check: Check<Address4> = () => undefined) {
    return withCheck(z.string(cidrRule), (value) => cidrMistake(value) ?? check(parseCidr(value)!));
}

/** A list of at most 50 IPv4 ranges that do not overlap. @param check of each range */
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

/** Whether a text is meant as a list or a map in JSON. */
export const startsAsJson = (value: string): boolean => /^\s*[[{]/.test(value);

function decodeJson(value: unknown): unknown {
    if (typeof value !== "string" || !startsAsJson(value)) return value;
    try {
        return JSON.parse(value);
    } catch {
        return value;
    }
}
