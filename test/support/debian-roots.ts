/**
 * File systems with the programs that the rendered files are written for, so that each file is judged by
 * its own program and not by our idea of it. Built once from Debian's packages and cached for every clone.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ensureProduct, productFolder, withLock } from "../../testbed/image/cache.ts";
import { run } from "../../testbed/image/run.ts";

interface DebianRoot {
    readonly release: string;
    /** mmdebstrap's variant: `extract` unpacks without running anything, for single programs. */
    readonly variant: "minbase" | "extract";
    readonly packages: readonly string[];
    /** Shell commands run in the finished root. */
    readonly finish: readonly string[];
}

const definitions = {
    /** What the testbed's machines run: the versions that the program is tried with. */
    machine: {
        release: "trixie",
        variant: "minbase",
        packages: [
            "systemd",
            "cloud-init",
            "openssh-server",
            "nftables",
            "chrony",
            "curl",
            "gpg",
            "jq",
            "sudo",
            "e2fsprogs",
            "haproxy",
            "pgbouncer",
            "patroni",
            "python3-etcd",
            "etcd-server",
            "etcd-client",
            "postgresql-17",
        ],
        finish: [
            // Paths and accounts of the RPMs that the program installs.
            "mkdir -p /usr/pgsql-17 && ln -s /usr/lib/postgresql/17/bin /usr/pgsql-17/bin",
            "groupadd --system postgres-ha-tls",
            "useradd --system --home-dir /home/pgbouncer --groups postgres-ha-tls pgbouncer",
            "usermod --append --groups postgres-ha-tls postgres",
            "usermod --append --groups postgres-ha-tls etcd",
            // The administrator, whom cloud-init makes.
            "useradd --create-home pgadmin",
        ],
    },
    /** The oldest HAProxy that Debian offers near AlmaLinux 9's 2.4. */
    oldHaproxy: { release: "bookworm", variant: "extract", packages: ["haproxy"], finish: [] },
} as const satisfies Record<string, DebianRoot>;

export type RootName = keyof typeof definitions;

/** The root's folder; throws unless {@link ensureRoots} has built it. */
export function rootPath(name: RootName): string {
    const path = join(productFolder(...product(name)), "root");
    if (!existsSync(path)) throw new Error(`${path} is missing: it is built by the tests' global set-up`);
    return path;
}

/** Builds what is missing: about a minute the first time, nothing later. */
export async function ensureRoots(): Promise<void> {
    const names = Object.keys(definitions) as RootName[];
    if (names.every((name) => existsSync(productFolder(...product(name))))) return;
    await withLock(
        () => console.log("waiting for another build in the cache"),
        async () => {
            await Promise.all(
                names.map((name) =>
                    ensureProduct(...product(name), (folder) => build(definitions[name], join(folder, "root"))),
                ),
            );
        },
    );
}

function product(name: RootName): [name: string, id: string] {
    return [
        `test-root-${name}`,
        createHash("sha256").update(JSON.stringify(definitions[name])).digest("hex").slice(0, 12),
    ];
}

async function build({ release, variant, packages, finish }: DebianRoot, root: string): Promise<void> {
    console.log(`building a ${release} root for the checks (once)`);
    await run("unshare", [
        "--mount",
        "mmdebstrap",
        "--mode=root",
        `--variant=${variant}`,
        "--format=directory",
        `--include=${packages.join(",")}`,
        '--aptopt=APT::Install-Recommends "false"',
        ...["doc", "man", "locale"].map((directory) => `--dpkgopt=path-exclude=/usr/share/${directory}/*`),
        ...finish.map((command) => `--customize-hook=chroot "$1" sh -euc '${command}'`),
        release,
        root,
    ]);
}
