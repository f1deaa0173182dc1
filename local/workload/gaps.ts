import type { Attempt } from "./records.ts";

/** A span of time, in ms of the monotonic clock. */
export interface Span {
    readonly from: number;
    readonly to: number;
}

/** The longest time between two moments. Both ends of `span` count as moments. */
export function longestGap(moments: readonly number[], span: Span): Span {
    const inside = moments.filter((moment) => moment > span.from && moment < span.to).sort((a, b) => a - b);
    const edges = [span.from, ...inside, span.to];
    let longest: Span = { from: span.from, to: span.from };
    for (let index = 1; index < edges.length; index++) {
        const gap = { from: edges[index - 1]!, to: edges[index]! };
        if (length(gap) > length(longest)) longest = gap;
    }
    return longest;
}

export const length = ({ from, to }: Span): number => to - from;

/** The times at which attempts of a kind were acknowledged. */
export function acknowledgements(attempts: readonly Attempt[], kind: Attempt["kind"], client?: number): number[] {
    return attempts
        .filter((attempt) => attempt.kind === kind && attempt.outcome === "acknowledged")
        .filter((attempt) => client === undefined || attempt.client === client)
        .map(({ ended }) => ended);
}

/** What the clients notice in a span of time: the longest times without an acknowledgement, and errors. */
export interface Effect {
    /** In which no client's write was acknowledged. */
    readonly writeGapSeconds: number;
    /** The same for the single client that waited longest. */
    readonly slowestWriterGapSeconds: number;
    readonly readGapSeconds: number;
    /** Writes and reads that were not acknowledged. */
    readonly clientErrors: number;
}

export function effectOf(attempts: readonly Attempt[], span: Span): Effect {
    const gap = (kind: Attempt["kind"], client?: number): number =>
        length(longestGap(acknowledgements(attempts, kind, client), span));
    const writers = [...new Set(attempts.filter(({ kind }) => kind === "write").map(({ client }) => client))];
    return {
        writeGapSeconds: seconds(gap("write")),
        slowestWriterGapSeconds: seconds(Math.max(...writers.map((client) => gap("write", client)))),
        readGapSeconds: seconds(gap("read")),
        clientErrors: attempts.filter(({ ended, outcome }) => ended > span.from && outcome !== "acknowledged").length,
    };
}

/** Seconds, rounded to hundredths. */
export const seconds = (milliseconds: number): number => Math.round(milliseconds / 10) / 100;
