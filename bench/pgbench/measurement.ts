/** The compared measurements, and their order. */

/** How a client reaches PostgreSQL on the leader. "socket" is PgBouncer with `pgbouncerServerConnection: socket`. */
export const ways = ["direct", "pgbouncer", "socket", "haproxy"] as const;
export type Way = (typeof ways)[number];

/** One kind of run of pgbench. */
export interface Measurement {
    /** pgbench's own scripts: TPC-B's transaction of three updates, a select and an insert; a select by primary key. */
    readonly script: "tpcb-like" | "select-only";
    readonly way: Way;
    /** Whether the client's connection is encrypted and the server's name verified. */
    readonly tls: boolean;
    /** What a commit waits for: a standby, as configured, or only the leader's disk (synchronous_commit = local). */
    readonly waitsFor: "standby" | "disk";
    readonly clients: number;
}

export interface PgbenchResult extends Measurement {
    readonly round: number;
    readonly scale: number;
    readonly seconds: number;
    readonly transactionsPerSecond: number;
    readonly latencyMilliseconds: number;
}

export const clientCounts = [1, 8, 32] as const;

/**
 * The runs of one round. Compared runs follow each other, so that other load on the computer affects all of them. Every
 * second round has the opposite order, so that no run is always the first.
 */
export function plannedRound(round: number): readonly Measurement[] {
    const inOrder = clientCounts.flatMap((clients) =>
        (["tpcb-like", "select-only"] as const).flatMap((script) =>
            [true, false].flatMap((tls) => compared({ clients, script, tls })),
        ),
    );
    return round % 2 === 1 ? inOrder : [...inOrder].reverse();
}

function compared(same: Pick<Measurement, "clients" | "script" | "tls">): Measurement[] {
    // The socket is compared as it is used, with TLS on the client's side.
    const throughEach = ways
        .filter((way) => way !== "socket" || same.tls)
        .map((way): Measurement => ({ ...same, way, waitsFor: "standby" }));
    const doesNotWait = same.script === "tpcb-like" && same.tls;
    return doesNotWait ? [{ ...same, way: "direct", waitsFor: "disk" }, ...throughEach] : throughEach;
}

/** Reads pgbench's output. @throws Error if a transaction failed or a figure is missing */
export function parsePgbench(output: string): Pick<PgbenchResult, "transactionsPerSecond" | "latencyMilliseconds"> {
    const figure = (pattern: RegExp): number => {
        const [, value] = pattern.exec(output) ?? [];
        if (value === undefined) throw new Error(`pgbench printed no ${pattern.source}:\n${output}`);
        return Number(value);
    };
    const failed = figure(/^number of failed transactions: (\d+)/m);
    if (failed > 0) throw new Error(`${failed} transactions failed:\n${output}`);
    return {
        transactionsPerSecond: figure(/^tps = ([\d.]+) \(without initial connection time\)/m),
        latencyMilliseconds: figure(/^latency average = ([\d.]+) ms/m),
    };
}
