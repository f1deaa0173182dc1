/** Validation errors of the configuration: how they are collected and printed without secrets. */
import { closest, distance } from "fastest-levenshtein";

import { startsAsJson } from "./kinds.ts";

/** One validation error. */
export interface Mistake {
    /** The key, with the path inside its value: `databases[0].name`. */
    readonly key: string;
    /** The configured value; undefined when there is none. */
    readonly value: unknown;
    /** What is allowed: "must be …". */
    readonly rule: string;
}

/**
 * All validation errors of a configuration. It contains the printed lines only: Node.js prints every property of an
 * uncaught error, so a property with a configured value could show a secret.
 */
export class ConfigurationError extends Error {
    public override readonly name = "ConfigurationError";

    /** @param secretKeys settings whose values are never printed */
    public constructor(mistakes: readonly Mistake[], secretKeys: ReadonlySet<string> = new Set()) {
        const heading = mistakes.length === 1 ? "One setting is wrong:" : `${mistakes.length} settings are wrong:`;
        super([heading, ...mistakes.map((mistake) => `  ${describe(mistake, secretKeys)}`)].join("\n"));
    }
}

/** One line: key, value, and what is allowed. A value that is or may be a secret is replaced by a placeholder. */
export function describe({ key, value, rule }: Mistake, secretKeys: ReadonlySet<string> = new Set()): string {
    const [setting] = key.split(/[.[]/);
    const shown = value === undefined ? "" : ` ${secretKeys.has(setting!) ? hide(value) : show(key, value)}`;
    return withoutTokens(`${key}:${shown} ${rule}`);
}

/** Characters of a value that are printed. */
const longest = 80;
const hidden = "[hidden]";

/** Whether a value contains a private key, which no setting takes. */
export const holdsPrivateKey = (value: unknown): boolean => (JSON.stringify(value) ?? "").includes("PRIVATE KEY");

const hide = (value: unknown): string => (holdsPrivateKey(value) ? "[a private key]" : hidden);

/** Names of secrets. No setting has one, but a user may have put a secret where it does not belong. */
const secretName = /passw(?!ord_encryption)|passphrase|secret|token|credential|private|api_?key|access_?key|conninfo/i;

/** The value as JSON, without what is or may be a secret: logs keep everything that is printed. */
function show(key: string, value: unknown): string {
    if (holdsPrivateKey(value)) return hide(value);
    const text = render(key, value);
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function render(key: string, value: unknown): string {
    // Errors in a map's values have lines of their own. Any value of an unexpected map may be a secret.
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        return `{${Object.keys(value)
            .map((name) => `${JSON.stringify(name)}:…`)
            .join(",")}}`;
    }
    // A script may hold a token.
    if (key.startsWith("patroniCallbacks") || secretName.test(key)) return hidden;
    if (Array.isArray(value)) return `[${value.map((element) => render(key, element)).join(",")}]`;
    if (typeof value !== "string") return JSON.stringify(value);
    if (startsAsJson(value)) return "[invalid JSON]";
    return secretName.test(value) ? hidden : JSON.stringify(withoutTokens(value.replace(/\/\/.*@/s, `//${hidden}@`)));
}

/** The text without keys and tokens: long runs that mix capitals, small letters and digits. */
function withoutTokens(text: string): string {
    const isToken = (run: string) => [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run));
    return text.replace(/[\w+/=-]{24,}/g, (run) => (isToken(run) ? hidden : run));
}

/** The candidate that a misspelt name most likely means; undefined when none is similar. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
    const canonical = new Map(candidates.map((candidate) => [candidate.toLowerCase(), candidate]));
    const best = closest(name.toLowerCase(), [...canonical.keys()]);
    return distance(name.toLowerCase(), best) <= Math.max(2, name.length / 3) ? canonical.get(best) : undefined;
}
