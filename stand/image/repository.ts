import { mkdirSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { removeTree } from "./cache.ts";
import { packages } from "./packages/index.ts";
import { buildRpms } from "./rpm/build.ts";
import type { RepositoryName } from "./rpm/package.ts";
import { run } from "./run.ts";

/** Who signs packages and metadata. Each has a key of its own, so that a package checked with the wrong one is refused. */
type Vendor = "almalinux" | "epel" | "pgdg";

/** Where each repository lies below the document root, as on the real mirrors, and who signs it. */
export const REPOSITORIES: Readonly<Record<Exclude<RepositoryName, "image">, { readonly path: string; readonly vendor: Vendor }>> = {
  baseos: { path: "almalinux/9/BaseOS/x86_64/os", vendor: "almalinux" },
  appstream: { path: "almalinux/9/AppStream/x86_64/os", vendor: "almalinux" },
  crb: { path: "almalinux/9/CRB/x86_64/os", vendor: "almalinux" },
  extras: { path: "almalinux/9/extras/x86_64/os", vendor: "almalinux" },
  epel: { path: "epel/9/Everything/x86_64", vendor: "epel" },
  pgdg17: { path: "pgdg/17/redhat/rhel-9-x86_64", vendor: "pgdg" },
  "pgdg-common": { path: "pgdg/common/redhat/rhel-9-x86_64", vendor: "pgdg" },
  "pgdg-extras": { path: "pgdg/common/pgdg-rhel9-extras/redhat/rhel-9-x86_64", vendor: "pgdg" },
};

/** Where each vendor's public key lies below the document root. */
export const PUBLIC_KEYS: Readonly<Record<Vendor, string>> = {
  almalinux: "almalinux/RPM-GPG-KEY-AlmaLinux-9",
  epel: "epel/RPM-GPG-KEY-EPEL-9",
  pgdg: "pgdg/keys/PGDG-RPM-GPG-KEY-RHEL",
};

/** Folder of a repository product with the packages that are installed in the image; beside the document root. */
export const IMAGE_PACKAGES = "image-packages";
/** Folder of a repository product that is the document root of the mirror. */
export const DOCUMENT_ROOT = "mirror";

/** Names of the Debian packages that the RPMs are made from. */
export const debianPackageNames: readonly string[] = [...new Set(packages.flatMap((rpm) => rpm.debian?.packages ?? []))].sort();

/**
 * Builds the mirror: packs the RPMs, signs and indexes them. The signing keys are made here and thrown away,
 * so nothing can be added to the mirror later that a guest would accept.
 */
export async function buildRepository(inputs: { readonly debianPackages: string; readonly baseRoot: string; readonly folder: string }): Promise<void> {
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
  const folderOf = (repository: RepositoryName) => join(inputs.folder, repository === "image" ? IMAGE_PACKAGES : join(DOCUMENT_ROOT, REPOSITORIES[repository].path));
  for (const repository of ["image", ...Object.keys(REPOSITORIES)] as RepositoryName[]) mkdirSync(folderOf(repository), { recursive: true });
  for (const { rpm, file } of built) renameSync(file, join(folderOf(rpm.repository), basename(file)));

  const repositories = Object.values(REPOSITORIES);
  for (const vendor of Object.keys(PUBLIC_KEYS) as Vendor[]) {
    const folders = repositories.filter((repository) => repository.vendor === vendor).map(({ path }) => join(mirror, path));
    await createKey(vendor, gnupgHome, join(mirror, PUBLIC_KEYS[vendor]));
    await signPackages(vendor, gnupgHome, built
      .filter(({ rpm }) => rpm.repository !== "image" && REPOSITORIES[rpm.repository].vendor === vendor)
      .map(({ rpm, file }) => join(folderOf(rpm.repository), basename(file))));
    for (const folder of folders) await index(folder, vendor, gnupgHome);
  }
  await run("gpgconf", ["--homedir", gnupgHome, "--kill", "all"]);
  await removeTree(work);
}

function gpg(home: string, ...args: string[]): Promise<string> {
  return run("gpg", ["--homedir", home, "--batch", "--yes", "--quiet", ...args]);
}

async function createKey(vendor: Vendor, gnupgHome: string, publicKey: string): Promise<void> {
  // RSA: what both the host's rpm and the guest's accept for packages.
  await gpg(gnupgHome, "--passphrase", "", "--quick-generate-key", keyName(vendor), "rsa2048", "sign", "never");
  mkdirSync(join(publicKey, ".."), { recursive: true });
  await gpg(gnupgHome, "--armor", "--output", publicKey, "--export", keyName(vendor));
}

function keyName(vendor: Vendor): string {
  return `Stand mirror of ${vendor} <${vendor}@repo.stand>`;
}

async function signPackages(vendor: Vendor, gnupgHome: string, files: readonly string[]): Promise<void> {
  await run("rpmsign", ["--define", `_gpg_name ${keyName(vendor)}`, "--define", "__gpg /usr/bin/gpg", "--define", `_gpg_path ${gnupgHome}`, "--addsign", ...files]);
}

async function index(folder: string, vendor: Vendor, gnupgHome: string): Promise<void> {
  await run("createrepo_c", ["--quiet", "--simple-md-filenames", "--no-database", folder]);
  const repomd = join(folder, "repodata", "repomd.xml");
  await gpg(gnupgHome, "--armor", "--local-user", keyName(vendor), "--output", `${repomd}.asc`, "--detach-sign", repomd);
}
