import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureCertificate } from "./certificate.ts";

let folder: string;
beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certificate-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a certificate for localhost, signed by the authority, is made once", async () => {
    const first = await ensureCertificate(folder);
    const cert = new X509Certificate(first.cert);
    const ca = new X509Certificate(await readFile(first.caPath));
    expect(cert.verify(ca.publicKey)).toBe(true);
    expect(cert.checkHost("localhost")).toBe("localhost");
    expect(cert.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(await ensureCertificate(folder)).toEqual(first);
});

test("files are the owner's alone, and the authority's key is not kept", async () => {
    await ensureCertificate(folder);
    const names = await readdir(folder);
    expect(names.sort()).toEqual(["ca.pem", "server.key", "server.pem"]);
    for (const name of names) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
});

test.each(["ca.pem", "server.pem", "server.key"])("a damaged %s is made anew", async (name) => {
    const first = await ensureCertificate(folder);
    await writeFile(join(folder, name), "rubbish");
    const second = await ensureCertificate(folder);
    expect(second.cert).not.toBe(first.cert);
    expect(await ensureCertificate(folder)).toEqual(second);
});
