/** What the configuration of any machine is made from. Plain values, so a machine can be rendered without Pulumi. */
import type { AddressPlan, Node } from "../../cluster/address-plan.ts";
import { inputRules } from "../../cluster/flows.ts";
import type { Role } from "../../cluster/roles.ts";
import type { Settings } from "../../settings/index.ts";
import type { ServicePart } from "../machine/configuration.ts";
import { base } from "../services/base.ts";
import { firewallRuleset } from "../services/firewall.ts";
import { repositories } from "../services/repositories.ts";

export interface MachineSource {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    /** The machine itself. */
    readonly node: Node;
}

/** The cluster's certificate authority, PEM. Pulumi makes it, so it is known later than the settings. */
export interface Authority {
    readonly caPem: string;
}

/** A machine's own certificate and key, PEM. */
export interface Certificate extends Authority {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
}

/** The part that a machine of any role has. Only the jump host forwards connections. */
export function basePart(role: Role, { settings, plan }: MachineSource, { caPem }: Authority): ServicePart {
    const { network, operatingSystem, mirrors, postgresql } = settings;
    return base({
        caPem,
        repositories: repositories(mirrors, role === "database" ? postgresql.majorVersion : undefined),
        ntpServers: operatingSystem.ntpServers,
        firewallRuleset: firewallRuleset(inputRules(role, { plan, ...network })),
        securityUpdates: operatingSystem.securityUpdates,
        allowTcpForwarding: role === "jumpHost",
    });
}
