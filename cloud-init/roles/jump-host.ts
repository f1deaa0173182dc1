import { base, type BaseInputs } from "../services/base.ts";
import { mergeParts, type MachineConfiguration } from "../machine/configuration.ts";
import { script, scriptDirectory } from "../machine/scripts.ts";

export interface JumpHostInputs {
    readonly base: Omit<BaseInputs, "allowTcpForwarding">;
}

/** The only machine that the outside reaches: SSH, and nothing else. */
export function jumpHost(inputs: JumpHostInputs): MachineConfiguration {
    return mergeParts([base({ ...inputs.base, allowTcpForwarding: true }), { files: [script("wait-for-ssh.sh")] }]);
}

/** Runs on the jump host and ends when SSH answers on every target, each `NAME=ADDRESS`. */
export function waitForSshCommand(targets: readonly string[], deadlineSeconds: number): string {
    return `${scriptDirectory}/wait-for-ssh ${deadlineSeconds} ${targets.join(" ")}`;
}
