import { execFile } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The API's certificate and key on this computer. */
export interface ServerCertificate {
    /** Path of the authority's certificate, which clients must trust. */
    caPath: string;
    /** PEM texts. */
    key: string;
    cert: string;
}

const lifetimeDays = 3650;
const renewalDays = 30;

/**
 * The certificate of `localhost` and 127.0.0.1. Its own authority signs it and loses its key at once, so that it can sign
 * nothing else. openssl creates it at the first call, and again when it is about to expire.
 * @param folder gets ca.pem, server.pem and server.key, readable by the owner only
 */
export async function ensureCertificate(folder: string): Promise<ServerCertificate> {
    const paths = { ca: join(folder, "ca.pem"), cert: join(folder, "server.pem"), key: join(folder, "server.key") };
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (!(await isGood(paths))) await create(folder, paths);
    return { caPath: paths.ca, key: await readFile(paths.key, "utf8"), cert: await readFile(paths.cert, "utf8") };
}

type Paths = { ca: string; cert: string; key: string };

async function isGood(paths: Paths): Promise<boolean> {
    try {
        const ca = new X509Certificate(await readFile(paths.ca));
        const cert = new X509Certificate(await readFile(paths.cert));
        const key = createPrivateKey(await readFile(paths.key));
        const remaining = Date.parse(cert.validTo) - Date.now();
        return cert.verify(ca.publicKey) && cert.checkPrivateKey(key) && remaining > renewalDays * 86_400_000;
    } catch {
        return false;
    }
}

async function create(folder: string, paths: Paths): Promise<void> {
    const work = await mkdtemp(join(folder, ".certificate-"));
    const openssl = (...args: string[]) => run("openssl", args, { cwd: work });
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
    const days = ["-days", String(lifetimeDays)];
    try {
        await openssl(
            "req",
            "-x509",
            ...newKey,
            ...days,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Testbed authority",
            "-addext",
            "keyUsage=critical,keyCertSign",
        );
        await openssl(
            "req",
            "-new",
            ...newKey,
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            "/CN=localhost",
        );
        await writeFile(
            join(work, "extensions"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n",
        );
        await openssl(
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            ...days,
            "-extfile",
            "extensions",
            "-out",
            "server.pem",
        );
        for (const [name, path] of [
            ["server.key", paths.key],
            ["server.pem", paths.cert],
            ["ca.pem", paths.ca],
        ] as const) {
            // Rewritten, because openssl's file has the umask's mode. The rename makes the change atomic.
            await writeFile(join(work, `${name}.final`), await readFile(join(work, name)), { mode: 0o600 });
            await rename(join(work, `${name}.final`), path);
        }
    } finally {
        await rm(work, { recursive: true, force: true });
    }
}
