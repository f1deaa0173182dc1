export interface Bar {
    readonly name: string;
    readonly value: number;
    /** The smallest and the largest sample, drawn as a line. */
    readonly least: number;
    readonly most: number;
}

export interface BarGroup {
    readonly name: string;
    readonly bars: readonly Bar[];
}

export interface BarPanel {
    readonly title: string;
    readonly groups: readonly BarGroup[];
}

const panelWidth = 480;
const plot = { left: 20, top: 60, width: 440, height: 200 };
const colors = ["#2471a3", "#b9770e", "#2e7d32", "#8e44ad"];

/** Draws panels of grouped bars beside each other. Each panel has its own scale; bars of the same name have one colour. */
export function renderBars(panels: readonly BarPanel[]): string {
    const names = [
        ...new Set(panels.flatMap(({ groups }) => groups.flatMap(({ bars }) => bars.map(({ name }) => name)))),
    ];
    const color = (name: string): string => colors[names.indexOf(name) % colors.length]!;
    const width = panelWidth * panels.length;
    const height = plot.top + plot.height + 56;
    const legend = names.map((name, index) => {
        const x = plot.left + index * 190;
        return `<rect x="${x}" y="${height - 20}" width="11" height="11" fill="${color(name)}"/><text x="${x + 16}" y="${height - 10}" fill="#1c2833">${name}</text>`;
    });
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="#fff"/>
${panels.map((panel, index) => renderPanel(panel, index * panelWidth, color)).join("\n")}
${legend.join("\n")}
</svg>
`;
}

function renderPanel({ title, groups }: BarPanel, offset: number, color: (name: string) => string): string {
    const highest = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ most }) => most)));
    const bottom = plot.top + plot.height;
    const y = (value: number): number => round(bottom - (value / highest) * plot.height);
    const groupWidth = plot.width / Math.max(1, groups.length);
    const drawn = groups.flatMap(({ name, bars }, groupIndex) => {
        const left = offset + plot.left + groupIndex * groupWidth;
        const barWidth = (groupWidth * 0.8) / bars.length;
        return [
            `<text x="${round(left + groupWidth * 0.4)}" y="${bottom + 15}" text-anchor="middle" fill="#5c6f82">${name}</text>`,
            ...bars.map((bar, index) => {
                const x = left + index * barWidth;
                const middle = round(x + barWidth / 2);
                return `<rect x="${round(x + 1)}" y="${y(bar.value)}" width="${round(barWidth - 2)}" height="${round(bottom - y(bar.value))}" fill="${color(bar.name)}"/>
<line x1="${middle}" x2="${middle}" y1="${y(bar.least)}" y2="${y(bar.most)}" stroke="#1c2833"/>
<text x="${middle}" y="${round(y(bar.most) - 4)}" text-anchor="middle" fill="#1c2833">${bar.value.toFixed(0)}</text>`;
            }),
        ];
    });
    return `<text x="${offset + plot.left}" y="28" font-size="14" fill="#1c2833">${title}</text>
${drawn.join("\n")}
<line x1="${offset + plot.left}" x2="${offset + plot.left + plot.width}" y1="${bottom}" y2="${bottom}" stroke="#85929e"/>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;
