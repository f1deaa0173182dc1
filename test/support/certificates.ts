import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
    readonly certificatePem: string;
    readonly privateKeyPem: string;
}

/** A certificate authority for tests, made by openssl: programs refuse to start with texts that only look like certificates. */
export class TestAuthority {
    readonly caPem: string;
    private readonly keyPem: string;

    constructor() {
        const made = openssl(({ path }) => [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test authority",
            "-keyout",
            path("key"),
            "-out",
            path("crt"),
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]);
        this.caPem = made.certificatePem;
        this.keyPem = made.privateKeyPem;
    }

    issue(names: readonly string[], addresses: readonly string[]): Certificate {
        const alternatives = [
            ...names.map((name) => `DNS:${name}`),
            ...addresses.map((address) => `IP:${address}`),
        ].join(",");
        return openssl(({ path, write }) => [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            `/CN=${names[0]}`,
            "-keyout",
            path("key"),
            "-out",
            path("crt"),
            "-CA",
            write("ca.crt", this.caPem),
            "-CAkey",
            write("ca.key", this.keyPem),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            `subjectAltName=${alternatives}`,
            "-addext",
            "extendedKeyUsage=serverAuth,clientAuth",
        ]);
    }
}

/** Runs openssl, which writes the files `crt` and `key` of a folder that is gone afterwards. */
function openssl(
    args: (folder: { path(name: string): string; write(name: string, content: string): string }) => string[],
): Certificate {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-certificate-"));
    const path = (name: string) => join(folder, name);
    const write = (name: string, content: string) => {
        writeFileSync(path(name), content);
        return path(name);
    };
    try {
        execFileSync("openssl", args({ path, write }), { stdio: ["ignore", "ignore", "pipe"] });
        return { certificatePem: readFileSync(path("crt"), "utf8"), privateKeyPem: readFileSync(path("key"), "utf8") };
    } finally {
        rmSync(folder, { recursive: true });
    }
}

/** An SSH key pair in OpenSSH's formats. */
export function sshKeyPair(): { readonly privateKeyOpenssh: string; readonly publicKeyOpenssh: string } {
    const folder = mkdtempSync(join(tmpdir(), "postgres-ha-ssh-key-"));
    try {
        const file = join(folder, "key");
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
        return {
            privateKeyOpenssh: readFileSync(file, "utf8"),
            publicKeyOpenssh: readFileSync(`${file}.pub`, "utf8").trim(),
        };
    } finally {
        rmSync(folder, { recursive: true });
    }
}
