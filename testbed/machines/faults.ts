import { delayInterfacePrefix } from "./names.ts";

/** One way in which packets between two sides are harmed. */
export interface Fault {
    kind: "cut" | "loss" | "latency";
    /** Addresses or blocks of one side, at least one. */
    from: string[];
    /** Addresses or blocks of the other side; left out: everybody. */
    to?: string[];
    /** Which packets are meant. Default "both". */
    direction?: "both" | "from-to" | "to-from";
    /** Only packets that have this port at either end; needs `protocol` "tcp" or "udp". */
    port?: number;
    protocol?: "tcp" | "udp" | "icmp";
    /** Packets lost, of 100; for "loss". */
    percent?: number;
    /** Delay of each packet on its way, in ms; for "latency". */
    milliseconds?: number;
}

/** Why a fault makes no sense, or undefined. */
export function refuseFault(fault: Fault): string | undefined {
    if (fault.from.length === 0) return "a fault needs a side";
    if (fault.port !== undefined && fault.protocol !== "tcp" && fault.protocol !== "udp")
        return "a port needs the protocol tcp or udp";
    if (
        fault.kind === "loss" &&
        !(fault.percent !== undefined && Number.isInteger(fault.percent) && fault.percent >= 1 && fault.percent <= 100)
    ) {
        return "loss is a whole percentage from 1 to 100";
    }
    if (
        fault.kind === "latency" &&
        !(
            fault.milliseconds !== undefined &&
            Number.isInteger(fault.milliseconds) &&
            fault.milliseconds >= 1 &&
            fault.milliseconds <= 60000
        )
    ) {
        return "latency is a whole number of ms from 1 to 60000";
    }
    return undefined;
}

/**
 * The nft transaction for all faults in force, in a table of its own. It works before connection
 * tracking, as a broken cable would: a lost packet has never been seen by the security groups.
 * Addresses are the guests' own; a packet of the NAT gateway is only known by them on its way out.
 *
 * The kernel at hand may have no netem: packets to be delayed are marked, routed through a TUN
 * device per delay, and come back from it.
 */
export function renderFaults(faults: readonly Fault[]): string {
    return [
        "table inet faults",
        "delete table inet faults",
        "table inet faults {",
        "  chain prerouting {",
        "    type filter hook prerouting priority -310; policy accept;",
        ...[...faults]
            .sort(lossFirst)
            .flatMap(renderFault)
            .map((line) => `    ${line}`),
        "  }",
        "}",
        "",
    ].join("\n");
}

/** A delayed packet leaves the chain, so whatever loses packets comes first. */
function lossFirst(a: Fault, b: Fault): number {
    return Number(a.kind === "latency") - Number(b.kind === "latency");
}

/** Delays in use, in ms, each once. */
export function delaysOf(faults: readonly Fault[]): number[] {
    return [
        ...new Set(faults.flatMap((fault) => (fault.kind === "latency" ? [fault.milliseconds as number] : []))),
    ].sort((a, b) => a - b);
}

function renderFault(fault: Fault): string[] {
    const problem = refuseFault(fault);
    if (problem) throw new Error(problem);
    const direction = fault.direction ?? "both";
    const ways = [
        ...(direction !== "to-from" ? [way(fault.from, fault.to)] : []),
        ...(direction !== "from-to" ? [way(fault.to, fault.from)] : []),
    ];
    const protocol = fault.protocol ? `meta l4proto ${fault.protocol}` : "";
    const ports = fault.port === undefined ? [""] : [`th dport ${fault.port}`, `th sport ${fault.port}`];
    // A packet that comes from a delay line has had its share of faults.
    return ways.flatMap((addresses) =>
        ports.map((port) =>
            [`iifname != "${delayInterfacePrefix}*"`, addresses, protocol, port, verdict(fault)]
                .filter(Boolean)
                .join(" "),
        ),
    );
}

function verdict(fault: Fault): string {
    switch (fault.kind) {
        case "cut":
            return "drop";
        case "loss":
            return `numgen random mod 100 < ${fault.percent} drop`;
        case "latency":
            // Untracked on the way to the delay line: connection tracking must see a packet once.
            return `meta mark set ${fault.milliseconds} notrack accept`;
    }
}

function way(source?: string[], destination?: string[]): string {
    return [source && `ip saddr { ${source.join(", ")} }`, destination && `ip daddr { ${destination.join(", ")} }`]
        .filter(Boolean)
        .join(" ");
}
