/** first-boot.sh on a machine whose package manager and systemd only note what they are asked. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { installed, installedScript } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine();
});
afterEach(() => scratch.remove());

describe("first-boot", () => {
    interface Settings {
        readonly packages?: readonly string[];
        readonly selinux?: readonly string[];
        readonly units?: readonly string[];
        readonly deadlineSeconds?: number;
    }

    /** `rpm -q` knows the packages that `dnf install` was asked for. */
    function prepare({ packages = ["etcd", "postgresql17"], selinux = [], units = ["one.service"], deadlineSeconds = 30 }: Settings = {}): void {
        scratch.write(
            installedScript("first-boot.sh"),
            {
                path: "/etc/postgres-ha/first-boot.conf",
                content: [`PACKAGES=(${packages.join(" ")})`, `SELINUX=(${selinux.map((line) => `'${line}'`).join(" ")})`, `UNITS=(${units.join(" ")})`, `DEADLINE_SECONDS=${deadlineSeconds}`, ""].join("\n"),
            },
            { path: "/tmp/installed", content: "" },
        );
        scratch.stub("/usr/local/bin/rpm", 'while [[ ${1:-} == -* ]]; do shift; done; for p in "$@"; do grep -qx "$p" /tmp/installed || exit 1; done');
        scratch.stub("/usr/local/bin/dnf", '[[ -e /tmp/no-mirror ]] && exit 1; [[ " $* " == *" install "* ]] && printf "%s\\n" ${*#*install} >>/tmp/installed; exit 0');
        scratch.stub("/usr/local/bin/systemctl");
        scratch.stub("/usr/local/bin/journalctl");
    }
    const run = () => scratch.run(installed("first-boot"));

    it("installs what is missing, then enables and starts the units one after another", async () => {
        prepare({ units: ["one.service", "two.timer"] });
        expect(await run()).toMatchObject({ status: 0, stderr: "" });
        const calls = await scratch.calls();
        const order = ["systemctl daemon-reload", "systemctl enable --quiet one.service", "systemctl restart one.service", "systemctl enable --quiet two.timer", "systemctl restart two.timer"];
        expect(calls.filter((call) => order.includes(call))).toEqual(order);
        expect(calls.filter((call) => call.includes(" install "))).toEqual(["dnf --quiet --assumeyes --nodocs --setopt=install_weak_deps=False install etcd postgresql17"]);
    });

    it("installs nothing a second time", async () => {
        prepare();
        await run();
        scratch.write({ path: "/tmp/calls", content: "" });
        expect(await run()).toMatchObject({ status: 0 });
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf "))).toEqual([]);
    });

    it("tries again while a mirror does not answer", async () => {
        prepare({ packages: ["haproxy"] });
        scratch.stub("/usr/local/bin/dnf", 'n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries; [ "$n" -ge 1 ] || exit 1; echo haproxy >>/tmp/installed');
        const result = await run();
        expect(result.status).toBe(0);
        expect(result.stdout).toMatch(/failed, again in 1 s: dnf .* install haproxy/);
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf "))).toHaveLength(2);
    });

    it("gives up at its deadline, before any unit is started", async () => {
        prepare({ deadlineSeconds: 2 });
        scratch.write({ path: "/tmp/no-mirror", content: "" });
        const started = Date.now();
        expect((await run()).status).toBe(124);
        expect(Date.now() - started).toBeLessThan(6000);
        expect((await scratch.calls()).filter((call) => call.startsWith("systemctl "))).toEqual([]);
    });

    it("fails when a package is still missing after the installation", async () => {
        prepare();
        scratch.stub("/usr/local/bin/dnf");
        expect((await run()).status).toBe(1);
        expect((await scratch.calls()).filter((call) => call.includes("one.service"))).toEqual([]);
    });

    it.each([
        ["Enforcing", ["semanage port -a -t x 1"]],
        ["Permissive", ["semanage port -a -t x 1"]],
        ["Disabled", []],
    ])("where SELinux is %s runs its commands: %j", async (mode, expected) => {
        prepare({ selinux: ["semanage port -a -t x 1"] });
        scratch.stub("/usr/local/bin/getenforce", `echo ${mode}`);
        scratch.stub("/usr/local/bin/semanage");
        expect((await run()).status).toBe(0);
        expect((await scratch.calls()).filter((call) => call.startsWith("semanage "))).toEqual(expected);
    });

    it("fails when SELinux refuses a command", async () => {
        prepare({ selinux: ["false"] });
        scratch.stub("/usr/local/bin/getenforce", "echo Enforcing");
        expect((await run()).status).toBe(1);
    });

    it("fails when a unit does not start", async () => {
        prepare({ units: ["one.service", "two.timer"] });
        scratch.stub("/usr/local/bin/systemctl", '[ "$*" != "restart one.service" ]');
        expect((await run()).status).toBe(1);
        expect(await scratch.calls()).not.toContain("systemctl restart two.timer");
    });

    it("goes on where the kernel refuses a parameter, and says so", async () => {
        prepare();
        scratch.stub("/usr/local/bin/systemctl", '[ "$*" != "restart systemd-sysctl" ]');
        const result = await run();
        expect(result.status).toBe(0);
        expect(result.stdout).toContain("some kernel parameters could not be set");
    });
});
