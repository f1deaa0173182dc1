/** import-repository-keys with real keys, of which a mirror on the loopback serves some. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { installed, installedScript } from "../support/scripts.ts";
import { ScratchMachine, type Result } from "../support/scratch-machine.ts";

interface Key {
    readonly fingerprint: string;
    readonly armored: string;
}

let home: string;
let vendor: Key;
let other: Key;
beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "postgres-ha-keys-"));
    [vendor, other] = ["vendor", "other"].map(makeKey) as [Key, Key];
});
afterAll(() => {
    execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
    rmSync(home, { recursive: true });
});

function gpg(...args: readonly string[]): string {
    return execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", "--passphrase", "", ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
    });
}

function makeKey(name: string): Key {
    gpg("--quick-generate-key", `${name} <${name}@example.org>`, "rsa2048", "sign", "never");
    const [, fingerprint] = /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys", `${name}@example.org`))!;
    return { fingerprint: fingerprint!, armored: gpg("--armor", "--export", fingerprint!) };
}

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine();
    scratch.write(installedScript("import-repository-keys.sh"));
    scratch.stub("/usr/local/bin/rpm");
});
afterEach(() => scratch.remove());

describe("import-repository-keys", () => {
    const url = "http://127.0.0.1:8000/pgdg/KEY";
    const file = "/etc/pki/rpm-gpg/KEY";

    /** Runs against a mirror that serves this text, or nothing. */
    function run(served: string | undefined, line = `${vendor.fingerprint} ${file} ${url}`): Promise<Result> {
        scratch.write(
            { path: "/etc/postgres-ha/repository-keys", content: `${line}\n` },
            { path: "/srv/placeholder", content: "" },
        );
        if (served !== undefined) scratch.write({ path: "/srv/pgdg/KEY", content: served });
        return scratch.bash(
            `python3 -m http.server --bind 127.0.0.1 --directory /srv 8000 >/dev/null 2>&1 &
             until curl --silent --output /dev/null http://127.0.0.1:8000/; do sleep 0.05; done
             ${installed("import-repository-keys")}`,
        );
    }
    const trusted = async () =>
        (
            await scratch.bash(
                `mkdir -p /tmp/g; chmod 700 /tmp/g; gpg --homedir /tmp/g --batch --no-autostart --with-colons --show-keys ${file} 2>/dev/null || true`,
            )
        ).stdout;

    it("puts the expected key where dnf looks for it", async () => {
        expect(await run(vendor.armored)).toMatchObject({
            status: 0,
            stdout: expect.stringContaining(`${url} holds ${vendor.fingerprint}, as it must`),
        });
        expect(await trusted()).toContain(vendor.fingerprint);
    });

    it("refuses a key of the mirror's own for good, and names the URL and both fingerprints", async () => {
        const { status, stderr } = await run(other.armored);
        expect(status).toBe(65);
        expect(stderr).toContain(`${url} holds ${other.fingerprint}, but the key must be ${vendor.fingerprint}`);
        expect(stderr).toContain("pgdgKeyFingerprint");
        expect(await trusted()).toBe("");
    });

    it("refuses a second key next to the right one", async () => {
        const { status, stderr } = await run(gpg("--armor", "--export", vendor.fingerprint, other.fingerprint));
        expect(status).toBe(65);
        expect(stderr).toContain(`holds ${vendor.fingerprint} ${other.fingerprint}, but`);
        expect(await trusted()).toBe("");
    });

    it("refuses what is no key", async () => {
        expect(await run("<html>Welcome</html>")).toMatchObject({
            status: 65,
            stderr: expect.stringContaining("holds no key, but"),
        });
    });

    it("says for good that there is no key", async () => {
        expect(await run(undefined)).toMatchObject({
            status: 65,
            stderr: expect.stringContaining(`${url}: status 404`),
        });
    });

    it("hopes for a mirror that does not answer", async () => {
        const { status, stderr } = await run(vendor.armored, `${vendor.fingerprint} ${file} http://127.0.0.1:8001/KEY`);
        expect(status).toBe(1);
        expect(stderr).toMatch(/8001/);
    });

    it("does not ask again for a key that is there", async () => {
        expect((await run(vendor.armored)).status).toBe(0);
        expect(await run(other.armored)).toEqual({ status: 0, stdout: "", stderr: "", output: "" });
    });

    it("takes a key that the configuration changed to, and forgets the one before", async () => {
        scratch.write(
            { path: file, content: other.armored },
            { path: "/var/cache/dnf/pgdg17-1/pubring/old", content: "" },
        );
        expect((await run(vendor.armored)).status).toBe(0);
        expect(await trusted()).toContain(vendor.fingerprint);
        expect(await trusted()).not.toContain(other.fingerprint);
        expect(await scratch.calls()).toEqual([
            `rpm --erase --allmatches gpg-pubkey-${other.fingerprint.slice(-8).toLowerCase()}`,
        ]);
        expect((await scratch.bash("ls -d /var/cache/dnf/*/pubring || true")).stdout).toBe("");
    });
});
