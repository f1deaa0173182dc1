/** How mistakes in the configuration are gathered and told. */

export interface Mistake {
    /** The key, with the path inside it: `databases[0].name`. */
    readonly key: string;
    /** The value given; undefined when there was none. */
    readonly value: unknown;
    /** What is allowed: "must be …". */
    readonly rule: string;
}

/** All that is wrong with a configuration. */
export class ConfigurationError extends Error {
    public override readonly name = "ConfigurationError";
    public readonly mistakes: readonly Mistake[];

    public constructor(mistakes: readonly Mistake[]) {
        const heading = mistakes.length === 1 ? "One setting is wrong:" : `${mistakes.length} settings are wrong:`;
        super([heading, ...mistakes.map((mistake) => `  ${describe(mistake)}`)].join("\n"));
        this.mistakes = mistakes;
    }
}

/** One line: key, value, and what is allowed. */
export function describe({ key, value, rule }: Mistake): string {
    return value === undefined ? `${key}: ${rule}` : `${key}: ${show(key, value)} ${rule}`;
}

const longest = 80;

/** The value as JSON, without what is or may be a secret: logs keep what is printed here. */
function show(key: string, value: unknown): string {
    const text = JSON.stringify(value, (name, inner: unknown) => (typeof inner === "string" && mayBeSecret(key, name) ? "[hidden]" : inner));
    if (text.includes("PRIVATE KEY")) return "[a private key]"; // given by mistake for a public one
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** A script may hold a token; what is called a password is one, although no setting is. */
const mayBeSecret = (key: string, name: string) => key.startsWith("patroniCallbacks") || /passw|secret|token/i.test(name);

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
