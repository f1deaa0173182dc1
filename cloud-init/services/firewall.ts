import type { InputRule } from "../../cluster/flows.ts";

/** Where every VM of the cloud reads its own metadata. */
const METADATA_ADDRESS = "169.254.169.254";

/**
 * The host's own nftables ruleset: what is not listed is dropped, and only root reads the
 * metadata (user-data holds the SSH host key).
 */
export function firewallRuleset(rules: readonly InputRule[]): string {
    const set = (values: readonly (string | number)[]) => `{ ${values.join(", ")} }`;
    const accept = ({ protocol, ports, sources, purpose }: InputRule) => {
        const match = protocol === "ICMP" ? "meta l4proto icmp" : `${protocol.toLowerCase()} dport ${set(ports)}`;
        return `        ip saddr ${set(sources)} ${match} accept comment ${JSON.stringify(purpose)}`;
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
