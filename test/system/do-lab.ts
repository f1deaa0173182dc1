/**
 * Does labs on the running cluster (`npm run local`), for authors of labs:
 * `tools/run node test/system/do-lab.ts docs/labs/03-switchover.md …`
 */
import { doLab } from "./support/labs.ts";

async function main(pages: readonly string[]): Promise<void> {
    for (const page of pages) {
        const started = Date.now();
        await doLab(page, (line) => console.log(line));
        console.log(`ok ${page} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
    }
}

main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`\n${(error as Error).message}`);
    process.exit(1);
});
