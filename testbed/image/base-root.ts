import { join } from "node:path";
import { DEBIAN_RELEASE, EXCLUDED_PATHS, ROOT_PACKAGES } from "./debian.ts";
import { run } from "./run.ts";

/** Makes a Debian root with the guest's programs. mmdebstrap knows Debian's mirror itself, and none is named here. */
export async function buildBaseRoot(folder: string): Promise<void> {
    const root = join(folder, "root");
    // A mount namespace of its own: when this is interrupted, nothing of the root stays mounted.
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
