import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { copyTree } from "./files.ts";
import { DOCUMENT_ROOT, IMAGE_PACKAGES, PUBLIC_KEYS } from "./repository.ts";
import { run } from "./run.ts";

/** The inputs of a guest root, all of them finished products. */
export interface GuestInputs {
    readonly baseRoot: string;
    /** Folder with cloud-init's source archive. */
    readonly debianPackages: string;
    /** Repository product: its public key and the packages of the image. */
    readonly repository: string;
}

/** Copies the Debian root and gives it AlmaLinux's paths, units and accounts. */
export async function buildGuestRoot(inputs: GuestInputs, folder: string): Promise<void> {
    const root = join(folder, "root");
    await run("cp", ["--archive", "--reflink=auto", inputs.baseRoot, root]);

    copyTree(join(import.meta.dirname, "guest", "almalinux"), root);
    copyTree(join(import.meta.dirname, "guest", "testbed"), root);
    mkdirSync(join(root, "etc/pki/rpm-gpg"), { recursive: true });
    copyFileSync(
        join(inputs.repository, DOCUMENT_ROOT, PUBLIC_KEYS.almalinux),
        join(root, "etc/pki/rpm-gpg/RPM-GPG-KEY-AlmaLinux-9"),
    );

    const material = join(root, "tmp/testbed");
    mkdirSync(join(material, "cloud-init"), { recursive: true });
    const source = readdirSync(inputs.debianPackages).find((name) => /^cloud-init_.*\.orig\.tar/.test(name));
    if (source === undefined) throw new Error(`no source of cloud-init in ${inputs.debianPackages}`);
    await run("tar", [
        "--extract",
        "--file",
        join(inputs.debianPackages, source),
        "--strip-components=1",
        "--directory",
        join(material, "cloud-init"),
    ]);
    await run("cp", ["--recursive", join(inputs.repository, IMAGE_PACKAGES), join(material, "packages")]);

    const shape = readFileSync(join(import.meta.dirname, "guest", "shape.sh"), "utf8");
    await run("chroot", [root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "bash", "-s"], {
        input: shape,
    });
}
