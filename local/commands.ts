/** The project's own commands, as a person types them, for tests and benchmarks. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";

import type { Outputs } from "./outputs.ts";
import { repository, stackFile } from "./this-testbed.ts";

export interface Result {
    readonly exitCode: number;
    /** Standard output and standard error, interleaved as they were written. */
    readonly output: string;
    readonly stdout: string;
}

export interface RunOptions {
    /** Variables to add to this process's own environment. */
    readonly environment?: Readonly<Record<string, string>>;
    /** Working directory. @default the repository */
    readonly folder?: string;
    /** Called with the process id as soon as the command runs, so that the caller can interrupt it. */
    readonly onStart?: (pid: number) => void;
}

/** Runs a command on this computer and waits for its end. A failing command is a result, not an error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, {
            cwd: options.folder ?? repository,
            env: { ...process.env, ...options.environment },
            stdio: ["ignore", "pipe", "pipe"],
        });
        let stdout = "";
        let output = "";
        child.stdout.on("data", (data: Buffer) => {
            stdout += data.toString();
            output += data.toString();
        });
        child.stderr.on("data", (data: Buffer) => (output += data.toString()));
        child.on("error", reject);
        child.on("close", (code) => resolve({ exitCode: code ?? 128, stdout, output }));
        if (child.pid !== undefined) options.onStart?.(child.pid);
    });
}

/**
 * Runs a command that must succeed.
 * @returns its standard output
 * @throws Error with the last 6,000 characters of its output if it fails
 */
export async function mustRun(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
    const result = await run(command, args, options);
    if (result.exitCode !== 0) {
        throw new Error(`${command} ${args.join(" ")} ended with ${result.exitCode}:\n${result.output.slice(-6000)}`);
    }
    return result.stdout;
}

/** `npm run local -- …`, which must succeed. @returns its standard output */
export const local = (...args: string[]) => mustRun("npm", ["run", "--silent", "local", "--", ...args]);

/** `npm run testbed -- …`, which must succeed. @returns its standard output */
export const testbed = (...args: string[]) => mustRun("npm", ["run", "--silent", "testbed", "--", ...args]);

/** `npm run pulumi -- …`, which may fail. */
export const pulumi = (...args: string[]) => run("npm", ["run", "--silent", "pulumi", "--", ...args]);

/** Removes all machines, the stack and the stack's configuration. */
export async function removeStack(): Promise<void> {
    await local("down");
    await pulumi("stack", "rm", "--yes", "--stack", "local");
    rmSync(stackFile, { force: true });
}

/** Reads the stack's outputs, with secrets in clear. @throws Error with Pulumi's message if there is no stack */
export async function stackOutputs(): Promise<Outputs> {
    const { exitCode, stdout, output } = await pulumi(
        "stack",
        "output",
        "--json",
        "--show-secrets",
        "--stack",
        "local",
    );
    if (exitCode !== 0) throw new Error(output);
    return JSON.parse(stdout) as Outputs;
}
