import { ensureImage } from "../image/index.ts";

/** Builds the machines' image before the tests, so that no test waits for it within its own time limit. */
export default async function setUp(): Promise<void> {
    await ensureImage((line) => console.log(line));
}
