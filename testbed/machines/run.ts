import { spawn } from "node:child_process";

export interface RunOptions {
    /** Text for standard input. @default empty */
    input?: string;
    /** Time limit, after which the command is killed and counts as failed. @default 30 */
    timeoutSeconds?: number;
}

export interface Result {
    exitCode: number;
    stdout: string;
    stderr: string;
}

/** Runs a command and waits for its end. A failing command is a result, not an error. */
export function attempt(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, {
            stdio: "pipe",
            timeout: (options.timeoutSeconds ?? 30) * 1000,
            killSignal: "SIGKILL",
        });
        const output = { stdout: "", stderr: "" };
        child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
        child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
        child.on("error", reject);
        child.on("close", (code, signal) =>
            resolve({
                exitCode: code ?? 128,
                ...output,
                ...(signal ? { stderr: `${output.stderr}ended by ${signal}` } : {}),
            }),
        );
        child.stdin.on("error", () => undefined); // the command need not read it
        child.stdin.end(options.input ?? "");
    });
}

/**
 * Runs a command that must succeed.
 * @returns its standard output
 * @throws Error with the command line and the command's output
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await attempt(command, args, options);
    if (result.exitCode !== 0) {
        throw new Error(
            `${command} ${args.join(" ")} failed (${result.exitCode}): ${(result.stderr || result.stdout).trim()}`,
        );
    }
    return result.stdout;
}

/** Evaluates `condition` every 20 ms until it has a value. @returns the value, or undefined after the time limit */
export async function waitFor<T>(
    seconds: number,
    condition: () => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
        const value = await condition();
        if (value !== undefined) return value;
        if (Date.now() > deadline) return undefined;
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}
