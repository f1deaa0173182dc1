import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { ScratchFile } from "./scratch-machine.ts";
import { script, scriptDirectory } from "../../cloud-init/machine/scripts.ts";

/** Folder of the scripts that machines get. */
export const scriptSources = join(import.meta.dirname, "../../cloud-init/files");
export const scriptNames = readdirSync(scriptSources).filter((name) => /\.(py|sh)$/.test(name));

export const installed = (name: string) => `${scriptDirectory}/${name}`;

/** A script at its place on a machine. */
export function installedScript(name: string): ScratchFile {
    const { path, content, mode } = script(name);
    return { path, content, mode };
}

/** What a Python function did. */
export interface PythonOutcome {
    readonly returned?: unknown;
    /** The message of what it raised. */
    readonly raised?: string;
    /** Arguments of each call of a replaced function. */
    readonly calls: readonly { readonly name: string; readonly arguments: readonly unknown[] }[];
}

const runner = `
import importlib.util, json, sys, types
request = json.load(sys.stdin)
spec = importlib.util.spec_from_file_location("script", request["file"])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
calls = []
def replacement(name, answers):
    answers = list(answers)
    def call(*arguments, **_):
        calls.append({"name": name, "arguments": arguments})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, dict) and "raise" in answer:
            raise OSError(answer["raise"])
        if isinstance(answer, dict) and "attributes" in answer:
            return types.SimpleNamespace(**answer["attributes"])
        return answer
    return call
for name, answers in request["replace"].items():
    owner, _, attribute = name.rpartition(".")
    setattr(getattr(module, owner) if owner else module, attribute, replacement(name, answers))
for name, value in request["constants"].items():
    setattr(module, name, value)
try:
    outcome = {"returned": getattr(module, request["function"])(*request["arguments"])}
except Exception as error:
    outcome = {"raised": f"{type(error).__name__}: {error}"}
json.dump({**outcome, "calls": calls}, sys.stdout, default=str)
`;

/**
 * Calls a function of one of the Python scripts.
 * @param replace functions of the script, or of a module it imports (`uuid.uuid4`), that answer, call by call, with the given values (the last one for ever);
 * `{raise: text}` raises OSError, `{attributes: …}` is an object that has them.
 * @param constants values of the script's own
 */
export function callPython(
    file: string,
    name: string,
    args: readonly unknown[],
    replace: Readonly<Record<string, readonly unknown[]>> = {},
    constants: Readonly<Record<string, unknown>> = {},
): PythonOutcome {
    const request = { file: join(scriptSources, file), function: name, arguments: args, replace, constants };
    const output = execFileSync("/usr/bin/python3", ["-B", "-c", runner], {
        input: JSON.stringify(request),
        encoding: "utf8",
        stdio: ["pipe", "pipe", "pipe"],
    });
    return JSON.parse(output) as PythonOutcome;
}
