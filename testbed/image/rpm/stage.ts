import { linkSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyTree, listTree } from "../files.ts";
import type { PackagedPath, RpmPackage } from "./package.ts";

/** Debian's own packaging: documentation, its init scripts and hooks, and units (RPMs bring their distribution's). */
const NEVER_TAKEN = [
    /^\/usr\/share\/(doc|man|lintian|locale|bug|apport|doc-base|python3)(\/|$)/,
    /^\/etc\/(init\.d|default|apparmor\.d|dhcp|network|NetworkManager|ppp|rsyslog\.d)(\/|$)/,
    /^\/usr\/lib\/(systemd|tmpfiles\.d|NetworkManager|networkd-dispatcher)\//,
    /^\/usr\/lib\/python3\/dist-packages\/[^/]+\/tests?\//,
];

/** The path of a Debian package's file in the RPM; undefined if the RPM does not contain it. */
export function targetPath(path: string, debian: NonNullable<RpmPackage["debian"]>): string | undefined {
    const fits = (patterns: readonly RegExp[]) => patterns.some((pattern) => pattern.test(path));
    if (fits(NEVER_TAKEN) || fits(debian.leave ?? []) || (debian.take && !fits(debian.take))) return undefined;
    const move = debian.move?.find(([from]) => path.startsWith(from));
    return move ? move[1] + path.slice(move[0].length) : path;
}

/**
 * Places a package's files at their paths in the guest, with hard links if possible.
 * @param unpacked folder with one unpacked Debian package per name.
 * @param files folder with the package's own files (may be missing).
 * @param stage folder to fill.
 */
export function stagePackage(rpm: RpmPackage, unpacked: string, files: string, stage: string): void {
    mkdirSync(stage, { recursive: true });
    for (const debianPackage of rpm.debian?.packages ?? []) {
        const root = join(unpacked, debianPackage);
        for (const path of listTree(root)) {
            const target = targetPath(path, rpm.debian!);
            if (target !== undefined) place(join(root, path), stage + target);
        }
    }
    copyTree(files, stage);
    for (const [path, target] of Object.entries(rpm.links ?? {})) {
        mkdirSync(dirname(stage + path), { recursive: true });
        symlinkSync(target, stage + path);
    }
    for (const path of Object.keys(rpm.folders ?? {})) mkdirSync(stage + path, { recursive: true });
}

function place(source: string, target: string): void {
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
}

/** Everything in a stage with its permissions, as the spec lists it. */
export function packagedPaths(rpm: RpmPackage, stage: string): PackagedPath[] {
    const entries = listTree(stage).map((path): PackagedPath => {
        const status = lstatSync(stage + path);
        const { mode, owner, group } = rpm.attributes?.[path] ?? {};
        return {
            path,
            kind: status.isSymbolicLink() ? "link" : "file",
            mode: mode ?? "0" + (status.mode & 0o777).toString(8),
            owner: owner ?? "root",
            group: group ?? "root",
        };
    });
    const folders = Object.entries(rpm.folders ?? {}).map(
        ([path, { mode = "0755", owner = "root", group = "root" }]): PackagedPath => ({
            path,
            kind: "folder",
            mode,
            owner,
            group,
        }),
    );
    return [...entries, ...folders];
}
