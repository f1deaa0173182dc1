/** From settings to what each role's cloud-init needs. Plain values in, plain values out. */
import type { BaseInputs } from "../cloud-init/services/base.ts";
import type { Peer } from "../cluster/names.ts";
import type { DatabaseNodeInputs } from "../cloud-init/roles/database-node.ts";
import { firewallRuleset, type FirewallRule } from "../cloud-init/services/firewall.ts";
import type { JumpHostInputs } from "../cloud-init/roles/jump-host.ts";
import type { LoadBalancerInputs } from "../cloud-init/roles/load-balancer.ts";
import { repositories } from "../cloud-init/services/repositories.ts";
import type { Settings } from "../settings/index.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import { inputRules, type Role } from "../cluster/flows.ts";

/** What the inputs of every role are made from. */
export interface InputSources {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    /** The certificate authority, PEM. */
    readonly caPem: string;
}

export function jumpHostInputs(sources: InputSources): JumpHostInputs {
    return { base: baseInputs("jumpHost", sources) };
}

export function databaseNodeInputs(sources: InputSources): Omit<DatabaseNodeInputs, "self" | "members"> {
    const { settings, plan } = sources;
    const { highAvailability, postgresql, pgbouncer } = settings;
    return {
        loadBalancers: entrances(plan),
        base: baseInputs("database", sources, postgresql.majorVersion),
        clusterName: settings.clusterName,
        postgresqlVersion: postgresql.majorVersion,
        hugePages: postgresql.hugePages,
        watchdog: highAvailability.watchdog,
        adminUser: settings.ssh.user,
        timings: highAvailability.timings,
        dynamic: {
            maximumLagOnFailoverBytes: highAvailability.maxFailoverLagMib * MIB,
            synchronousMode: highAvailability.synchronousMode,
            synchronousNodeCount: 1,
            parameters: postgresql.parameters,
        },
        callbacks: highAvailability.callbacks,
        users: postgresql.users,
        pgbouncer,
    };
}

export function loadBalancerInputs(sources: InputSources): LoadBalancerInputs {
    const { settings, plan } = sources;
    return {
        base: baseInputs("loadBalancer", sources),
        haproxy: {
            members: plan.databases.map(member),
            maxConnections: settings.loadBalancerMaxConnections,
            maxReplicaLagMib: settings.highAvailability.maxReplicaLagMib,
            behindNetworkLoadBalancer: plan.networkLoadBalancer !== undefined,
        },
        timings: settings.highAvailability.timings,
    };
}

/** A node as the others see it. */
export function member({ hostname, fqdn, address }: Node): Peer {
    return { name: hostname, fqdn, address };
}

/** Where applications come in: every load balancer, and what joins them, which is dialled by its address. */
function entrances({ loadBalancers, networkLoadBalancer }: AddressPlan): readonly Peer[] {
    const joined = networkLoadBalancer === undefined ? [] : [networkLoadBalancer];
    return [
        ...loadBalancers.map(member),
        ...joined.map(({ address }) => ({ name: "network load balancer", fqdn: address, address })),
    ];
}

function baseInputs(
    role: Role,
    { settings, plan, caPem }: InputSources,
    postgresqlVersion?: number,
): JumpHostInputs["base"] {
    const { network, operatingSystem, mirrors } = settings;
    const rules = inputRules(role, { plan, adminCidrs: network.adminCidrs, clientCidrs: network.clientCidrs }).map(
        (rule): FirewallRule => ({
            protocol: rule.protocol.toLowerCase() as FirewallRule["protocol"],
            ports: rule.ports,
            sources: rule.sources,
            description: rule.purpose,
        }),
    );
    const base: Omit<BaseInputs, "allowTcpForwarding"> = {
        caPem,
        repositories: repositories(mirrors, postgresqlVersion),
        ntpServers: operatingSystem.ntpServers,
        firewallRuleset: firewallRuleset(rules),
        securityUpdates: operatingSystem.securityUpdates,
    };
    return base;
}

const MIB = 1024 ** 2;
