/** The machines of a stack, by its outputs, and what they answered. */
import type { SshResult } from "../components/ssh-client.ts";
import { roles } from "../cluster/roles.ts";

/** Every machine that the client's configuration names. */
export function hostNames(sshConfiguration: string): readonly string[] {
    return [...sshConfiguration.matchAll(/^Host (\S+)$/gm)].map(([, name]) => name!);
}

export function databaseNodes(names: readonly string[]): readonly string[] {
    return names.filter((name) => new RegExp(`-${roles.database.suffix}(-\\d+)?$`).test(name));
}

/** What a machine says, a difference each. Not to answer, or not to know the question, is one as well. */
export function lines({ status, stdout, stderr }: SshResult): readonly string[] {
    const said = stdout.split("\n").filter((line) => line !== "");
    const complaint = stderr.trim().split("\n").at(-1);
    return status === 0 ? said : [...said, `cannot be checked: ${complaint}`];
}
