import { delayInterfacePrefix } from "./names.ts";

/** Loss or delay of the packets between two sides. */
export interface Fault {
    kind: "cut" | "loss" | "latency";
    /** Addresses or blocks of one side, at least one. */
    from: string[];
    /** Addresses or blocks of the other side. @default all others */
    to?: string[];
    /** The direction of the affected packets. @default "both" */
    direction?: "both" | "from-to" | "to-from";
    /** Only packets that have this port at either end; needs `protocol` "tcp" or "udp". */
    port?: number;
    protocol?: "tcp" | "udp" | "icmp";
    /** Share of lost packets in percent; for "loss". */
    percent?: number;
    /** Delay of each packet in ms, in one direction; for "latency". */
    milliseconds?: number;
}

/** Why a fault is invalid; undefined if it is valid. */
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
 * The nft transaction for all faults in force, in a table of its own. It comes before connection tracking, like a
 * broken cable: the security groups never see a lost packet. Addresses are the guests' own, so packets from the
 * Internet to a guest behind the NAT gateway cannot be matched.
 *
 * A kernel without netem is supported: packets to delay are marked and routed through a TUN device for each delay.
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

/** Losses before delays, because a delayed packet leaves the chain. */
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
    // Faults have already been applied to a packet from a delay line.
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
            // Untracked on the way to the delay line, because connection tracking must see each packet only once.
            return `meta mark set ${fault.milliseconds} notrack accept`;
    }
}

function way(source?: string[], destination?: string[]): string {
    return [source && `ip saddr { ${source.join(", ")} }`, destination && `ip daddr { ${destination.join(", ")} }`]
        .filter(Boolean)
        .join(" ");
}
