/** Does a lab's page on the testbed: types each command at the place that its prompt names, and compares the output. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { captureAsClient } from "../../../testbed/machines/client.ts";
import { executeInGuest } from "../../../testbed/machines/guest.ts";
import { attempt, type Result } from "../../../testbed/machines/run.ts";
import {
    mismatch,
    parseLabPage,
    type LabBlock,
    type LabCommand,
    type Place,
    type Printed,
} from "../../support/lab-page.ts";
import { machineId } from "../../../local/machines.ts";
import { folder, repository, site } from "../../../local/this-testbed.ts";

/** Time limit of one command. The longest one of the labs takes a minute. */
const commandSeconds = 180;

/** The environment of a client, written by `npm run local`: connection strings without passwords. */
const clientEnvironment = join(folder, "client.sh");

/**
 * @param name the page's file, relative to the repository
 * @param report called with each command before it is typed
 * @throws Error with page, line, command, and what it printed instead of what the page shows
 */
export async function doLab(name: string, report: (line: string) => void = () => undefined): Promise<void> {
    const page = parseLabPage(name, readFileSync(join(repository, name), "utf8"));
    for (const block of page.blocks) {
        for (const { line, place, command } of block.commands) report(`${name}:${line}: ${place}$ ${command}`);
        await doBlock(name, block);
    }
}

async function doBlock(path: string, { commands, untilSeconds }: LabBlock): Promise<void> {
    const deadline = Date.now() + (untilSeconds ?? 0) * 1000;
    for (;;) {
        const problem = await firstProblem(path, commands);
        if (problem === undefined) return;
        if (untilSeconds === undefined) throw new Error(problem);
        if (Date.now() > deadline) throw new Error(`${problem}\nIt was repeated for ${untilSeconds} s.`);
        await new Promise((resolve) => setTimeout(resolve, 500));
    }
}

async function firstProblem(path: string, commands: readonly LabCommand[]): Promise<string | undefined> {
    for (const command of commands) {
        const problem = mismatch(path, command, await type(command.place, command.command));
        if (problem !== undefined) return problem;
    }
    return undefined;
}

/** Runs a command in the shell that a reader has at this prompt. */
async function type(place: Place, command: string): Promise<Printed> {
    const { exitCode, stdout, stderr } = await inShell(place, command);
    return { exitCode, output: stdout + stderr };
}

function inShell(place: Place, command: string): Promise<Result> {
    const options = { timeoutSeconds: commandSeconds };
    // Both streams in one, in the order of a terminal.
    const script = (first = "") => ["-c", `${first}exec 2>&1; eval "$1"`, "bash", command];
    switch (place) {
        case "host":
            return attempt("env", ["--chdir", repository, "bash", ...script()], options);
        case "client":
            // Not BASH_ENV: bash leaves it out where it takes its standard input for a remote login's socket.
            return captureAsClient(site, ["bash", ...script(`. '${clientEnvironment}'; `)], options);
        default:
            return executeInGuest(site, machineId(place), ["bash", "--login", ...script()], options);
    }
}
