/** Validation errors show nothing that may be a secret, because logs keep them. */
import { inspect } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it } from "vitest";
import { parseSettings, readSettings } from "../../settings/index.ts";
import { minimalConfiguration } from "../support/rendered-cluster.ts";

const body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx";
const tail = "c2VjcmV0IQ";
const privateKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n${tail}\n-----END OPENSSH PRIVATE KEY-----\n`;
const iamToken = "t1.9euelZqLmZ2Wk5SMjJ6Vi8qPz5ydne3rnpWaipKKl8mVnYmZy5WMzc3l8_dTKUZD-e9xLxxZ";

/** What is configured, and which part of it must not be shown. */
const cases: readonly (readonly [what: string, given: Record<string, unknown>, secrets: readonly string[]])[] = [
    ["a private key among public ones", { sshPublicKeys: privateKey }, [body, tail]],
    ["a private key's lines as a list", { sshPublicKeys: privateKey.trim().split("\n") }, [body, tail]],
    [
        "a private key behind a public one",
        { sshPublicKeys: [...minimalConfiguration.sshPublicKeys, privateKey] },
        [body, tail],
    ],
    ["a private key's lines without the first", { sshPublicKeys: [body] }, [body]],
    ["a private key in another list", { ntpServers: privateKey }, [body, tail]],
    ["a private key as a name", { clusterName: privateKey }, [body, tail]],
    ["a private key as a map's value", { labels: { owner: privateKey } }, [body, tail]],
    ["a private key as a map's key", { labels: { [privateKey]: "x" } }, [body]],
    ["a private key under an unknown key", { sshPrivateKey: privateKey }, [body, tail]],
    ["a private key as a key", { [privateKey]: "x" }, [body]],
    ["a private key as a parameter", { postgresqlParameters: { fsync: privateKey } }, [body, tail]],
    ["a callback's token", { patroniCallbacks: { on_start: "curl -H 'X: hunter2'\r\n" } }, ["hunter2"]],
    ["a callback of a wrong name", { patroniCallbacks: { on_failover: "curl -H 'X: hunter2'" } }, ["hunter2"]],
    ["callbacks as text", { patroniCallbacks: "curl -H 'X: hunter2'" }, ["hunter2"]],
    ["a user's password", { users: [{ name: "reader", databases: ["app"], password: "hunter2" }] }, ["hunter2"]],
    [
        "a user's password under a name of its own",
        { users: [{ name: "reader", databases: ["app"], geheim: "hunter2" }] },
        ["hunter2"],
    ],
    ["users in broken JSON", { users: '[{"name": "reader", "geheim":\n"hunter2", "databases": ["app"}]' }, ["hunter2"]],
    [
        "too many users, with a password each",
        { users: Array.from({ length: 101 }, () => ({ geheim: "hunter2" })) },
        ["hunter2"],
    ],
    ["a password as a parameter", { postgresqlParameters: { admin_password: "hunter2" } }, ["hunter2"]],
    ["a number as a password", { postgresqlParameters: { admin_password: 271828 } }, ["271828"]],
    [
        "a password inside of a parameter",
        { postgresqlParameters: { primary_conninfo: "host=db passfile=hunter2" } },
        ["hunter2"],
    ],
    [
        "a password inside of a value",
        { postgresqlParameters: { recovery_command: "env PGPASSWORD=hunter2 cp" } },
        ["hunter2"],
    ],
    ["a label called like a secret", { labels: { "api-key-secret": "Hunter2" } }, ["Hunter2"]],
    ["a mirror's password", { pgdgMirror: "https://me:hunter2@mirror.example.org/pgdg" }, ["hunter2"]],
    ["a mirror's password with a slash", { pgdgMirror: "https://me:hun/hunter2@mirror.example.org/pgdg" }, ["hunter2"]],
    ["a cloud's token in the wrong place", { imageId: iamToken }, [iamToken.slice(3, 40)]],
    ["a cloud's token in a list", { adminCidrs: [iamToken] }, [iamToken.slice(3, 40)]],
];

function refusal(given: Record<string, unknown>, secretKeys: readonly string[] = []): Error {
    try {
        parseSettings({ ...minimalConfiguration, ...given }, secretKeys);
    } catch (error) {
        return error as Error;
    }
    throw new Error("nothing was wrong");
}

/** Everything that could be printed of an error. */
const printed = (error: Error) =>
    [
        error.message,
        String(error.stack),
        inspect(error, { depth: Infinity, showHidden: true }),
        JSON.stringify(error),
    ].join("\n");

describe("a validation error", () => {
    it.each(cases)("does not show %s", (_, given, secrets) => {
        const text = printed(refusal(given));
        for (const secret of secrets) expect(text).not.toContain(secret);
    });

    it.each(cases)("names the key for %s", (_, given) => {
        const [key] = Object.keys(given);
        if (!key!.includes("PRIVATE KEY")) expect(refusal(given).message).toContain(`  ${key}`);
    });

    it("does not show a value that was set as a secret", () => {
        const text = printed(refusal({ clusterName: "Hunter2", databaseNodes: 4 }, ["clusterName"]));
        expect(text).not.toContain("Hunter2");
        expect(text).toContain("clusterName: [hidden] must be 1 to 30");
        expect(text).toContain("databaseNodes: 4 must be 3 or 5");
    });

    it("has no property but its text", () => {
        const error = refusal({ clusterName: "Main" });
        expect(Object.keys(error)).toEqual(["name"]);
        expect(error.cause).toBeUndefined();
    });
});

describe("readSettings", () => {
    const secretKeys = process.env["PULUMI_CONFIG_SECRET_KEYS"];
    afterEach(() => {
        if (secretKeys === undefined) delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
        else process.env["PULUMI_CONFIG_SECRET_KEYS"] = secretKeys;
    });

    it("throws an error of which Pulumi prints only the message, without a secret value", async () => {
        await pulumi.runtime.setMocks(
            { newResource: ({ inputs }) => ({ id: "id", state: inputs }), call: ({ inputs }) => inputs },
            "postgres-ha",
            "dev",
        );
        process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(["postgres-ha:clusterName"]);
        pulumi.runtime.setAllConfig({ "postgres-ha:clusterName": "Hunter2", "postgres-ha:sshPublicKeys": privateKey });
        let error: unknown;
        try {
            readSettings();
        } catch (thrown) {
            error = thrown;
        }
        expect(pulumi.RunError.isInstance(error)).toBe(true);
        expect(printed(error as Error)).not.toMatch(/Hunter2|b3BlbnNzaC1/);
        expect((error as Error).message).toMatch(/^3 settings are wrong:\n/);
    });
});
