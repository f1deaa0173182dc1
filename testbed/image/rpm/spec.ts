import type { PackagedPath, RpmPackage, SystemUser } from "./package.ts";

/** Release of a package without its own. */
export function releaseOf(rpm: RpmPackage): string {
    return rpm.release ?? (rpm.repository.startsWith("pgdg") ? "1PGDG.rhel9" : "1.el9");
}

/**
 * The spec file of a package whose files are already staged.
 * @param version RPM version; replaces "{version}" in requires and provides.
 * @param paths everything the package contains.
 * @param stage folder that holds the files at their paths in the guest; on the same file system as rpmbuild's root, which gets hard links.
 */
export function renderSpec(rpm: RpmPackage, version: string, paths: readonly PackagedPath[], stage: string): string {
    const relation = (tag: string, values: readonly string[] = []) =>
        values.map((value) => `${tag}: ${value.replaceAll("{version}", version)}`);
    const lines = [
        `Name: ${rpm.name}`,
        `Version: ${version}`,
        `Release: ${releaseOf(rpm)}`,
        `Summary: ${rpm.summary}`,
        "License: as the Debian packages it was made from",
        `BuildArch: ${rpm.architecture ?? "x86_64"}`,
        "AutoReqProv: no",
        ...relation("Requires", rpm.requires),
        ...(rpm.user ? ["Requires(pre): shadow-utils"] : []),
        ...relation("Provides", rpm.provides),
        "",
        "%description",
        "Files of Debian packages in the layout of the RPM of this name. For the local testbed only.",
        "",
        "%install",
        "mkdir -p %{buildroot}",
        `cp -al ${stage}/. %{buildroot}/`,
        "",
        ...scriptlet("%pre", rpm.user ? createUser(rpm.user) : []),
        ...scriptlet("%post", [
            ...(rpm.units ?? []).map(
                (unit) => `[ "$1" -eq 1 ] && systemctl --no-reload preset ${unit} >/dev/null 2>&1 || :`,
            ),
            ...script(rpm.afterInstall),
        ]),
        ...scriptlet("%preun", [
            ...(rpm.units ?? []).map(
                (unit) => `[ "$1" -eq 0 ] && systemctl --no-reload disable --now ${unit} >/dev/null 2>&1 || :`,
            ),
            ...(rpm.beforeRemoval ? ['if [ "$1" -eq 0 ]; then', ...script(rpm.beforeRemoval), "fi"] : []),
        ]),
        ...(rpm.transactionTriggers ?? []).flatMap(({ path, script: text }) =>
            scriptlet(`%transfiletriggerin -- ${path}`, script(text)),
        ),
        "%files",
        ...paths.map(fileLine),
    ];
    return lines.join("\n") + "\n";
}

function scriptlet(section: string, lines: readonly string[]): string[] {
    return lines.length === 0 ? [] : [section, ...lines, ""];
}

function script(text: string | undefined): string[] {
    return text === undefined ? [] : text.trim().split("\n");
}

/** Creates the account by name, as packages do, so that an existing account stays unchanged. */
function createUser(user: SystemUser): string[] {
    // -o: one of Debian's own accounts can have the number, and the number is what files on a data disk have.
    const number = (option: string) => (user.id === undefined ? "" : ` ${option} ${user.id} -o`);
    return [
        `getent group ${user.name} >/dev/null || groupadd -r${number("-g")} ${user.name}`,
        `getent passwd ${user.name} >/dev/null || useradd -r${number("-u")} -g ${user.name} -d ${user.home} -M -s ${user.shell ?? "/sbin/nologin"} ${user.name}`,
        "exit 0",
    ];
}

function fileLine({ path, kind, mode, owner, group }: PackagedPath): string {
    const quoted = `"${path}"`;
    switch (kind) {
        case "link":
            return quoted;
        case "folder":
            return `%dir %attr(${mode},${owner},${group}) ${quoted}`;
        // As in every package: an administrator's or cloud-init's change survives an update.
        case "file":
            return `${path.startsWith("/etc/") ? "%config(noreplace) " : ""}%attr(${mode},${owner},${group}) ${quoted}`;
    }
}
