import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { removeTree } from "./cache.ts";
import { packages } from "./packages/index.ts";
import { buildRpms } from "./rpm/build.ts";
import type { RepositoryName } from "./rpm/package.ts";
import { run } from "./run.ts";

/** The vendor that signs packages and metadata. Each has its own key, so that a check with a wrong key fails. */
type Vendor = "almalinux" | "epel" | "pgdg";

/**
 * Where each repository lies below the document root, as on the real mirrors, and who signs it.
 * PGDG's are written from its own pgdg-redhat-all-rhel9.repo (pgdg-packaging/pgdg-rpms, RHEL-main, 2026).
 */
export const REPOSITORIES: Readonly<
    Record<Exclude<RepositoryName, "image">, { readonly path: string; readonly vendor: Vendor }>
> = {
    baseos: { path: "almalinux/9/BaseOS/x86_64/os", vendor: "almalinux" },
    appstream: { path: "almalinux/9/AppStream/x86_64/os", vendor: "almalinux" },
    crb: { path: "almalinux/9/CRB/x86_64/os", vendor: "almalinux" },
    extras: { path: "almalinux/9/extras/x86_64/os", vendor: "almalinux" },
    epel: { path: "epel/9/Everything/x86_64", vendor: "epel" },
    pgdg17: { path: "pgdg/17/redhat/rhel-9-x86_64", vendor: "pgdg" },
    "pgdg-common": { path: "pgdg/common/redhat/rhel-9-x86_64", vendor: "pgdg" },
    "pgdg-extras": { path: "pgdg/extras/redhat/rhel-9-x86_64", vendor: "pgdg" },
};

/** Path of each vendor's public key below the document root. */
export const PUBLIC_KEYS: Readonly<Record<Vendor, string>> = {
    almalinux: "almalinux/RPM-GPG-KEY-AlmaLinux-9",
    epel: "epel/RPM-GPG-KEY-EPEL-9",
    pgdg: "pgdg/keys/PGDG-RPM-GPG-KEY-RHEL",
};

/** Folder of a repository product with the packages that are installed in the image; beside the document root. */
export const IMAGE_PACKAGES = "image-packages";
/** Folder of a repository product that is the document root of the mirror. */
export const DOCUMENT_ROOT = "mirror";
/** File of a repository product: the fingerprint of each vendor's key, as JSON. */
const FINGERPRINTS = "fingerprints.json";

/** The fingerprints of the keys that a repository product is signed with. */
export function keyFingerprints(product: string): Readonly<Record<Vendor, string>> {
    return JSON.parse(readFileSync(join(product, FINGERPRINTS), "utf8")) as Readonly<Record<Vendor, string>>;
}

/** Names of the Debian packages that the RPMs are made from. */
export const debianPackageNames: readonly string[] = [
    ...new Set(packages.flatMap((rpm) => rpm.debian?.packages ?? [])),
].sort();

/**
 * Builds the mirror: packs the RPMs, signs and indexes them. The signing keys are created here and deleted,
 * so that no later package can have a signature that guests accept.
 */
export async function buildRepository(inputs: {
    readonly debianPackages: string;
    readonly baseRoot: string;
    readonly folder: string;
}): Promise<void> {
    const work = join(inputs.folder, "work");
    const mirror = join(inputs.folder, DOCUMENT_ROOT);
    const gnupgHome = join(work, "gnupg");
    mkdirSync(gnupgHome, { recursive: true, mode: 0o700 });

    const built = await buildRpms(packages, {
        debianPackages: inputs.debianPackages,
        baseRoot: inputs.baseRoot,
        files: join(import.meta.dirname, "packages", "files"),
        work,
    });
    const folderOf = (repository: RepositoryName) =>
        join(
            inputs.folder,
            repository === "image" ? IMAGE_PACKAGES : join(DOCUMENT_ROOT, REPOSITORIES[repository].path),
        );
    for (const repository of ["image", ...Object.keys(REPOSITORIES)] as RepositoryName[])
        mkdirSync(folderOf(repository), { recursive: true });
    for (const { rpm, file } of built) renameSync(file, join(folderOf(rpm.repository), basename(file)));

    const repositories = Object.values(REPOSITORIES);
    const fingerprints: Partial<Record<Vendor, string>> = {};
    for (const vendor of Object.keys(PUBLIC_KEYS) as Vendor[]) {
        const folders = repositories
            .filter((repository) => repository.vendor === vendor)
            .map(({ path }) => join(mirror, path));
        fingerprints[vendor] = await createKey(vendor, gnupgHome, join(mirror, PUBLIC_KEYS[vendor]));
        await signPackages(
            vendor,
            gnupgHome,
            built
                .filter(({ rpm }) => rpm.repository !== "image" && REPOSITORIES[rpm.repository].vendor === vendor)
                .map(({ rpm, file }) => join(folderOf(rpm.repository), basename(file))),
        );
        for (const folder of folders) await index(folder, vendor, gnupgHome);
    }
    writeFileSync(join(inputs.folder, FINGERPRINTS), JSON.stringify(fingerprints));
    await run("gpgconf", ["--homedir", gnupgHome, "--kill", "all"]);
    await removeTree(work);
}

function gpg(home: string, ...args: string[]): Promise<string> {
    return run("gpg", ["--homedir", home, "--batch", "--yes", "--quiet", ...args]);
}

/** Returns the key's fingerprint. */
async function createKey(vendor: Vendor, gnupgHome: string, publicKey: string): Promise<string> {
    // RSA, because the host's and the guest's rpm both accept it for packages.
    await gpg(gnupgHome, "--passphrase", "", "--quick-generate-key", keyName(vendor), "rsa2048", "sign", "never");
    mkdirSync(join(publicKey, ".."), { recursive: true });
    await gpg(gnupgHome, "--armor", "--output", publicKey, "--export", keyName(vendor));
    const listed = await gpg(gnupgHome, "--with-colons", "--list-keys", keyName(vendor));
    return /^fpr:+([0-9A-F]{40}):/m.exec(listed)![1]!;
}

function keyName(vendor: Vendor): string {
    return `Testbed mirror of ${vendor} <${vendor}@repo.testbed>`;
}

async function signPackages(vendor: Vendor, gnupgHome: string, files: readonly string[]): Promise<void> {
    await run("rpmsign", [
        "--define",
        `_gpg_name ${keyName(vendor)}`,
        "--define",
        "__gpg /usr/bin/gpg",
        "--define",
        `_gpg_path ${gnupgHome}`,
        "--addsign",
        ...files,
    ]);
}

async function index(folder: string, vendor: Vendor, gnupgHome: string): Promise<void> {
    await run("createrepo_c", ["--quiet", "--simple-md-filenames", "--no-database", folder]);
    const repomd = join(folder, "repodata", "repomd.xml");
    await gpg(
        gnupgHome,
        "--armor",
        "--local-user",
        keyName(vendor),
        "--output",
        `${repomd}.asc`,
        "--detach-sign",
        repomd,
    );
}
