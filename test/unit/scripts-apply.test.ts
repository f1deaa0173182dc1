/** apply.py: what brings a running machine's files to the wanted state. */
import { spawnSync } from "node:child_process";
import {
    chmodSync,
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { mergeParts, type ServicePart } from "../../cloud-init/machine/configuration.ts";
import { renderBundle } from "../../cloud-init/machine/user-data.ts";
import { scriptSources } from "../support/scripts.ts";

interface BundleFile {
    readonly path: string;
    readonly content: string;
    readonly mode?: string;
    readonly onChange?: readonly string[];
}

let root: string;
beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "postgres-ha-apply-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const PENDING = "var/lib/postgres-ha/pending-actions.json";
const at = (path: string) => join(root, path);
const read = (path: string) => readFileSync(at(path), "utf8");
/** A command that leaves a line in a file of the root. */
const note = (text: string) => `echo ${text} >>${root}/notes`;
const notes = () => (existsSync(at("notes")) ? read("notes").trimEnd().split("\n") : []);

function apply(...files: readonly BundleFile[]) {
    const input = JSON.stringify({
        files: files.map((file) => ({ owner: "root:root", mode: "0644", onChange: [], ...file })),
    });
    const { status, stdout, stderr } = spawnSync(
        "/usr/bin/python3",
        ["-B", join(scriptSources, "apply.py"), "--root", root],
        { input, encoding: "utf8" },
    );
    return { status, stdout, stderr };
}

describe("files", () => {
    it("are written with their folders and modes", () => {
        expect(
            apply(
                { path: "/etc/a/b/secret", content: "x\n", mode: "0600" },
                { path: "/usr/bin/run", content: "#!", mode: "0755" },
            ),
        ).toMatchObject({ status: 0, stderr: "" });
        expect(read("etc/a/b/secret")).toBe("x\n");
        expect(statSync(at("etc/a/b/secret")).mode & 0o7777).toBe(0o600);
        expect(statSync(at("usr/bin/run")).mode & 0o7777).toBe(0o755);
    });

    it("that are right already are not touched, and their commands do not run", () => {
        const file = { path: "/etc/a", content: "same", onChange: [note("a")] };
        apply(file);
        const before = statSync(at("etc/a"));
        const again = apply(file);
        expect(again).toMatchObject({ status: 0, stdout: "0 of 1 files changed\n" });
        expect(statSync(at("etc/a")).ino).toBe(before.ino);
        expect(notes()).toEqual(["a"]);
    });

    it.each([
        ["content", () => writeFileSync(at("etc/a"), "other")],
        ["permissions", () => chmodSync(at("etc/a"), 0o666)],
        ["existence", () => rmSync(at("etc/a"))],
    ])("that differ in %s are brought back", (_, damage) => {
        const file = { path: "/etc/a", content: "wanted", mode: "0640", onChange: [note("a")] };
        apply(file);
        damage();
        expect(apply(file).stdout).toContain("1 of 1 files changed");
        expect(read("etc/a")).toBe("wanted");
        expect(statSync(at("etc/a")).mode & 0o7777).toBe(0o640);
        expect(notes()).toEqual(["a", "a"]);
    });

    it("are replaced by a rename: who has the old file open keeps it whole", () => {
        mkdirSync(at("etc"));
        writeFileSync(at("etc/a"), "old");
        const inode = statSync(at("etc/a")).ino;
        apply({ path: "/etc/a", content: "new" });
        expect(statSync(at("etc/a")).ino).not.toBe(inode);
        expect(readdirSync(at("etc"))).toEqual(["a"]);
    });

    it("keep text of any alphabet byte for byte", () => {
        apply({ path: "/etc/a", content: "Ω – ключ\n\ttab" });
        expect(read("etc/a")).toBe("Ω – ключ\n\ttab");
        expect(apply({ path: "/etc/a", content: "Ω – ключ\n\ttab" }).stdout).toBe("0 of 1 files changed\n");
    });

    it("never show their content", () => {
        const { stdout, stderr } = apply({ path: "/etc/a", content: "TopSecret", onChange: ["false"] });
        expect(stdout + stderr).not.toContain("TopSecret");
    });
});

describe("commands", () => {
    it("run once each, in the order of the files, after all files are in place", () => {
        const both = `cat ${root}/etc/a ${root}/etc/b >>${root}/notes`;
        apply(
            { path: "/etc/a", content: "A\n", onChange: [both, note("second")] },
            { path: "/etc/b", content: "B\n", onChange: [note("second"), note("third")] },
        );
        expect(notes()).toEqual(["A", "B", "second", "third"]);
    });

    it("run in a shell that stops at the first failure", () => {
        const result = apply({ path: "/etc/a", content: "x", onChange: [`false; ${note("went on")}`] });
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(/^apply: a command failed with status 1: false; /);
        expect(notes()).toEqual([]);
    });

    it("that failed run again although the files are right by then, and those before them too", () => {
        const files = [
            { path: "/etc/a", content: "x", onChange: [note("first")] },
            { path: "/etc/b", content: "x", onChange: [`test -e ${root}/mended`, note("after")] },
        ];
        expect(apply(...files).status).toBe(1);
        expect(notes()).toEqual(["first"]);
        expect(apply(...files)).toMatchObject({ status: 1 });
        writeFileSync(at("mended"), "");
        expect(apply(...files)).toMatchObject({ status: 0 });
        expect(notes()).toEqual(["first", "first", "first", "after"]);
        expect(existsSync(at(PENDING))).toBe(false);
        expect(apply(...files).stdout).toBe("0 of 2 files changed\n");
        expect(notes()).toHaveLength(4);
    });

    it("of a run that was killed are completed by the next one, together with its own", () => {
        const killer = { path: "/etc/a", content: "x", onChange: ["kill -9 $PPID", note("of the killed run")] };
        expect(apply(killer).status).toBe(null);
        expect(JSON.parse(read(PENDING))).toEqual(killer.onChange);
        writeFileSync(at(PENDING), JSON.stringify([note("of the killed run")]));
        apply(killer, { path: "/etc/b", content: "new", onChange: [note("of this run")] });
        expect(notes()).toEqual(["of the killed run", "of this run"]);
    });

    it("are on record before the first file is replaced", () => {
        // The second file cannot be written, since the first stands where its folder should: the run dies between them.
        const first = { path: "/etc/a", content: "x", onChange: [note("a")] };
        expect(apply(first, { path: "/etc/a/b", content: "x" }).status).toBe(1);
        expect(read("etc/a")).toBe("x");
        expect(notes()).toEqual([]);
        expect(apply(first)).toMatchObject({ status: 0, stdout: expect.stringContaining("0 of 1 files changed") });
        expect(notes()).toEqual(["a"]);
        expect(readdirSync(at("etc"))).toEqual(["a"]);
    });

    it("are kept from other users while they are pending", () => {
        apply({ path: "/etc/a", content: "x", onChange: ["false"] });
        expect(statSync(at(PENDING)).mode & 0o7777).toBe(0o600);
    });
});

describe("what is no longer described", () => {
    interface Described {
        readonly files: readonly BundleFile[];
        readonly units?: readonly string[];
    }
    const DESCRIBED = "/var/lib/postgres-ha/described.json";
    const systemctlCalls = () => (existsSync(at("systemctl")) ? read("systemctl").trimEnd().split("\n") : []);

    beforeEach(() => {
        mkdirSync(at("bin"));
        // A unit runs until it is stopped; every other question is answered with yes.
        writeFileSync(
            at("bin/systemctl"),
            `#!/bin/bash\necho "$*" >>${root}/systemctl\n[[ $* != is-active* || -e ${root}/unstoppable ]]\n`,
            { mode: 0o755 },
        );
    });

    /** Applies files as the program sends them: with the list of all of them, and its command. */
    function converge({ files, units = [] }: Described, fault?: string) {
        const command = `python3 -B ${join(scriptSources, "apply.py")} --root ${root} --remove`;
        const content = JSON.stringify({
            files: Object.fromEntries(files.map(({ path, onChange = [] }) => [path, onChange])),
            units,
        });
        const all = [{ path: DESCRIBED, content, onChange: [command] }, ...files];
        const input = JSON.stringify({
            files: all.map((file) => ({ owner: "root:root", mode: "0644", onChange: [], ...file })),
        });
        const source = readFileSync(join(scriptSources, "apply.py"), "utf8");
        writeFileSync(
            at("apply.py"),
            fault === undefined ? source : source.replace(fault, `os.kill(os.getpid(), 9); ${fault}`),
        );
        return spawnSync("/usr/bin/python3", ["-B", at("apply.py"), "--root", root], {
            input: input.replaceAll(join(scriptSources, "apply.py"), at("apply.py")),
            encoding: "utf8",
            env: { ...process.env, PATH: `${root}/bin:${process.env["PATH"]}` },
        });
    }
    const kept = { path: "/etc/kept", content: "kept" };

    it("is removed with what follows: a file of a service", () => {
        const extra = { path: "/etc/service.d/extra", content: "x", onChange: [note("reload")] };
        converge({ files: [kept, extra] });
        expect(converge({ files: [kept] })).toMatchObject({ status: 0, stderr: "" });
        expect(existsSync(at("etc/service.d/extra"))).toBe(false);
        expect(read("etc/kept")).toBe("kept");
        expect(notes()).toEqual(["reload", "reload"]);
    });

    it("is removed though a person changed it", () => {
        converge({ files: [kept, { path: "/etc/gone", content: "x" }] });
        writeFileSync(at("etc/gone"), "by hand");
        converge({ files: [kept] });
        expect(existsSync(at("etc/gone"))).toBe(false);
    });

    it("does not include files that the project did not write", () => {
        converge({ files: [kept, { path: "/etc/dir/gone", content: "x" }] });
        writeFileSync(at("etc/dir/other"), "a person's");
        converge({ files: [kept] });
        expect(readdirSync(at("etc/dir"))).toEqual(["other"]);
    });

    it("is stopped and disabled: a package's timer, before its configuration goes", () => {
        converge({ files: [{ path: "/etc/automatic.conf", content: "x" }], units: ["auto.timer", "one.service"] });
        converge({ files: [], units: ["one.service"] });
        expect(systemctlCalls()).toEqual(["disable --quiet --now auto.timer", "is-active --quiet auto.timer"]);
        expect(existsSync(at("etc/automatic.conf"))).toBe(false);
    });

    it("is stopped while its file is there, timers first; then systemd reads its units again", () => {
        const unitFile = (name: string) => ({ path: `/etc/systemd/system/${name}`, content: "[Unit]" });
        converge({ files: [unitFile("a.service"), unitFile("a.timer")], units: ["a.timer"] });
        writeFileSync(
            at("bin/systemctl"),
            `#!/bin/bash\necho "$*" $(ls ${root}/etc/systemd/system) >>${root}/systemctl\n[[ $* != is-active* ]]\n`,
        );
        converge({ files: [] });
        expect(systemctlCalls().filter((call) => !call.startsWith("is-active"))).toEqual([
            "disable --quiet --now a.timer a.service a.timer",
            "disable --quiet --now a.service a.service a.timer",
            "daemon-reload",
        ]);
    });

    it("stays, file and all, where its unit does not stop", () => {
        const file = { path: "/etc/systemd/system/a.service", content: "[Unit]" };
        converge({ files: [file] });
        writeFileSync(at("unstoppable"), "");
        const failed = converge({ files: [] });
        expect(failed.status).toBe(1);
        expect(failed.stderr).toContain("a.service is no longer described, and does not stop");
        expect(existsSync(at(file.path))).toBe(true);
        rmSync(at("unstoppable"));
        expect(converge({ files: [] }).status).toBe(0);
        expect(existsSync(at(file.path))).toBe(false);
    });

    it("does not run any more: a script is not its own consequence", () => {
        const script = { path: `${root}/watch`, content: "#!/bin/sh\n", mode: "0755" };
        converge(
            {
                files: [
                    { path: "/etc/a", content: "x", onChange: [`/etc/b`] },
                    { ...script, path: "/etc/b" },
                ],
            },
            undefined,
        );
        rmSync(at(PENDING), { force: true });
        expect(converge({ files: [] })).toMatchObject({ status: 0 });
        expect(readdirSync(at("etc"))).toEqual([]);
    });

    const mirror = { path: "/etc/yum.repos.d/almalinux-baseos.repo", content: "mirror" };
    it("gives the image's own list of packages back", () => {
        mkdirSync(at("var/lib/postgres-ha/image/etc/yum.repos.d"), { recursive: true });
        writeFileSync(at("var/lib/postgres-ha/image/etc/yum.repos.d/almalinux-baseos.repo"), "the image's");
        converge({ files: [mirror] });
        expect(read(mirror.path)).toBe("mirror");
        converge({ files: [] });
        expect(read(mirror.path)).toBe("the image's");
    });

    it("leaves a mirror in place, and says so, where the image's own list is not known", () => {
        converge({ files: [mirror] });
        expect(converge({ files: [] }).stdout).toContain(`WARNING: ${mirror.path} stays`);
        expect(read(mirror.path)).toBe("mirror");
        // A repository that the image does not have goes.
        const own = { path: "/etc/yum.repos.d/epel.repo", content: "x" };
        converge({ files: [own] });
        converge({ files: [] });
        expect(existsSync(at(own.path))).toBe(false);
    });

    it("is found on a machine of an earlier version, which kept no list, unless a person wrote it", () => {
        const automatic = [
            "[commands]",
            "upgrade_type = security",
            "random_sleep = 3600",
            "download_updates = yes",
            "apply_updates = yes",
            "reboot = never",
            "[emitters]",
            "emit_via = stdio",
            "[base]",
            "excludepkgs = postgresql* patroni* etcd* pgbouncer* haproxy*",
            "",
        ].join("\n");
        mkdirSync(at("etc/dnf"), { recursive: true });
        writeFileSync(at("etc/dnf/automatic.conf"), automatic);
        converge({ files: [kept] });
        expect(existsSync(at("etc/dnf/automatic.conf"))).toBe(false);
        expect(systemctlCalls()).toContain("disable --quiet --now dnf-automatic.timer");

        rmSync(at("var"), { recursive: true });
        writeFileSync(at("etc/dnf/automatic.conf"), `${automatic}# a person's\n`);
        converge({ files: [kept] });
        expect(existsSync(at("etc/dnf/automatic.conf"))).toBe(true);
    });

    it("changes nothing a second time", () => {
        converge({ files: [kept, { path: "/etc/gone", content: "x", onChange: [note("gone")] }] });
        converge({ files: [kept] });
        rmSync(at("notes"));
        expect(converge({ files: [kept] }).stdout).toBe("0 of 2 files changed\n");
        expect(notes()).toEqual([]);
    });

    it.each([
        "write_json(path, written)",
        "os.rename(temporary, path)",
        "stop(unit)\n",
        "os.unlink(target)",
        "run(command, deadline",
        'write_json(os.path.join(root, WRITTEN), {"files"',
        "os.unlink(pending_path)",
    ])("goes in the next run when this one is killed before %s, also after yet another change", (step) => {
        const gone = { path: "/etc/systemd/system/gone.service", content: "[Unit]", onChange: [note("gone")] };
        const second = { path: "/etc/second", content: "x" };
        converge({ files: [kept, gone] });
        rmSync(at("notes"));
        expect(converge({ files: [kept, second] }, step).status).not.toBe(0);
        expect(converge({ files: [kept] })).toMatchObject({ status: 0 });
        expect(existsSync(at(gone.path))).toBe(false);
        expect(existsSync(at("etc/second"))).toBe(false);
        expect(notes()).toContain("gone");
        expect(converge({ files: [kept] }).stdout).toBe("0 of 2 files changed\n");
    });
});

describe("--check", () => {
    const part: ServicePart = {
        files: [
            { path: "/etc/a", content: "a" },
            { path: "/etc/secret", content: "TopSecret", mode: "0600", secret: true },
        ],
        units: ["a.timer"],
        unitsWithSecrets: ["b.service"],
    };
    /** What systemd says of units; of all others that they run. */
    let units: Record<string, readonly [active: string, atBoot: string]>;

    /** Brings the bundle of the program, without the commands that follow. */
    function send() {
        const { files } = JSON.parse(renderBundle(mergeParts([part]))) as { files: BundleFile[] };
        expect(apply(...files.map((file) => ({ ...file, onChange: [] })))).toMatchObject({ status: 0, stderr: "" });
    }

    function check() {
        mkdirSync(at("bin"), { recursive: true });
        const cases = Object.entries(units).map(
            ([name, [active, atBoot]]) => `${name}) echo -e "ActiveState=${active}\\nUnitFileState=${atBoot}\\n" ;;`,
        );
        const others = '*) echo -e "ActiveState=active\\nUnitFileState=enabled\\n" ;;';
        writeFileSync(
            at("bin/systemctl"),
            `#!/bin/bash\nfor unit in "\${@:3}"; do\n    case $unit in\n${[...cases, others].join("\n")}\n    esac\ndone\n`,
            { mode: 0o755 },
        );
        const { status, stdout, stderr } = spawnSync(
            "/usr/bin/python3",
            ["-B", join(scriptSources, "apply.py"), "--root", root, "--check"],
            { encoding: "utf8", env: { ...process.env, PATH: `${root}/bin:${process.env["PATH"]}` } },
        );
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        return stdout.split("\n").filter((line) => line !== "");
    }

    beforeEach(() => {
        units = { "b.service": ["active", "disabled"] };
    });

    it("prints nothing on a machine that is as the bundle made it", () => {
        send();
        expect(check()).toEqual([]);
    });

    it("names each file that differs, without its content, and leaves it", () => {
        send();
        writeFileSync(at("etc/secret"), "AnotherSecret");
        chmodSync(at("etc/a"), 0o666);
        rmSync(at("etc/systemd/system/postgres-ha.target"));
        expect(check().sort()).toEqual([
            "/etc/a has the mode 0666, not 0644",
            "/etc/secret was changed",
            "/etc/systemd/system/postgres-ha.target was removed",
        ]);
        expect(read("etc/secret")).toBe("AnotherSecret");
        expect(existsSync(at("etc/systemd/system/postgres-ha.target"))).toBe(false);
    });

    it("names each unit that does not run, or will not at the next boot", () => {
        send();
        units = { "a.timer": ["active", "disabled"], "b.service": ["inactive", "masked"] };
        expect(check()).toEqual(["a.timer is disabled", "b.service is inactive", "b.service is masked"]);
    });

    it("names a change that was not completed, and a machine that was never described", () => {
        expect(check()).toEqual(["nothing here says what this machine should have: `pulumi up` sends it"]);
        send();
        writeFileSync(at(PENDING), "[]");
        expect(check()).toEqual(["the last change of the configuration was not completed"]);
    });
});
