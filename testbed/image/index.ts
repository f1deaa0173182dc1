import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildBaseRoot } from "./base-root.ts";
import { ensureProduct, productFolder, withLock } from "./cache.ts";
import { DEBIAN_RELEASE, EXCLUDED_PATHS, ROOT_PACKAGES } from "./debian.ts";
import { fetchDebianPackages } from "./debian-packages.ts";
import { fingerprint } from "./files.ts";
import { buildGuestRoot } from "./guest-root.ts";
import { buildRepository, debianPackageNames, DOCUMENT_ROOT, keyFingerprints } from "./repository.ts";

/** The image that the testbed's machines boot, and the mirror they install from. */
export interface GuestImage {
    /** Hash of everything that the image and the mirror are made from. */
    readonly id: string;
    /** The guest's root: read-only, the lower folder of each machine's overlay. */
    readonly rootPath: string;
    /** Document root of http://repo.testbed/. */
    readonly repositoryPath: string;
    /** Fingerprints of the keys that sign the mirror. They are created with the mirror, so they differ from the real mirrors' keys. */
    readonly keyFingerprints: { readonly epel: string; readonly pgdg: string };
}

/** Called with one line for each step that is not in the cache. */
export type Progress = (line: string) => void;

/**
 * Builds the guest image and the package mirror, unless they are in the cache. Needs root and the host packages of README.md.
 * Interrupting it is harmless; a second caller waits for the first.
 * @throws Error naming the command that failed and the end of its output.
 */
export async function ensureImage(progress: Progress): Promise<GuestImage> {
    const ids = productIds();
    const baseRoot = join(productFolder("base-root", ids.baseRoot), "root");
    const debianPackages = productFolder("debian-packages", ids.debianPackages);
    const repository = productFolder("rpm-repository", ids.repository);

    const steps: {
        readonly name: string;
        readonly id: string;
        readonly says: string;
        readonly build: (folder: string) => Promise<void>;
    }[] = [
        {
            name: "base-root",
            id: ids.baseRoot,
            says: `Debian ${DEBIAN_RELEASE} root for the guests, about 40 s`,
            build: buildBaseRoot,
        },
        {
            name: "debian-packages",
            id: ids.debianPackages,
            says: `${debianPackageNames.length} Debian packages to make RPMs from, about 5 s`,
            build: (folder) => fetchDebianPackages(baseRoot, debianPackageNames, folder),
        },
        {
            name: "rpm-repository",
            id: ids.repository,
            says: "RPM repositories, about 7 s",
            build: (folder) => buildRepository({ debianPackages, baseRoot, folder }),
        },
        {
            name: "guest-root",
            id: ids.guestRoot,
            says: "guest image with AlmaLinux's outside, about 3 s",
            build: (folder) => buildGuestRoot({ baseRoot, debianPackages, repository }, folder),
        },
    ];
    const isMissing = (step: (typeof steps)[number]) => !existsSync(productFolder(step.name, step.id));
    if (steps.some(isMissing)) {
        await withLock(
            () => progress("image: another process is building it, waiting"),
            async () => {
                const missing = steps.filter(isMissing);
                for (const [index, step] of missing.entries()) {
                    progress(`image ${index + 1}/${missing.length}: ${step.says}`);
                    await ensureProduct(step.name, step.id, step.build);
                }
            },
        );
    }
    return {
        id: ids.guestRoot,
        rootPath: join(productFolder("guest-root", ids.guestRoot), "root"),
        repositoryPath: join(repository, DOCUMENT_ROOT),
        keyFingerprints: keyFingerprints(repository),
    };
}

/** Fingerprints of the products; each contains those of the products it is made from. */
function productIds() {
    const here = (...paths: string[]) => paths.map((path) => join(import.meta.dirname, path));
    const baseRoot = fingerprint({
        paths: here("base-root.ts"),
        values: [DEBIAN_RELEASE, ROOT_PACKAGES, EXCLUDED_PATHS],
    });
    const debianPackages = fingerprint({ paths: here("debian-packages.ts"), values: [baseRoot, debianPackageNames] });
    const repository = fingerprint({ paths: here("repository.ts", "rpm", "packages"), values: [debianPackages] });
    const guestRoot = fingerprint({ paths: here("guest-root.ts", "guest"), values: [repository] });
    return { baseRoot, debianPackages, repository, guestRoot };
}
