import { peer } from "../../cluster/address-plan.ts";
import { mergeParts, type MachineConfiguration } from "../machine/configuration.ts";
import { haproxy } from "../services/haproxy.ts";
import { basePart, type Certificate, type MachineSource } from "./machine-source.ts";

/** A machine with HAProxy. */
export function loadBalancer(source: MachineSource, certificate: Certificate): MachineConfiguration {
    const { settings, plan } = source;
    const { highAvailability, loadBalancerMaxConnections } = settings;
    const { certificatePem, privateKeyPem } = certificate;
    return mergeParts([
        basePart("loadBalancer", source, certificate),
        haproxy(
            {
                members: plan.nodes.database.map(peer),
                maxConnections: loadBalancerMaxConnections,
                maxReplicaLagMib: highAvailability.maxReplicaLagMib,
                keepReadsOnLaggingReplica: highAvailability.keepReadsOnLaggingReplica,
                timings: highAvailability.timings.haproxy,
                behindNetworkLoadBalancer: plan.networkLoadBalancer !== undefined,
            },
            { certificateAndKeyPem: `${certificatePem.trim()}\n${privateKeyPem.trim()}\n` },
        ),
    ]);
}
