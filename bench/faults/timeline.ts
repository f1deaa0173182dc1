import { acknowledgements } from "../../local/workload/gaps.ts";
import type { Event } from "./events.ts";
import type { Trace } from "../../local/faults/run-fault.ts";

const binMilliseconds = 100;
const width = 1000;
const margin = { left: 60, right: 20, top: 50 };
const plot = { width: width - margin.left - margin.right, height: 150, gap: 26 };
const labelHeight = 15;

/** Draws a run: the acknowledged writes and reads in each tenth of a second, and below them the machines' events. */
export function renderTimeline(title: string, trace: Trace, events: readonly Event[]): string {
    const from = trace.injected - 2000;
    // Leaves out the quiet end.
    const to = Math.min(trace.span.to, Math.max(trace.whole, ...events.map(({ at }) => at)) + 2000);
    const x = (at: number): number => margin.left + ((at - from) / (to - from)) * plot.width;
    const second = (at: number): string => `${((at - trace.injected) / 1000).toFixed(1)} s`;

    const plots = (["write", "read"] as const).map((kind, index) => {
        const top = margin.top + index * (plot.height / (index + 1) + plot.gap);
        return bars(kind, acknowledgements(trace.attempts, kind), {
            from,
            to,
            top,
            height: plot.height / (index + 1),
            x,
        });
    });
    const bottom = margin.top + plot.height * 1.5 + plot.gap;
    const marks: { at: number; text: string; color: string }[] = [
        { at: trace.injected, text: "the fault", color: "#c0392b" },
        ...(trace.ended === undefined ? [] : [{ at: trace.ended, text: "the fault ends", color: "#2e7d32" }]),
        { at: trace.whole, text: "the cluster is whole", color: "#2e7d32" },
        ...events.map(({ at, machine, text }) => ({ at, text: `${machine}: ${text}`, color: "#5c6f82" })),
    ];
    const labels = marks
        .sort((a, b) => a.at - b.at)
        .map(({ at, text, color }, index) => {
            const y = bottom + 38 + index * labelHeight;
            const toTheLeft = x(at) > width * 0.62;
            return `<line x1="${round(x(at))}" x2="${round(x(at))}" y1="${margin.top}" y2="${y - 4}" stroke="${color}" stroke-opacity="0.45" stroke-dasharray="2 3"/>
<text x="${round(x(at) + (toTheLeft ? -4 : 4))}" y="${y}" fill="${color}" text-anchor="${toTheLeft ? "end" : "start"}">${second(at)}  ${escape(text)}</text>`;
        });
    const height = bottom + 48 + marks.length * labelHeight;
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${margin.left}" y="24" font-size="15" fill="#1c2833">${escape(title)}</text>
${plots.join("\n")}
${axis(from, to, trace.injected, bottom, x)}
${labels.join("\n")}
</svg>
`;
}

interface Area {
    readonly from: number;
    readonly to: number;
    readonly top: number;
    readonly height: number;
    readonly x: (at: number) => number;
}

function bars(kind: "write" | "read", moments: readonly number[], { from, to, top, height, x }: Area): string {
    const counts = new Array<number>(Math.ceil((to - from) / binMilliseconds)).fill(0);
    for (const moment of moments) {
        const bin = Math.floor((moment - from) / binMilliseconds);
        if (bin >= 0 && bin < counts.length) counts[bin]! += 1;
    }
    const highest = Math.max(1, ...counts);
    const color = kind === "write" ? "#2471a3" : "#b9770e";
    const binWidth = plot.width / counts.length;
    const path = counts
        .map((count, bin) => {
            const barHeight = (count / highest) * height;
            return count === 0
                ? ""
                : `M${round(x(from + bin * binMilliseconds))} ${round(top + height)}v${round(-barHeight)}h${round(binWidth)}v${round(barHeight)}z`;
        })
        .join("");
    return `<path d="${path}" fill="${color}"/>
<text x="${margin.left - 6}" y="${top + 10}" text-anchor="end" fill="${color}">${highest}</text>
<text x="${margin.left}" y="${top - 5}" fill="${color}">${kind}s acknowledged in 100 ms</text>
<line x1="${margin.left}" x2="${width - margin.right}" y1="${top + height}" y2="${top + height}" stroke="#85929e"/>`;
}

/** The axis in seconds since the fault, in steps that leave room for the numbers. */
function axis(from: number, to: number, zero: number, y: number, x: (at: number) => number): string {
    const step = [1, 2, 5, 10, 20, 30, 60].find((candidate) => (to - from) / 1000 / candidate <= 20) ?? 120;
    const first = Math.ceil((from - zero) / 1000 / step) * step;
    const ticks: string[] = [];
    for (let seconds = first; zero + seconds * 1000 <= to; seconds += step) {
        ticks.push(
            `<text x="${round(x(zero + seconds * 1000))}" y="${y + 14}" text-anchor="middle" fill="#5c6f82">${seconds} s</text>`,
        );
    }
    return ticks.join("\n");
}

const round = (value: number): number => Math.round(value * 100) / 100;
const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
