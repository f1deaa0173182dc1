import { describe, expect, it } from "vitest";
import type { PackagedPath, RpmPackage } from "./package.ts";
import { releaseOf, renderSpec } from "./spec.ts";

const minimal: RpmPackage = { name: "tool", repository: "appstream", summary: "A tool" };
const file = (path: string, more: Partial<PackagedPath> = {}): PackagedPath => ({
    path,
    kind: "file",
    mode: "0644",
    owner: "root",
    group: "root",
    ...more,
});
const linesOf = (rpm: RpmPackage, paths: readonly PackagedPath[] = []) =>
    renderSpec(rpm, "1.2", paths, "/stage").split("\n");

describe("renderSpec", () => {
    it("writes nothing but the head and the file list for a package without scripts", () => {
        expect(renderSpec(minimal, "1.2", [file("/usr/bin/tool", { mode: "0755" })], "/stage")).toBe(`Name: tool
Version: 1.2
Release: 1.el9
Summary: A tool
License: as the Debian packages it was made from
BuildArch: x86_64
AutoReqProv: no

%description
Files of Debian packages in the layout of the RPM of this name. For the local testbed only.

%install
mkdir -p %{buildroot}
cp -al /stage/. %{buildroot}/

%files
%attr(0755,root,root) "/usr/bin/tool"
`);
    });

    it("keeps an administrator's changes to files in /etc", () => {
        expect(linesOf(minimal, [file("/etc/tool.conf", { mode: "0600", owner: "tool" })])).toContain(
            '%config(noreplace) %attr(0600,tool,root) "/etc/tool.conf"',
        );
    });

    it("lists links without permissions and folders as owned folders", () => {
        const lines = linesOf(minimal, [
            file("/usr/bin/t", { kind: "link" }),
            file("/var/lib/tool", { kind: "folder", mode: "0700", owner: "tool", group: "tool" }),
        ]);
        expect(lines).toContain('"/usr/bin/t"');
        expect(lines).toContain('%dir %attr(0700,tool,tool) "/var/lib/tool"');
    });

    it("puts the package's own version into relations", () => {
        const lines = linesOf({ ...minimal, requires: ["tool-libs = {version}"], provides: ["utility = {version}"] });
        expect(lines).toContain("Requires: tool-libs = 1.2");
        expect(lines).toContain("Provides: utility = 1.2");
    });

    it("makes the account before the files, with its fixed number in both databases", () => {
        const lines = linesOf({
            ...minimal,
            user: { name: "tool", id: 26, home: "/var/lib/tool", shell: "/bin/bash" },
        });
        const pre = lines.slice(lines.indexOf("%pre"), lines.indexOf("%files"));
        expect(pre[1]).toMatch(/getent group tool .*groupadd -r -g 26 -o tool$/);
        expect(pre[2]).toMatch(
            /getent passwd tool .*useradd -r -u 26 -o -g tool -d \/var\/lib\/tool -M -s \/bin\/bash tool$/,
        );
        expect(lines).toContain("Requires(pre): shadow-utils");
    });

    it("leaves a new service to the presets and stops a removed one", () => {
        const lines = linesOf({ ...minimal, units: ["tool.service"] });
        expect(lines[lines.indexOf("%post") + 1]).toBe(
            '[ "$1" -eq 1 ] && systemctl --no-reload preset tool.service >/dev/null 2>&1 || :',
        );
        expect(lines[lines.indexOf("%preun") + 1]).toContain("disable --now tool.service");
        expect(renderSpec({ ...minimal, units: ["tool.service"] }, "1", [], "/stage")).not.toMatch(
            /systemctl .*\b(start|enable)\b/,
        );
    });
});

describe("releaseOf", () => {
    it("tells PGDG's packages from the distribution's", () => {
        expect(releaseOf(minimal)).toBe("1.el9");
        expect(releaseOf({ ...minimal, repository: "pgdg-common" })).toBe("1PGDG.rhel9");
        expect(releaseOf({ ...minimal, release: "0.el9" })).toBe("0.el9");
    });
});
