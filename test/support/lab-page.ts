/** A lab's page as a script: its runnable blocks, and whether what a command printed is what the page shows. */

/** Where a command of a page is typed: a machine, a client in the cluster's network, or the computer of the testbed. */
export type Place = `db-${number}` | `lb-${number}` | "jump" | "client" | "host";

export interface LabCommand {
    readonly place: Place;
    readonly command: string;
    /** In the page, counted from 1. */
    readonly line: number;
    /** The lines that must be printed, in this order. */
    readonly expected: readonly string[];
    readonly exitCode: number;
}

export interface LabBlock {
    readonly line: number;
    /** The commands only look: they are repeated until all print what they should, for so long at most. */
    readonly untilSeconds?: number;
    readonly commands: readonly LabCommand[];
}

export interface LabPage {
    /** As messages show it. */
    readonly path: string;
    readonly title: string;
    readonly blocks: readonly LabBlock[];
}

const openingFence = /^```console\b *(.*)$/;
const prompt = /^(db-\d|lb-\d|jump|client|host)\$ (.+)$/;
const exitCodeMarker = /^\(exit code (\d+)\)$/;

/**
 * Reads the blocks fenced with ```console. A line with a prompt (`db-1$ `) is a command, which goes on in the
 * next line after a `\` at its end; the lines below it are what it prints. `(exit code 1)` as the last of them
 * means that the command must be refused so.
 * @throws Error with page and line of what is none of this
 */
export function parseLabPage(path: string, text: string): LabPage {
    const lines = text.split("\n");
    const blocks: LabBlock[] = [];
    for (let index = 0; index < lines.length; index++) {
        const fence = openingFence.exec(lines[index]!);
        if (fence === null) continue;
        const end = lines.indexOf("```", index);
        if (end < 0) throw new Error(`${path}:${index + 1}: the block has no end`);
        blocks.push(parseBlock(path, index + 1, fence[1]!, lines.slice(index + 1, end)));
        index = end;
    }
    const [, title] = /^# (.+)$/m.exec(text) ?? [];
    if (title === undefined) throw new Error(`${path}: the page has no title`);
    if (blocks.length === 0) throw new Error(`${path}: the page has no block to run`);
    return { path, title, blocks };
}

function parseBlock(path: string, fenceLine: number, info: string, lines: readonly string[]): LabBlock {
    const until = /^until (\d+)s$/.exec(info);
    if (info !== "" && until === null)
        throw new Error(
            `${path}:${fenceLine}: after "console" stands "until 60s" or nothing, not ${JSON.stringify(info)}`,
        );
    const commands: { place: Place; command: string; line: number; printed: string[] }[] = [];
    let continues = false;
    lines.forEach((text, index) => {
        const line = fenceLine + 1 + index;
        const last = commands.at(-1);
        const [, place, command] = prompt.exec(text) ?? [];
        if (continues) {
            last!.command += `\n${text}`;
        } else if (command !== undefined) {
            commands.push({ place: place as Place, command, line, printed: [] });
        } else if (last === undefined) {
            throw new Error(`${path}:${line}: a block begins with a command, such as "db-1$ patronictl list"`);
        } else {
            last.printed.push(text);
        }
        continues = (continues || command !== undefined) && text.endsWith("\\");
    });
    if (commands.length === 0) throw new Error(`${path}:${fenceLine}: the block has no command`);
    return {
        line: fenceLine,
        ...(until === null ? {} : { untilSeconds: Number(until[1]) }),
        commands: commands.map(({ printed, ...command }) => ({ ...command, ...whatIsPrinted(printed) })),
    };
}

function whatIsPrinted(lines: readonly string[]): Pick<LabCommand, "expected" | "exitCode"> {
    const marker = exitCodeMarker.exec(lines.at(-1) ?? "");
    return {
        // A line that is only "…" says what is true anyway: other lines may stand between.
        expected: (marker === null ? lines : lines.slice(0, -1)).filter(
            (line) => line.trim() !== "" && line.trim() !== "…",
        ),
        exitCode: marker === null ? 0 : Number(marker[1]),
    };
}

/** How a command ended. */
export interface Printed {
    readonly exitCode: number;
    /** Standard output and standard error as they came. */
    readonly output: string;
}

/**
 * Says what differs from the page, with the place in the page; nothing when all is as it should be. `…` in a
 * line stands for any text. Widths of columns do not matter: runs of blanks count as one, runs of hyphens too.
 */
export function mismatch(path: string, command: LabCommand, { exitCode, output }: Printed): string | undefined {
    const message = (problem: string) =>
        `${path}:${command.line}: ${command.place}$ ${command.command}\n${problem}\nIt printed:\n${indented(output)}`;
    if (exitCode !== command.exitCode) return message(`Expected the exit code ${command.exitCode}, got ${exitCode}.`);
    const lines = output.split("\n").map(withoutWidths);
    let next = 0;
    for (const [index, expected] of command.expected.entries()) {
        const pattern = patternOf(expected);
        const found = lines.findIndex((line, position) => position >= next && pattern.test(line));
        if (found < 0) {
            const before = command.expected[index - 1];
            return message(
                `Expected${before === undefined ? "" : ", below\n" + indented(before) + "\n"} the line\n${indented(expected)}`,
            );
        }
        next = found + 1;
    }
    return undefined;
}

function patternOf(line: string): RegExp {
    const parts = withoutWidths(line).split("…");
    return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
}

function withoutWidths(line: string): string {
    return line.replace(/\s+/g, " ").replace(/-{2,}/g, "--").trim();
}

function indented(text: string): string {
    return text.replace(/\n+$/, "").replace(/^/gm, "    ");
}

/** All the text between fences, which a page's translation has in common with it. */
export function codeBlocks(text: string): string[] {
    return [...text.matchAll(/^```[^]*?^```$/gm)].map(([block]) => block);
}
