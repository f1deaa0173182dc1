/**
 * `npm run check-cluster`: whether the machines, and the cluster on them, still are what the last `pulumi up` made. It changes
 * nothing. What is compared, and how, is the machines' own: `apply --check` on each, and `postgres-ha differences` on one.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { runOverSsh, UNREACHABLE, type SshAccess } from "../components/ssh-client.ts";
import { checkMachineCommand } from "../cloud-init/machine/user-data.ts";
import { differencesCommand, differencesInput } from "../cloud-init/roles/database-node.ts";
import { databaseNodes, hostNames, lines } from "./machines.ts";

const usage = `npm run check-cluster [-- --stack NAME] [--identity FILE]

Names what on the machines is not as the last pulumi up made it. Changes nothing.
Ends with 0 if there is nothing, with 1 if there is something, with 2 if it could not look.

  --stack NAME      the stack (default: the selected one)
  --identity FILE   an administrator's private key (default: ssh's own, and the agent's)`;

/** A machine that does not answer must not be waited for. */
const ANSWER_SECONDS = 60;

interface Outputs {
    readonly sshConfig: string;
    readonly sshKnownHosts: string;
    readonly connections: readonly { readonly user: string; readonly database: string }[];
}

async function main(): Promise<number> {
    const { values } = parseArgs({
        options: { stack: { type: "string" }, identity: { type: "string" }, help: { type: "boolean" } },
    });
    if (values.help) return (console.log(usage), 0);
    const outputs = stackOutputs(values.stack);
    const access: SshAccess = {
        configuration: outputs.sshConfig,
        knownHosts: outputs.sshKnownHosts,
        ...(values.identity === undefined ? {} : { privateKey: readFileSync(values.identity, "utf8") }),
    };
    const names = hostNames(outputs.sshConfig);
    const ask = (name: string, command: string, input = "") => runOverSsh(access, name, command, ANSWER_SECONDS, input);

    const ofMachines = Promise.all(
        names.map(async (name) => lines(await ask(name, checkMachineCommand)).map((line) => `${name}: ${line}`)),
    );
    const different = [
        ...(await ofCluster(names, ask, differencesInput(outputs.connections))),
        ...(await ofMachines).flat(),
    ];
    if (different.length === 0) {
        console.log(`${names.length} machines and the cluster on them are as the last pulumi up made them.`);
        return 0;
    }
    console.log(different.join("\n"));
    console.log("\nTo send everything again, and check: pulumi up --replace '**-revision'");
    return 1;
}

type Ask = (name: string, command: string, input: string) => ReturnType<typeof runOverSsh>;

/** What the first database node that answers says of the cluster. */
async function ofCluster(names: readonly string[], ask: Ask, input: string): Promise<readonly string[]> {
    for (const name of databaseNodes(names)) {
        const answer = await ask(name, differencesCommand, input);
        if (answer.status !== UNREACHABLE) return lines(answer);
    }
    return ["no database node answers"];
}

/** @throws Error with Pulumi's message, or if no `up` succeeded yet */
function stackOutputs(stack: string | undefined): Outputs {
    const selected = stack === undefined ? [] : ["--stack", stack];
    const { status, stdout, stderr, error } = spawnSync(
        "pulumi",
        ["stack", "output", "--json", "--show-secrets", "--non-interactive", ...selected],
        { encoding: "utf8", maxBuffer: 64 * 1024 ** 2 },
    );
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`pulumi stack output: ${stderr.trim()}`);
    const outputs = JSON.parse(stdout) as Partial<Outputs>;
    if (outputs.connections === undefined) throw new Error("the stack has no outputs yet: run pulumi up");
    return outputs as Outputs;
}

main().then(
    (status) => process.exit(status),
    (error: unknown) => {
        console.error((error as Error).message);
        process.exit(2);
    },
);
