import { join } from "node:path";
import { DEBIAN_RELEASE, EXCLUDED_PATHS, ROOT_PACKAGES } from "./debian.ts";
import { run } from "./run.ts";

/** Builds a Debian root with the guest's programs. mmdebstrap uses Debian's default mirror. */
export async function buildBaseRoot(folder: string): Promise<void> {
    const root = join(folder, "root");
    // A mount namespace of its own, so that nothing of the root stays mounted after an interruption.
    await run("unshare", [
        "--mount",
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        `--include=${ROOT_PACKAGES.join(",")}`,
        '--aptopt=APT::Install-Recommends "false"',
        ...EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
        '--customize-hook=chroot "$1" sh -c "echo en_US.UTF-8 UTF-8 > /etc/locale.gen && locale-gen"',
        DEBIAN_RELEASE,
        root,
    ]);
}
