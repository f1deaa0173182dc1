import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { run } from "../run.ts";
import type { RpmPackage } from "./package.ts";
import { releaseOf, renderSpec } from "./spec.ts";
import { packagedPaths, stagePackage } from "./stage.ts";
import { rpmVersion } from "./version.ts";

/** The builder's inputs. */
export interface BuildInputs {
    /** Folder with the .deb files. */
    readonly debianPackages: string;
    /** The guest's Debian root. Its Python compiles the modules, so that the guest need not compile them at each start. */
    readonly baseRoot: string;
    /** Folder with the packages' own files, one folder each. */
    readonly files: string;
    /** Folder for intermediate files, on the same file system as the output. */
    readonly work: string;
}

/** A finished RPM. */
export interface BuiltRpm {
    readonly rpm: RpmPackage;
    /** Path of the .rpm file. */
    readonly file: string;
}

/** Packs RPMs (not yet signed) from Debian packages and own files. */
export async function buildRpms(packages: readonly RpmPackage[], inputs: BuildInputs): Promise<BuiltRpm[]> {
    const unpacked = join(inputs.work, "unpacked");
    const debianNames = new Set(packages.flatMap((rpm) => rpm.debian?.packages ?? []));
    const versions = new Map<string, string>();
    await inParallel([...debianNames], async (name) => {
        const file = debianFile(inputs.debianPackages, name);
        mkdirSync(join(unpacked, name), { recursive: true });
        await run("dpkg-deb", ["--extract", file, join(unpacked, name)]);
        versions.set(name, rpmVersion((await run("dpkg-deb", ["--field", file, "Version"])).trim()));
    });

    const stageOf = (rpm: RpmPackage) => join(inputs.work, "stage", rpm.repository, rpm.name);
    for (const rpm of packages) stagePackage(rpm, unpacked, join(inputs.files, rpm.name), stageOf(rpm));
    await compilePython(packages.map(stageOf), inputs.baseRoot);

    const releases = packages.flatMap((rpm) => [
        rpm,
        ...(rpm.olderReleases ?? []).map((release) => ({ ...rpm, release })),
    ]);
    return inParallel(releases, async (rpm) => {
        const version = rpm.version ?? versions.get(rpm.debian?.packages[0] ?? "");
        if (version === undefined) throw new Error(`package ${rpm.name} has neither a version nor Debian packages`);
        return {
            rpm,
            file: await buildRpm(
                rpm,
                version,
                stageOf(rpm),
                join(inputs.work, "build", rpm.repository, `${rpm.name}-${releaseOf(rpm)}`),
            ),
        };
    });
}

/** The one .deb of a name in a folder. */
function debianFile(folder: string, name: string): string {
    const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith(".deb"));
    if (file === undefined) throw new Error(`no Debian package ${name} in ${folder}`);
    return join(folder, file);
}

/** Byte-compiles the Python modules of stages with the guest's interpreter. */
async function compilePython(stages: readonly string[], baseRoot: string): Promise<void> {
    const modules = "/usr/lib/python3/dist-packages";
    for (const stage of stages.filter((folder) => existsSync(folder + modules))) {
        // A mount namespace of its own, so that nothing stays mounted. Hashes instead of times, which RPM can round.
        await run("unshare", [
            "--mount",
            "bash",
            "-euc",
            `mount --bind "$1" "$2/mnt"; exec chroot "$2" python3 -m compileall -q --invalidation-mode unchecked-hash -s /mnt -p / "/mnt${modules}"`,
            "bash",
            stage,
            baseRoot,
        ]);
    }
}

async function buildRpm(rpm: RpmPackage, version: string, stage: string, folder: string): Promise<string> {
    mkdirSync(folder, { recursive: true });
    const spec = join(folder, `${rpm.name}.spec`);
    writeFileSync(spec, renderSpec(rpm, version, packagedPaths(rpm, stage), stage));
    const architecture = rpm.architecture ?? "x86_64";
    const macros: Record<string, string> = {
        _topdir: folder,
        _rpmdir: folder,
        _dbpath: join(folder, "db"),
        _rpmfilename: "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        _buildhost: "testbed",
        // Debian's binaries stay unchanged: no stripping, no debug packages, no build-id links.
        __os_install_post: "%{nil}",
        debug_package: "%{nil}",
        _build_id_links: "none",
        // Fast to unpack, because every machine does it at its first boot.
        _binary_payload: "w1.zstdio",
    };
    const defines = Object.entries(macros).flatMap(([name, value]) => ["--define", `${name} ${value}`]);
    await run("rpmbuild", ["-bb", "--target", architecture, ...defines, spec]);
    return join(folder, `${rpm.name}-${version}-${releaseOf(rpm)}.${architecture}.rpm`);
}

/** Maps over items, as many at a time as there are processors. The results keep the order. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    const results = new Array<R>(items.length);
    const queue = items.entries();
    await Promise.all(
        Array.from({ length: availableParallelism() }, async () => {
            for (const [index, item] of queue) results[index] = await work(item);
        }),
    );
    return results;
}
