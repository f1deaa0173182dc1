/** Writes the tables of docs/benchmarks.md from the results in bench/results/. The text around them is written by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { withPart } from "../../docs/generate.ts";
import { repository } from "../../local/this-testbed.ts";
import { changesPart } from "./changes.ts";
import { creationParts } from "./creation.ts";
import { faultParts } from "./faults.ts";
import { killedUpsPart } from "./killed-ups.ts";
import { memoryPart } from "./memory.ts";
import { noopPart } from "./noop.ts";
import { pgbenchParts, writePgbenchPicture } from "./pgbench.ts";

/** Path of the document, from the repository's root. */
const document = "docs/benchmarks.md";

export interface ReportPart {
    /** Name in the comments around the part: `<!-- generated: NAME -->` and `<!-- end of NAME -->`. */
    readonly name: string;
    readonly text: string;
}

function reportParts(): readonly ReportPart[] {
    return [
        ...faultParts(),
        ...pgbenchParts(),
        ...creationParts(),
        noopPart(),
        memoryPart(),
        changesPart(),
        killedUpsPart(),
    ];
}

/** The document with the tables of the present results. @throws Error if it has no place for one of them */
export function report(text = readFileSync(join(repository, document), "utf8")): string {
    return reportParts().reduce((before, part) => withPart(before, { document, ...part }), text);
}

export function writeReport(): void {
    writeFileSync(join(repository, document), report());
    writePgbenchPicture();
}
