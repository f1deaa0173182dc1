import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "./cache.ts";
import { run } from "./run.ts";

/**
 * Downloads Debian packages and cloud-init's source in the versions of the guest's root, from the same mirrors and with
 * the same keys. apt works in a folder of its own and does not touch the host's packages and lists.
 * @param names packages to fetch as .deb.
 * @param folder gets the files.
 */
export async function fetchDebianPackages(baseRoot: string, names: readonly string[], folder: string): Promise<void> {
    const work = join(folder, "apt");
    for (const path of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(work, path), { recursive: true });

    const binaries = readFileSync(join(baseRoot, "etc/apt/sources.list"), "utf8");
    writeFileSync(join(work, "sources.list"), binaries + binaries.replaceAll(/^deb /gm, "deb-src "));
    // Only the host's proxy setting is used: its hooks and additional indexes belong to its own release.
    const proxy = await run("apt-config", ["dump", "Acquire::http"]);
    writeFileSync(
        join(work, "apt.conf"),
        `
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "${work}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trustedparts "${baseRoot}/etc/apt/trusted.gpg.d";
Dir::State::lists "${work}/lists";
Dir::State::status "/dev/null";
Dir::Cache "${work}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
${proxy}`,
    );
    const apt = (...args: string[]) =>
        run("apt-get", args, { cwd: folder, env: { APT_CONFIG: join(work, "apt.conf") } });
    await apt("update");
    await apt("download", ...names);
    await apt("source", "--download-only", "cloud-init");
    await removeTree(work);
}
