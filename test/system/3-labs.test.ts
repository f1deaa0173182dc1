import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

import { visit } from "./support/browser.ts";
import { doLab } from "./support/labs.ts";
import { nothingUp } from "./support/what-is-up.ts";
import { local, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { onMachine } from "../../local/machines.ts";
import { repository } from "../../local/this-testbed.ts";

/** Does each page of the labs as a reader would: types its commands, which must print what the page shows. */
const labs = readdirSync(join(repository, "docs/labs"))
    .filter((name) => /^\d\d-.*\.md$/.test(name))
    .sort();

nothingUp();
beforeAll(async () => {
    await local();
});

describe("a lab prints what its page shows:", () => {
    test.each(labs)("%s", (name) => doLab(`docs/labs/${name}`));
});

describe("HAProxy's page in a browser", () => {
    /** The row of a server has a class for its state, and a name such as `leader/main-db-1`. */
    const servers = (html: string) =>
        [
            ...html.matchAll(/<tr class="active_(\w+)"><td class="ac">.*?<a name="(leader|replicas)\/(main-db-\d)">/g),
        ].map(([, state, proxy, name]) => ({ proxy, name, state }));

    test("shows one leader, and the others as replicas", async () => {
        const { statisticsUrl, leaderEndpoint } = await stackOutputs();
        const certificate = await onMachine("lb-1", "openssl", "x509", "-in", "/etc/postgres-ha/tls/node.pem");
        const folder = mkdtempSync(join(tmpdir(), "postgres-ha-picture-"));
        try {
            const picture = join(folder, "haproxy-statistics.png");
            const page = () =>
                visit("jump", { url: statisticsUrl[0]!, address: leaderEndpoint.address, certificate, picture });
            const html = await eventually(
                60,
                page,
                (text) => servers(text).filter(({ state }) => state === "up").length === 3,
            );
            expect(html).toContain("Statistics Report");
            const [leader] = servers(html).filter(({ proxy, state }) => proxy === "leader" && state === "up");
            expect(leader).toBeDefined();
            expect(servers(html)).toEqual(
                ["leader", "replicas"].flatMap((proxy) =>
                    ["main-db-1", "main-db-2", "main-db-3"].map((name) => ({
                        proxy,
                        name,
                        state: (proxy === "leader") === (name === leader!.name) ? "up" : "down",
                    })),
                ),
            );
            const png = readFileSync(picture);
            expect(png.subarray(1, 4).toString()).toBe("PNG");
            expect(png.length).toBeGreaterThan(50_000);
        } finally {
            rmSync(folder, { recursive: true });
        }
    });
});
