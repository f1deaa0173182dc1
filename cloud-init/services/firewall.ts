/** One accepted kind of incoming connection. */
export interface FirewallRule {
    readonly protocol: "tcp" | "udp" | "icmp";
    /** Destination ports; none for ICMP. */
    readonly ports: readonly number[];
    /** CIDRs or addresses that may connect. */
    readonly sources: readonly string[];
    /** Who connects and why. */
    readonly description: string;
}

/** Where every VM of the cloud reads its own metadata. */
const METADATA_ADDRESS = "169.254.169.254";

/**
 * The host's own nftables ruleset: what is not listed is dropped, and only root reads the
 * metadata (user-data holds the SSH host key).
 */
export function firewallRuleset(rules: readonly FirewallRule[]): string {
    const set = (values: readonly (string | number)[]) => `{ ${values.join(", ")} }`;
    const accept = (rule: FirewallRule) => {
        const match = rule.protocol === "icmp" ? "meta l4proto icmp" : `${rule.protocol} dport ${set(rule.ports)}`;
        return `        ip saddr ${set(rule.sources)} ${match} accept comment ${JSON.stringify(rule.description)}`;
    };
    return `#!/usr/sbin/nft -f
table inet postgres_ha
delete table inet postgres_ha
table inet postgres_ha {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif lo accept
        icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        udp sport 67 udp dport 68 accept comment "DHCP: the answer to a broadcast belongs to no connection"
${rules.map(accept).join("\n")}
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
    chain output {
        type filter hook output priority filter; policy accept;
        ip daddr ${METADATA_ADDRESS} meta skuid != 0 reject
    }
}
`;
}
