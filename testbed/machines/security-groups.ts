import type { SecurityRule } from "./driver.ts";
import { delayInterfacePrefix, internetInterface, machineInterfacePrefix } from "./names.ts";
import {
    healthCheckAddress,
    internet,
    metadataAddress,
    type NetworkPlan,
    type PlannedInterface,
    type PlannedNetworkLoadBalancer,
} from "./network-plan.ts";

/**
 * The nft transaction that enforces a plan's security groups in the cloud's namespace.
 *
 * Every packet between two machines is routed, so the forward hook sees it. The source's egress rules and the target's
 * ingress rules must both allow a new connection; all other packets belong to an allowed connection. Packets to the
 * cloud itself (gateway, DNS, metadata) take the input hook, without groups.
 */
export function renderSecurityGroups(plan: NetworkPlan): string {
    const published = plan.interfaces.filter((nic) => nic.publicAddress);
    const internetSources = [
        ...plan.subnets.filter((subnet) => subnet.hasInternetRoute).map((subnet) => subnet.cidr),
        ...published.map((nic) => nic.address),
    ];
    return [
        // Declared first, so that the deletion cannot fail. The three are one transaction.
        "table inet vpc",
        "delete table inet vpc",
        "table inet vpc {",
        set(
            "cables",
            "ifname . ipv4_addr",
            plan.interfaces.map((nic) => `"${nic.hostInterface}" . ${nic.address}`),
        ),
        set(
            "machines",
            "ipv4_addr",
            plan.interfaces.map((nic) => nic.address),
        ),
        set(
            "published",
            "ipv4_addr",
            published.map((nic) => nic.address),
        ),
        set(
            "load_balancers",
            "ipv4_addr",
            plan.networkLoadBalancers.map(({ address }) => address),
        ),
        set("balanced", "ipv4_addr . inet_service", plan.networkLoadBalancers.flatMap(balancedPorts)),
        set(
            "subnets",
            "ipv4_addr",
            plan.subnets.map((subnet) => subnet.cidr),
            true,
        ),
        set("internet_sources", "ipv4_addr", internetSources, true),
        ...plan.securityGroups.map((group) => set(groupSet(group.id), "ipv4_addr", group.members)),
        ...plan.interfaces.flatMap((nic) => [
            chain(egressChain(nic), [
                ...rulesOf(plan, nic, "egress").flatMap((rule) => render(rule, "daddr", "return")),
                "drop",
            ]),
            chain(ingressChain(nic), [
                ...rulesOf(plan, nic, "ingress").flatMap((rule) => render(rule, "saddr", "accept")),
                "drop",
            ]),
        ]),
        map(
            "egress",
            plan.interfaces.map((nic) => `${nic.address} : jump ${egressChain(nic)}`),
        ),
        map(
            "ingress",
            plan.interfaces.map((nic) => `${nic.address} : goto ${ingressChain(nic)}`),
        ),
        chain("spoofing", [
            "type filter hook prerouting priority raw; policy accept;",
            "meta nfproto ipv6 drop",
            `iifname "${machineInterfacePrefix}*" iifname . ip saddr != @cables drop`,
            `iifname "${internetInterface}" ip saddr != ${internet.cidr} drop`,
        ]),
        // Before the load balancer has translated it, and then again in "forward": a source's egress rules must admit the
        // load balancer's address and the target's. Which of them the cloud looks at is not documented.
        chain("towards_load_balancers", [
            "type filter hook prerouting priority dstnat - 10; policy accept;",
            "ct state new ip daddr @load_balancers ip saddr vmap @egress",
        ]),
        chain("health_checks", [
            "type filter hook output priority filter; policy accept;",
            `ip saddr ${healthCheckAddress} ct state new ip daddr vmap @ingress`,
        ]),
        chain("local", [
            "type filter hook input priority filter; policy drop;",
            'iifname "lo" accept',
            "ct state established,related accept",
            "icmp type echo-request accept",
            "udp dport 53 accept",
            "tcp dport 53 accept",
            `ip daddr ${metadataAddress} accept`,
        ]),
        chain("forward", [
            "type filter hook forward priority filter; policy drop;",
            // A packet to a delay line is filtered when it returns.
            `oifname "${delayInterfacePrefix}*" accept`,
            "ct state established,related accept",
            "ct state invalid drop",
            // Ports of targets belong to the load balancer (documentation of Network Load Balancer, "Network load balancer types").
            "ip daddr . tcp dport @balanced ct original ip daddr != @load_balancers drop",
            ...separateNetworks(plan),
            // The target is no machine, or it is a client, which only gets answers.
            "ip daddr @subnets ip daddr != @machines drop",
            `oifname "${internetInterface}" ip saddr != @internet_sources drop`,
            `iifname "${internetInterface}" ip daddr != @published drop`,
            // A source without a chain is a client or the Internet.
            "ip saddr vmap @egress",
            "ip daddr vmap @ingress",
            `oifname "${internetInterface}" accept`,
        ]),
        chain("nat", [
            "type nat hook postrouting priority srcnat; policy accept;",
            `oifname "${internetInterface}" ip saddr @subnets snat ip to ${internet.router}`,
        ]),
        "}",
        "",
    ].join("\n");
}

/** The ports of targets that only the load balancer can reach, for sessions and for the check. */
function balancedPorts({ listeners, targets, healthCheck }: PlannedNetworkLoadBalancer): string[] {
    const ports = [...listeners.map(({ targetPort }) => targetPort), healthCheck.port];
    return targets.flatMap(({ address }) => ports.map((port) => `${address} . ${port}`));
}

const chainName = (kind: string, nic: PlannedInterface): string => `${kind}_${nic.hostInterface}`;
const egressChain = (nic: PlannedInterface): string => chainName("egress", nic);
const ingressChain = (nic: PlannedInterface): string => chainName("ingress", nic);
const groupSet = (id: string): string => `group_${id.replace(/[^A-Za-z0-9]/g, "_")}`;

interface OwnedRule extends SecurityRule {
    ownerId: string;
}

function rulesOf(plan: NetworkPlan, nic: PlannedInterface, direction: SecurityRule["direction"]): OwnedRule[] {
    return plan.securityGroups
        .filter((group) => nic.securityGroupIds.includes(group.id))
        .flatMap((group) => group.rules.map((rule) => ({ ...rule, ownerId: group.id })))
        .filter((rule) => rule.direction === direction);
}

function render(rule: OwnedRule, peerField: "saddr" | "daddr", verdict: string): string[] {
    const groupId = rule.selfSecurityGroup ? rule.ownerId : rule.securityGroupId;
    const peers = [
        // The testbed has no IPv6, like the cloud's VPCs.
        ...(rule.cidrs ?? []).filter((cidr) => !cidr.includes(":")),
        ...(groupId ? [`@${groupSet(groupId)}`] : []),
    ];
    const traffic = renderTraffic(rule);
    return peers.map((peer) => [`ip ${peerField} ${peer}`, traffic, verdict].filter(Boolean).join(" "));
}

const protocolNames: Record<string, string> = {
    tcp: "tcp",
    udp: "udp",
    icmp: "icmp",
    esp: "esp",
    ah: "ah",
    gre: "gre",
};

function renderTraffic({ protocol, fromPort, toPort }: SecurityRule): string {
    const ports =
        fromPort === undefined ? "" : (toPort ?? fromPort) === fromPort ? `${fromPort}` : `${fromPort}-${toPort}`;
    const name = protocol.toLowerCase();
    if (name === "any") return ports && `meta l4proto { tcp, udp } th dport ${ports}`;
    const layer4 = protocolNames[name] ?? (/^\d{1,3}$/.test(name) ? name : undefined);
    if (layer4 === undefined) throw new Error(`security rule of unknown protocol ${protocol}`);
    return ports ? `${layer4} dport ${ports}` : `meta l4proto ${layer4}`;
}

/** Separates networks from each other. Empty if there is only one. */
function separateNetworks(plan: NetworkPlan): string[] {
    const networkIds = [...new Set(plan.subnets.map((subnet) => subnet.networkId))];
    if (networkIds.length < 2) return [];
    return networkIds.map((id) => {
        const own = plan.subnets.filter((subnet) => subnet.networkId === id).map((subnet) => subnet.cidr);
        const others = plan.subnets.filter((subnet) => subnet.networkId !== id).map((subnet) => subnet.cidr);
        return `ip saddr { ${own.join(", ")} } ip daddr { ${others.join(", ")} } drop`;
    });
}

function set(name: string, type: string, elements: string[], isInterval = false): string {
    return block(`set ${name}`, [
        `type ${type}`,
        ...(isInterval ? ["flags interval", "auto-merge"] : []),
        ...elementsOf(elements),
    ]);
}

function map(name: string, elements: string[]): string {
    return block(`map ${name}`, ["type ipv4_addr : verdict", ...elementsOf(elements)]);
}

const chain = (name: string, lines: string[]): string => block(`chain ${name}`, lines);

/** An empty list of elements is a syntax error. */
const elementsOf = (elements: string[]): string[] =>
    elements.length > 0 ? [`elements = { ${[...new Set(elements)].join(", ")} }`] : [];

const block = (head: string, lines: string[]): string =>
    [`  ${head} {`, ...lines.map((line) => `    ${line}`), "  }"].join("\n");
