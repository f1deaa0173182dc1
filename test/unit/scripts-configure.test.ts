/** configure.sh and wait-until-ready.sh on a machine whose cloud-init and systemd answer as told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { programPath } from "../../cloud-init/machine/program.ts";
import { installed, installedScript } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

let scratch: ScratchMachine;
beforeEach(() => {
    scratch = new ScratchMachine();
});
afterEach(() => scratch.remove());

describe("configure", () => {
    function prepare(): void {
        scratch.write(installedScript("configure.sh"), installedScript("wait-until-ready.sh"));
        scratch.stub(installed("apply"), "cat >/tmp/bundle");
        scratch.stub(installed("mount-data-disks"));
        scratch.stub(installed("kernel-parameters"));
        scratch.stub("/usr/local/bin/cloud-init");
        scratch.stub("/usr/local/bin/systemctl");
        scratch.stub("/usr/local/bin/journalctl", "echo the last lines of the log");
        scratch.stub("/usr/local/bin/hostname", "echo main-db-1");
    }
    const run = (deadlineSeconds: number) =>
        scratch.run(installed("configure"), [String(deadlineSeconds), "a.service", "b.service"], {
            input: "the bundle",
            env: { CHANGE_SECONDS: "30" },
        });

    it("hands the bundle on, and ends when cloud-init is done and the units are active", async () => {
        prepare();
        expect(await run(10)).toMatchObject({
            status: 0,
            stdout: "main-db-1: a.service b.service active\n",
            stderr: "",
        });
        expect((await scratch.run("cat", ["/tmp/bundle"])).stdout).toBe("the bundle");
        expect((await scratch.calls()).filter((call) => !call.startsWith("hostname"))).toEqual([
            "apply ",
            "mount-data-disks ",
            "systemctl --quiet is-active postgres-ha.path",
            "systemctl start --no-block postgres-ha.target",
            "cloud-init status --wait",
            "systemctl --quiet is-active postgres-ha.path",
            "systemctl is-active --quiet a.service",
            "systemctl is-active --quiet b.service",
            "kernel-parameters ",
        ]);
    });

    it("waits for an earlier configure that still runs, of an up that was killed", async () => {
        prepare();
        scratch.stub(installed("apply"), "cat >>/tmp/bundle; sleep 1; echo applied >>/tmp/bundle");
        const twice = `export CHANGE_SECONDS=30; echo first | ${installed("configure")} 10 a.service & sleep 0.4; echo second | ${installed("configure")} 10 a.service; wait`;
        expect(await scratch.bash(twice)).toMatchObject({
            status: 0,
            stderr: "main-db-1: waiting for an earlier configure that still runs\n",
        });
        expect((await scratch.run("cat", ["/tmp/bundle"])).stdout).toBe("first\napplied\nsecond\napplied\n");
    });

    it("leaves it to the first boot to start services, as long as that is not done", async () => {
        prepare();
        scratch.stub("/usr/local/bin/systemctl", "[[ $* != *postgres-ha.path* ]]");
        scratch.stub(installed("first-boot"));
        expect(await run(10)).toMatchObject({ status: 0 });
        expect(await scratch.calls()).not.toContain("systemctl start --no-block postgres-ha.target");
    });

    it("waits for a unit that comes up late", async () => {
        prepare();
        scratch.stub(
            "/usr/local/bin/systemctl",
            "[[ $* == *.service* ]] || exit 0",
            'n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries; [ "$n" -ge 3 ]',
        );
        expect(await run(10)).toMatchObject({ status: 0 });
    });

    it("names the machine, the unit and the last lines of its log when a unit does not come up", async () => {
        prepare();
        scratch.stub(
            "/usr/local/bin/systemctl",
            "[[ $* == *b.service* ]] || exit 0; [[ $* == *--quiet* ]] || echo failed; exit 3",
        );
        const result = await run(1);
        expect(result.status).toBe(1);
        expect(result.stderr).toBe("main-db-1: b.service is failed after 1 s\nthe last lines of the log\n");
        expect(await scratch.calls()).toContain("journalctl --no-pager -u b.service -n 30");
    });

    it("takes cloud-init's recoverable warnings for what they are, and shows them", async () => {
        prepare();
        scratch.stub("/usr/local/bin/cloud-init", '[[ $* == *--long* ]] && echo "recoverable: x" && exit 2; exit 2');
        const result = await run(10);
        expect(result).toMatchObject({ status: 0 });
        expect(result.stdout).toMatch(/cloud-init finished with warnings\nrecoverable: x/);
    });

    it("repeats the first boot where cloud-init failed, and goes on when that succeeds", async () => {
        prepare();
        scratch.stub("/usr/local/bin/cloud-init", "exit 1");
        scratch.stub(installed("first-boot"));
        expect(await run(10)).toMatchObject({ status: 0, stdout: "main-db-1: a.service b.service active\n" });
        expect(await scratch.calls()).toContain("first-boot ");
    });

    it("completes a first boot that lost power half-way, which cloud-init does not repeat", async () => {
        prepare();
        scratch.stub("/usr/local/bin/systemctl", "[[ $* != *postgres-ha.path* ]]");
        scratch.stub(installed("first-boot"));
        expect(await run(10)).toMatchObject({ status: 0 });
        expect((await scratch.calls()).filter((call) => call.startsWith("first-boot"))).toHaveLength(1);
    });

    it("enables and starts a unit that a person disabled and stopped, and leaves the others alone", async () => {
        prepare();
        scratch.write({ path: "/etc/postgres-ha/first-boot.conf", content: "UNITS=(one.service off.timer)\n" });
        scratch.stub("/usr/local/bin/systemctl", "[[ $* != *is-*off.timer ]]");
        expect(await run(10)).toMatchObject({ status: 0 });
        const calls = await scratch.calls();
        expect(calls).toEqual(
            expect.arrayContaining(["systemctl --quiet enable off.timer", "systemctl start off.timer"]),
        );
        expect(calls.filter((call) => /(start|enable) one/.test(call))).toEqual([]);
    });

    it("shows the log of a first boot that fails again", async () => {
        prepare();
        scratch.stub("/usr/local/bin/cloud-init", "exit 1");
        scratch.stub(installed("first-boot"), "echo no mirror answers; exit 1");
        expect(await run(10)).toMatchObject({
            status: 1,
            stderr: "main-db-1: the first boot failed (cloud-init), and again now\nno mirror answers\n",
        });
    });

    it("gives up when cloud-init does not end, and shows its log", async () => {
        prepare();
        scratch.stub("/usr/local/bin/cloud-init", "sleep 30");
        scratch.write({ path: "/var/log/cloud-init-output.log", content: "installing\n" });
        expect(await run(1)).toMatchObject({
            status: 1,
            stderr: "main-db-1: cloud-init did not finish within 1 s\ninstalling\n",
        });
    });

    it("gives each step what is left of the budget", async () => {
        prepare();
        const say = (name: string) => `echo "${name} $REMAINING_SECONDS" >>/tmp/budget`;
        scratch.stub(installed("apply"), "sleep 2", say("apply"));
        scratch.stub(installed("mount-data-disks"), say("disks"));
        scratch.stub(programPath, say("program"));
        expect(await run(10)).toMatchObject({ status: 0 });
        const lines = (await scratch.run("cat", ["/tmp/budget"])).stdout.trim().split("\n");
        const left = Object.fromEntries(lines.map((line) => line.split(" ") as [string, string]));
        expect(Object.keys(left)).toEqual(["apply", "disks", "program"]);
        expect(Number(left["apply"])).toBeGreaterThanOrEqual(29);
        expect(Number(left["disks"])).toBeLessThanOrEqual(28);
        expect(Number(left["program"])).toBeLessThanOrEqual(28);
    });

    it("ends a step that does not end with the budget", async () => {
        prepare();
        scratch.stub(installed("apply"), "sleep 60");
        const result = await scratch.run(installed("configure"), ["10", "a.service"], { env: { CHANGE_SECONDS: "1" } });
        expect(result).toMatchObject({ status: 1, stderr: "main-db-1: the configuration could not be applied\n" });
    });

    it("fails when the files could not be applied, before it waits for anything", async () => {
        prepare();
        scratch.stub(installed("apply"), "exit 1");
        const result = await run(10);
        expect(result.status).toBe(1);
        expect(result.stderr).toContain("main-db-1: the configuration could not be applied");
        expect((await scratch.calls()).filter((call) => call.startsWith("cloud-init"))).toEqual([]);
    });
});

describe("refresh", () => {
    const run = (action: string, state: string) => {
        scratch.write(installedScript("refresh.sh"));
        scratch.stub(
            "/usr/local/bin/systemctl",
            `[ "$1" = is-active ] && echo ${state} && [ ${state} = active ]`,
            '[ "$1" != is-active ]',
        );
        return scratch.run(installed("refresh"), [action, "a.service"]);
    };

    it.each([
        ["reload", "active", ["systemctl reload-or-restart a.service"]],
        ["restart", "active", ["systemctl restart a.service"]],
        ["reload", "activating", ["systemctl --no-block reload-or-restart a.service"]],
        ["restart", "activating", ["systemctl restart a.service"]],
        ["reload", "inactive", []],
        ["restart", "failed", []],
    ])("to %s a unit that is %s asks systemd %j", async (action, state, expected) => {
        expect(await run(action, state)).toMatchObject({ status: 0, stderr: "" });
        expect((await scratch.calls()).filter((call) => !call.includes("is-active"))).toEqual(expected);
    });
});
