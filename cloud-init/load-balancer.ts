import type { Timings } from "../settings/profiles";
import { base, type BaseInputs } from "./base";
import { haproxy, type HaproxyInputs, type LoadBalancerSecrets } from "./haproxy";
import { mergeParts, type MachineConfiguration } from "./machine-configuration";

export interface LoadBalancerInputs {
    readonly base: Omit<BaseInputs, "allowTcpForwarding">;
    readonly haproxy: Omit<HaproxyInputs, "timings">;
    readonly timings: Timings;
}

/** A machine with HAProxy. */
export function loadBalancer(inputs: LoadBalancerInputs, secrets: LoadBalancerSecrets): MachineConfiguration {
    return mergeParts([
        base({ ...inputs.base, allowTcpForwarding: false }),
        haproxy({ ...inputs.haproxy, timings: inputs.timings.haproxy }, secrets),
    ]);
}
