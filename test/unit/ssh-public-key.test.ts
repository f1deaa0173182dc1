import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isSshKeyType, sshKeyMistake } from "../../settings/ssh-public-key.ts";

const folder = mkdtempSync(join(tmpdir(), "postgres-ha-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A key as OpenSSH makes it: type and data. */
function generated(type: string, bits: string): readonly [type: string, data: string] {
    const file = join(folder, `${type}-${bits}`);
    execFileSync("ssh-keygen", ["-q", "-t", type, "-b", bits, "-N", "", "-f", file]);
    const [told, data] = readFileSync(`${file}.pub`, "utf8").split(" ");
    return [told!, data!];
}

/** A key of fields, as one with a hardware token would be. */
function composed(type: string, ...rest: readonly Buffer[]): readonly [type: string, data: string] {
    const fields = [Buffer.from(type), ...rest].flatMap((field) => [Buffer.from([0, 0, 0, field.length]), field]);
    return [type, Buffer.concat(fields).toString("base64")];
}

const application = Buffer.from("ssh:");
const keys = {
    ed25519: generated("ed25519", "256"),
    rsa: generated("rsa", "2048"),
    "ecdsa 256": generated("ecdsa", "256"),
    "ecdsa 384": generated("ecdsa", "384"),
    "ecdsa 521": generated("ecdsa", "521"),
    "sk ed25519": composed("sk-ssh-ed25519@openssh.com", Buffer.alloc(32, 7), application),
    "sk ecdsa": composed(
        "sk-ecdsa-sha2-nistp256@openssh.com",
        Buffer.from("nistp256"),
        Buffer.alloc(65, 4),
        application,
    ),
};

function mistake([type, data]: readonly [string, string]): string | undefined {
    if (!isSshKeyType(type)) throw new Error(`no type of keys: ${type}`);
    return sshKeyMistake(type, data);
}

describe("a public key", () => {
    it.each(Object.entries(keys))("%s is taken as it is", (_, key) => {
        expect(mistake(key)).toBeUndefined();
    });

    it.each(Object.entries(keys))("%s is refused wherever it is cut off", (_, [type, data]) => {
        for (let length = 0; length < data.length; length++)
            expect(mistake([type, data.slice(0, length)]), `${length} characters`).toMatch(/^must be a whole/);
    });

    it.each(Object.entries(keys))(
        "%s is refused with something behind it, and under another type",
        (_, [type, data]) => {
            expect(
                mistake([type, Buffer.concat([Buffer.from(data, "base64"), Buffer.alloc(3)]).toString("base64")]),
            ).toMatch(/^must be a whole/);
            expect(mistake([type === "ssh-rsa" ? "ssh-ed25519" : "ssh-rsa", data])).toMatch(/^must be a whole/);
        },
    );

    it("of RSA has 2048 bits or more", () => {
        expect(mistake(generated("rsa", "2047"))).toBe(
            "must be longer: RSA keys of 2048 bits or more, better ssh-ed25519",
        );
        expect(mistake(generated("rsa", "1024"))).toMatch(/^must be longer/);
        expect(mistake(generated("rsa", "3072"))).toBeUndefined();
    });

    it("of an elliptic curve has the right length, and names its curve", () => {
        expect(mistake(composed("ssh-ed25519", Buffer.alloc(31, 7)))).toMatch(/^must be a whole ssh-ed25519 key/);
        expect(mistake(composed("ecdsa-sha2-nistp256", Buffer.from("nistp256"), Buffer.alloc(97, 4)))).toMatch(
            /^must be a whole/,
        );
        expect(mistake(composed("ecdsa-sha2-nistp256", Buffer.from("nistp384"), Buffer.alloc(65, 4)))).toMatch(
            /^must be a whole/,
        );
    });
});
