import { mergeParts, type MachineConfiguration } from "../machine/configuration.ts";
import { script, scriptDirectory } from "../machine/scripts.ts";
import { basePart, type Trusted, type MachineSource } from "./machine-source.ts";

/** The only machine that can be reached from outside, and only by SSH. */
export function jumpHost(source: MachineSource, trusted: Trusted): MachineConfiguration {
    return mergeParts([basePart("jumpHost", source, trusted), { files: [script("wait-for-ssh.sh")] }]);
}

/** Runs on the jump host and ends when SSH answers on every target, each `NAME=ADDRESS`. */
export function waitForSshCommand(targets: readonly string[], deadlineSeconds: number): string {
    return `${scriptDirectory}/wait-for-ssh ${deadlineSeconds} ${targets.join(" ")}`;
}

/** Runs on the jump host and ends when SSH answers on any target, each `NAME=ADDRESS`; prints the target's name. */
export function findBySshCommand(targets: readonly string[], deadlineSeconds: number): string {
    return `${scriptDirectory}/wait-for-ssh ${deadlineSeconds} --any ${targets.join(" ")}`;
}
