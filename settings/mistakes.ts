/** How mistakes in the configuration are gathered and told. */
import { startsAsJson } from "./values.ts";

export interface Mistake {
    /** The key, with the path inside it: `databases[0].name`. */
    readonly key: string;
    /** The value given; undefined when there was none. */
    readonly value: unknown;
    /** What is allowed: "must be …". */
    readonly rule: string;
}

/**
 * All that is wrong with a configuration. It keeps the readable lines and no value: whatever an error carries,
 * Node.js prints when nobody catches it.
 */
export class ConfigurationError extends Error {
    public override readonly name = "ConfigurationError";

    /** @param secretKeys settings of which no value is shown. */
    public constructor(mistakes: readonly Mistake[], secretKeys: ReadonlySet<string> = new Set()) {
        const heading = mistakes.length === 1 ? "One setting is wrong:" : `${mistakes.length} settings are wrong:`;
        super([heading, ...mistakes.map((mistake) => `  ${describe(mistake, secretKeys)}`)].join("\n"));
    }
}

/** One line: key, value, and what is allowed. A value that is or may be a secret is not shown. */
export function describe({ key, value, rule }: Mistake, secretKeys: ReadonlySet<string> = new Set()): string {
    const [setting] = key.split(/[.[]/);
    const shown = value === undefined ? "" : ` ${secretKeys.has(setting!) ? hide(value) : show(key, value)}`;
    return withoutTokens(`${key}:${shown} ${rule}`);
}

const longest = 80;
const hidden = "[hidden]";

/** Whether a private key, given by mistake, is anywhere in a value. */
export const holdsPrivateKey = (value: unknown): boolean => (JSON.stringify(value) ?? "").includes("PRIVATE KEY");

const hide = (value: unknown): string => (holdsPrivateKey(value) ? "[a private key]" : hidden);

/** What is called so is a secret, although no setting is one. */
const secretName = /passw(?!ord_encryption)|passphrase|secret|token|credential|private|api_?key|access_?key|conninfo/i;

/** The value as JSON, without what is or may be a secret: logs keep what is printed here. */
function show(key: string, value: unknown): string {
    if (holdsPrivateKey(value)) return hide(value);
    const text = render(key, value);
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function render(key: string, value: unknown): string {
    // A map's values are told by their own keys; what has no business here may be a secret under any name.
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        return `{${Object.keys(value)
            .map((name) => `${JSON.stringify(name)}:…`)
            .join(",")}}`;
    }
    // A script may hold a token.
    if (key.startsWith("patroniCallbacks") || secretName.test(key)) return hidden;
    if (Array.isArray(value)) return `[${value.map((element) => render(key, element)).join(",")}]`;
    if (typeof value !== "string") return JSON.stringify(value);
    if (startsAsJson(value)) return "[text that is no JSON]";
    return secretName.test(value) ? hidden : JSON.stringify(withoutTokens(value.replace(/\/\/.*@/s, `//${hidden}@`)));
}

/** Keys and tokens are long, and of capitals, small letters and digits together. */
function withoutTokens(text: string): string {
    const isToken = (run: string) => [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run));
    return text.replace(/[\w+/=-]{24,}/g, (run) => (isToken(run) ? hidden : run));
}

/** The candidate nearest to a misspelt name, if any is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
    const [best] = candidates
        .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
        .sort((a, b) => a.distance - b.distance);
    return best !== undefined && best.distance <= Math.max(2, name.length / 3) ? best.candidate : undefined;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
    let row = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) {
            next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
        }
        row = next;
    }
    return row[b.length]!;
}
