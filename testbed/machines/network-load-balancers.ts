import type { NetworkPlan } from "./network-plan.ts";
import { type BalancerHealth, destinations } from "./target-health.ts";

/**
 * How long a zone loses packets after its last healthy target. In the cloud that is up to two minutes (documentation of
 * Network Load Balancer, "Implementation specifics"); the testbed uses the maximum.
 */
export const zoneConvergenceSeconds = 120;

/**
 * The nft transaction that sends connections of load balancers to their targets, in a table of its own. A new connection
 * is translated by a hash of its source and stays with its target. The target sees the client's address. Packets that
 * are not translated are dropped, like all packets to an address without a machine.
 * @param health by the load balancer's id
 */
export function renderNetworkLoadBalancers(
    plan: NetworkPlan,
    health: Readonly<Record<string, BalancerHealth>>,
    now: number,
    convergenceSeconds = zoneConvergenceSeconds,
): string {
    const chains: string[] = [];
    const rules: string[] = [];
    plan.networkLoadBalancers.forEach((balancer, index) => {
        const chainOf = (address: string): string => `target_${index}_${address.replaceAll(".", "_")}`;
        for (const { address } of balancer.targets) {
            const translate = balancer.listeners.map(
                ({ port, targetPort }) => `    tcp dport ${port} dnat ip to ${address}:${targetPort}`,
            );
            chains.push(`  chain ${chainOf(address)} {`, ...translate, "  }");
        }
        const toward = (zone: string | undefined): string => {
            const ways = destinations(
                balancer,
                health[balancer.id] ?? { targets: {}, lostZones: {} },
                zone,
                now,
                convergenceSeconds,
            );
            const verdicts = ways.map((way) => (way === "lost" ? "accept" : `goto ${chainOf(way)}`));
            if (verdicts.length < 2) return verdicts[0] ?? "accept";
            return `jhash ip saddr . tcp sport mod ${verdicts.length} vmap { ${verdicts.map((verdict, key) => `${key} : ${verdict}`).join(", ")} }`;
        };
        const zones = [...new Set(plan.subnets.map(({ zone }) => zone))];
        for (const zone of zones) {
            const blocks = plan.subnets.filter((subnet) => subnet.zone === zone).map(({ cidr }) => cidr);
            rules.push(`ip daddr ${balancer.address} ip saddr { ${blocks.join(", ")} } ${toward(zone)}`);
        }
        rules.push(`ip daddr ${balancer.address} ${toward(undefined)}`);
    });
    return [
        "table inet network_load_balancers",
        "delete table inet network_load_balancers",
        "table inet network_load_balancers {",
        ...chains,
        "  chain prerouting {",
        "    type nat hook prerouting priority dstnat; policy accept;",
        ...rules.map((rule) => `    ${rule}`),
        "  }",
        "}",
        "",
    ].join("\n");
}
