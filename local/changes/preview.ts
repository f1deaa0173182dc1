import { pulumi } from "../commands.ts";

/** What a preview says about a change. */
export interface Preview {
    /** Names of machines and disks that it would replace, create or delete. */
    readonly machines: readonly string[];
    /** What happens to services and machines, each sentence once. */
    readonly effects: readonly string[];
    /** The validation errors; empty if there are none. */
    readonly errors: string;
    readonly changesNothing: boolean;
}

interface PreviewJson {
    readonly steps: readonly { readonly op: string; readonly urn: string }[];
    readonly changeSummary: Readonly<Record<string, number>>;
    readonly diagnostics?: readonly { readonly message: string; readonly severity: string }[];
}

export async function preview(): Promise<Preview> {
    const { stdout, output } = await pulumi("preview", "--json", "--stack", "local");
    let said: PreviewJson;
    try {
        said = JSON.parse(stdout) as PreviewJson;
    } catch {
        throw new Error(`the preview is not JSON: ${output.slice(-3000)}`);
    }
    const diagnostics = said.diagnostics ?? [];
    const of = (severity: string) =>
        diagnostics.filter((each) => each.severity === severity).map(({ message }) => message);
    const isMachine = /:Compute(Instance|Disk)::/;
    return {
        machines: said.steps
            .filter(({ op, urn }) => isMachine.test(urn) && /^(create|delete|replace)/.test(op))
            .map(({ op, urn }) => `${op} ${urn.replace(/^.*::/, "")}`),
        effects: [...new Set(of("info").flatMap(effectsOf))].sort(),
        errors: of("error").join("\n"),
        changesNothing: Object.keys(said.changeSummary).join() === "same",
    };
}

/** The effects that stand in a message to the user: after "changes: ", or for a machine as a whole. */
function effectsOf(message: string): string[] {
    const effects = [...message.matchAll(/ changes: (.*)$/gm)].map(([, effect]) => effect!);
    if (/is stopped and started/.test(message)) return ["machines are stopped, one after another", ...effects];
    if (/is made anew/.test(message)) return ["machines are made anew, one after another", ...effects];
    return effects;
}
