import { spawn } from "node:child_process";

/** Options of {@link run}. */
export interface RunOptions {
    /** Working directory. @default this process's own */
    readonly cwd?: string;
    /** Variables added to this process's environment. */
    readonly env?: Readonly<Record<string, string>>;
    /** Text for the command's standard input. @default empty */
    readonly input?: string;
}

/** Length of the end of a failed command's output in the error message, in characters. */
const MESSAGE_TAIL = 4000;

/**
 * Runs a command and waits for its end.
 * @returns its standard output.
 * @throws Error with the command line and the end of its output, if it cannot be started or its exit status is not 0.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
        let output = "";
        let everything = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
            output += text;
            everything += text;
        });
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
            everything += text;
        });
        child.on("error", reject);
        child.on("close", (status, signal) => {
            if (status === 0) resolve(output);
            else
                reject(
                    new Error(
                        `${[command, ...args].join(" ")}: ${signal ?? `exit status ${status}`}\n${everything.slice(-MESSAGE_TAIL)}`,
                    ),
                );
        });
        // A command may end without reading its input. Its exit status counts, not the broken pipe.
        child.stdin.on("error", () => undefined);
        child.stdin.end(options.input ?? "");
    });
}
