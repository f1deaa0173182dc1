/** Opens a page in a real browser, Debian's Chromium, from a machine's network. */
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { initProcess } from "../../../testbed/machines/guest.ts";
import { attempt } from "../../../testbed/machines/run.ts";
import { machineId } from "../../../local/machines.ts";
import { site } from "../../../local/this-testbed.ts";

export interface Visit {
    readonly url: string;
    /** The address of the URL's host. */
    readonly address: string;
    /** The server's certificate in PEM. A page with another key is refused. */
    readonly certificate: string;
    /** Path of the screenshot, a PNG. */
    readonly picture: string;
}

/**
 * Opens a page with that machine's network only.
 * @returns the page's DOM, as HTML
 * @throws Error with Chromium's messages
 */
export async function visit(machine: string, { url, address, certificate, picture }: Visit): Promise<string> {
    const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
    const profile = mkdtempSync(join(tmpdir(), "postgres-ha-chromium-"));
    try {
        const { exitCode, stdout, stderr } = await attempt(
            "nsenter",
            [
                ...[`--net=/proc/${initProcess(site, machineId(machine))}/ns/net`, "chromium"],
                ...[
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    `--user-data-dir=${profile}`,
                ],
                ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
                `--host-resolver-rules=MAP ${new URL(url).hostname} ${address}`,
                `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`,
                ...["--window-size=1500,760", "--hide-scrollbars", `--screenshot=${picture}`, "--dump-dom", url],
            ],
            { timeoutSeconds: 120 },
        );
        if (exitCode !== 0) throw new Error(`Chromium ended with ${exitCode}: ${stderr.slice(-2000)}`);
        return stdout;
    } finally {
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
}
