/** An `up` that changes nothing, compared with an empty program. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";

import { local, mustRun } from "../local/commands.ts";
import { folder, repository, stackFile } from "../local/this-testbed.ts";
import { addResult, writeResults } from "./results.ts";

export interface NoopResult {
    readonly program: "cluster" | "empty";
    readonly seconds: number;
}

export const noopResults = "noop";

export async function benchNoop(runs: number): Promise<void> {
    await local();
    const empty = await makeEmptyProgram();
    try {
        writeResults<NoopResult>(noopResults, []);
        // The first run fills caches, so it does not count.
        await unchangedUp(repository);
        for (let run = 1; run <= runs; run++) {
            report({ program: "cluster", seconds: await unchangedUp(repository) }, run);
            report({ program: "empty", seconds: await unchangedUp(empty) }, run);
        }
    } finally {
        await mustRun("pulumi", ["destroy", "--yes", "--skip-preview", "--stack", emptyStack, "--cwd", empty]);
        await mustRun("pulumi", ["stack", "rm", "--yes", "--stack", emptyStack, "--cwd", empty]);
        rmSync(empty, { recursive: true });
    }
}

const emptyStack = "bench";

async function unchangedUp(program: string): Promise<number> {
    const started = Date.now();
    const output = await mustRun("pulumi", [
        "up",
        "--yes",
        "--skip-preview",
        "--non-interactive",
        "--cwd",
        program,
        "--stack",
        program === repository ? "local" : emptyStack,
    ]);
    const seconds = (Date.now() - started) / 1000;
    if (/created|updated|replaced|deleted/.test(output)) throw new Error(`this up changed something:\n${output}`);
    return seconds;
}

/** Creates a program with the same packages and provider configurations as the cluster's, but without resources. */
async function makeEmptyProgram(): Promise<string> {
    const program = join(folder, "bench-empty");
    rmSync(program, { recursive: true, force: true });
    mkdirSync(program, { recursive: true });
    const { packages, runtime } = parse(readFileSync(join(repository, "Pulumi.yaml"), "utf8")) as Record<
        string,
        unknown
    >;
    writeFileSync(
        join(program, "Pulumi.yaml"),
        stringify({ name: "bench-empty", main: "index.ts", runtime, packages }),
    );
    writeFileSync(
        join(program, "package.json"),
        JSON.stringify({ name: "bench-empty", type: "module", main: "index.ts" }),
    );
    writeFileSync(join(program, "tsconfig.json"), readFileSync(join(repository, "tsconfig.json")));
    writeFileSync(join(program, "index.ts"), emptyProgram);
    symlinkSync(join(repository, "node_modules"), join(program, "node_modules"));
    const { config } = parse(readFileSync(stackFile, "utf8")) as { config: Record<string, unknown> };
    const cloud = Object.fromEntries(Object.entries(config).filter(([key]) => key.startsWith("yandex:")));
    writeFileSync(join(program, `Pulumi.${emptyStack}.yaml`), stringify({ config: cloud }));
    await mustRun("pulumi", ["stack", "select", "--create", emptyStack, "--cwd", program]);
    // Twice, because the engine's first update fixes the version of an explicit, parameterized provider.
    for (let time = 0; time < 2; time++) {
        await mustRun("pulumi", [
            "up",
            "--yes",
            "--skip-preview",
            "--non-interactive",
            "--cwd",
            program,
            "--stack",
            emptyStack,
        ]);
    }
    return program;
}

const emptyProgram = `import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import * as yandex from "@pulumi/yandex";

for (const provider of [command.Provider, random.Provider, tls.Provider]) new provider("empty", {});
const cloud = new pulumi.Config("yandex");
const [endpoint, cloudId, folderId, token, zone] = ["endpoint", "cloudId", "folderId", "token", "zone"].map((key) => cloud.require(key));
new yandex.Provider("empty", { endpoint, cloudId, folderId, token, zone });
`;

function report(result: NoopResult, run: number): void {
    addResult(noopResults, result);
    console.log(`unchanged up of the ${result.program} program #${run}: ${result.seconds.toFixed(1)} s`);
}
