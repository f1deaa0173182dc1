import type { Timings } from "../../cluster/timings.ts";
import { base, type BaseInputs } from "../services/base.ts";
import { haproxy, type HaproxyInputs, type LoadBalancerSecrets } from "../services/haproxy.ts";
import { mergeParts, type MachineConfiguration } from "../machine/configuration.ts";

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
