import { join } from "node:path";
import { ESLint } from "eslint";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const rules = ["n/no-restricted-import", "@typescript-eslint/no-restricted-imports"];

/** A file of each folder that imports are written into, and one that others can import from it. */
const folders = {
    cluster: ["cluster/flows.ts", "cluster/names.ts"],
    settings: ["settings/network.ts", "settings/key.ts"],
    "cloud-init": ["cloud-init/services/etcd.ts", "cloud-init/machine/configuration.ts"],
    components: ["components/network.ts", "components/ssh.ts"],
    "the top level": ["index.ts", undefined],
    testbed: ["testbed/cloud/vpc/ip.ts", "testbed/cloud/api/errors.ts"],
    local: ["local/up.ts", "local/this-testbed.ts"],
    bench: ["bench/run.ts", "bench/noop.ts"],
    "check-cluster": ["check-cluster/index.ts", "check-cluster/machines.ts"],
    test: ["test/run.ts", "test/support/totals.ts"],
} as const;
type Folder = keyof typeof folders;

/** What each folder may import from; what is not here is forbidden. */
const allowed: Partial<Record<Folder, readonly Folder[]>> = {
    cluster: ["cluster"],
    settings: ["cluster", "settings"],
    "cloud-init": ["cluster", "settings", "cloud-init"],
    components: ["cluster", "settings", "cloud-init", "components"],
    "the top level": ["cluster", "settings", "cloud-init", "components"],
    testbed: ["testbed"],
    local: ["cluster", "components", "settings", "testbed", "local"],
    bench: ["cluster", "settings", "cloud-init", "testbed", "local", "bench"],
    "check-cluster": ["cluster", "cloud-init", "components", "check-cluster"],
    test: ["cluster", "settings", "cloud-init", "components", "check-cluster", "testbed", "local", "test"],
};

const eslint = new ESLint({ cwd: root, ruleFilter: ({ ruleId }) => rules.includes(ruleId) });

/** The messages of these rules for a file that has this text. */
async function messages(importer: string, text: string): Promise<readonly string[]> {
    const [result] = await eslint.lintText(text, { filePath: join(root, importer) });
    return result!.messages.map(({ message }) => message);
}

const relative = (importer: string, imported: string) =>
    `${"../".repeat(importer.split("/").length - 1) || "./"}${imported}`;

const pairs = Object.entries(allowed).flatMap(([from, targets]) =>
    (Object.keys(folders) as Folder[]).flatMap((to) => {
        const [importer] = folders[from as Folder];
        const [, imported] = folders[to];
        return imported === undefined ? [] : [{ from, to, importer, imported, may: targets.includes(to) }];
    }),
);

describe("a folder imports only what the table in eslint.config.js lets it", () => {
    it.each(pairs)("$from → $to: $may", async ({ from, to, importer, imported, may }) => {
        const path = relative(importer, imported);
        // Only types of settings.
        const typesOnly = from === "cloud-init" && to === "settings";
        for (const text of [
            `import * as x from "${path}";`,
            `import type { X } from "${path}";`,
            `export * from "${path}";`,
        ]) {
            const found = await messages(importer, text);
            if (may && typesOnly && !text.startsWith("import type"))
                expect(found, text).toEqual([expect.stringContaining("import only types from settings")]);
            else if (may) expect(found, text).toEqual([]);
            else expect(found, text).toEqual([expect.stringContaining(`'${path}' module is restricted`)]);
        }
    });

    it("and packages, but not every folder Pulumi's", async () => {
        const pulumi = 'import * as pulumi from "@pulumi/pulumi"; import * as yandex from "@pulumi/yandex";';
        expect(await messages("cluster/flows.ts", 'import { z } from "zod"; import "node:fs";')).toEqual([]);
        expect(await messages("components/network.ts", pulumi)).toEqual([]);
        expect(await messages("index.ts", pulumi)).toEqual([]);
        expect(await messages("cluster/flows.ts", pulumi)).toHaveLength(2);
        expect(await messages("cloud-init/services/etcd.ts", pulumi)).toHaveLength(2);
        expect(await messages("testbed/cloud/vpc/ip.ts", pulumi)).toHaveLength(2);
    });
});
