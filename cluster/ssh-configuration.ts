import type { AddressPlan } from "./address-plan.ts";
import { roleNames } from "./roles.ts";

export interface SshConfigurationInputs {
    readonly plan: AddressPlan;
    readonly user: string;
    readonly jumpHostPublicAddress: string;
}

/** An OpenSSH client configuration: every machine by its name, through the jump host, with pinned host keys. */
export function sshConfiguration({ plan, user, jumpHostPublicAddress }: SshConfigurationInputs): string {
    const host = (name: string, address: string, extra: readonly string[]) =>
        [
            `Host ${name}`,
            `    HostName ${address}`,
            `    User ${user}`,
            // known_hosts holds the machines by name, wherever they are reached.
            `    HostKeyAlias ${name}`,
            "    StrictHostKeyChecking yes",
            "    ServerAliveInterval 30",
            ...extra.map((line) => `    ${line}`),
        ].join("\n");
    const [jumpHost] = plan.nodes.jumpHost;
    const inside = roleNames.filter((role) => role !== "jumpHost").flatMap((role) => plan.nodes[role]);
    return `${[
        host(jumpHost.hostname, jumpHostPublicAddress, []),
        ...inside.map((node) => host(node.hostname, node.address, [`ProxyJump ${jumpHost.hostname}`])),
    ].join("\n\n")}\n`;
}

/** The known_hosts file that belongs to the configuration. */
export function knownHosts(keys: readonly { readonly hostname: string; readonly hostKey: string }[]): string {
    return keys.map(({ hostname, hostKey }) => `${hostname} ${hostKey}\n`).join("");
}
