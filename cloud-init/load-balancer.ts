import type { Timings } from "../settings/profiles.ts";
import { base, type BaseInputs } from "./base.ts";
import { haproxy, type HaproxyInputs, type LoadBalancerSecrets } from "./haproxy.ts";
import { mergeParts, type MachineConfiguration } from "./machine-configuration.ts";

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
