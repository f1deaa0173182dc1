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

/** What every machine trusts. Pulumi makes it, so it is known later than the settings. */
export interface Trusted {
    /** The cluster's certificate authority, PEM. */
    readonly caPem: string;
    /** The public key of the program's own Commands, in OpenSSH's format. */
    readonly deployPublicKey: string;
}

/** A machine's own certificate and key, PEM. */
export interface Certificate extends Trusted {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
}

/** The part that a machine of any role has. Only the jump host forwards connections. */
export function basePart(
    role: Role,
    { settings, plan }: MachineSource,
    { caPem, deployPublicKey }: Trusted,
): ServicePart {
    const { network, operatingSystem, mirrors, postgresql, ssh } = settings;
    return base({
        caPem,
        administrator: { account: ssh.user, publicKeys: [...ssh.publicKeys, deployPublicKey.trim()] },
        repositories: repositories(mirrors, role === "database" ? postgresql.majorVersion : undefined),
        ntpServers: operatingSystem.ntpServers,
        timeZone: operatingSystem.timeZone,
        firewallRuleset: firewallRuleset(inputRules(role, { plan, ...network })),
        securityUpdates: operatingSystem.securityUpdates,
        allowTcpForwarding: role === "jumpHost",
    });
}
