/** first-boot.sh on a machine whose package manager and systemd only note what they are asked. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { programPath } from "../../cloud-init/machine/program.ts";
import { machineOf, renderCluster, writeUserDataFiles } from "../support/rendered-cluster.ts";
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
    function prepare({
        packages = ["etcd", "postgresql17"],
        selinux = [],
        units = ["one.service"],
        deadlineSeconds = 30,
    }: Settings = {}): void {
        scratch.write(
            installedScript("first-boot.sh"),
            {
                path: "/etc/postgres-ha/first-boot.conf",
                content: [
                    `PACKAGES=(${packages.join(" ")})`,
                    `SELINUX=(${selinux.map((line) => `'${line}'`).join(" ")})`,
                    `UNITS=(${units.join(" ")})`,
                    `DEADLINE_SECONDS=${deadlineSeconds}`,
                    "",
                ].join("\n"),
            },
            { path: "/tmp/installed", content: "" },
        );
        scratch.stub(
            "/usr/local/bin/rpm",
            'while [[ ${1:-} == -* ]]; do shift; done; for p in "$@"; do grep -qx "$p" /tmp/installed || exit 1; done',
        );
        scratch.stub(
            "/usr/local/bin/dnf",
            '[[ -e /tmp/no-mirror ]] && exit 1; [[ " $* " == *" install "* ]] && printf "%s\\n" ${*#*install} >>/tmp/installed; exit 0',
        );
        // Nothing is enabled yet.
        scratch.stub("/usr/local/bin/systemctl", "[[ $* != *is-enabled* ]]");
        scratch.stub("/usr/local/bin/journalctl");
    }
    const run = () => scratch.run(installed("first-boot"));

    it("installs what is missing, then enables and starts the units one after another", async () => {
        prepare({ units: ["one.service", "two.timer"] });
        expect(await run()).toMatchObject({ status: 0, stderr: "" });
        const calls = await scratch.calls();
        const order = [
            "systemctl daemon-reload",
            "systemctl enable --quiet one.service",
            "systemctl restart one.service",
            "systemctl enable --quiet two.timer",
            "systemctl restart two.timer",
        ];
        expect(calls.filter((call) => order.includes(call))).toEqual(order);
        expect(calls.filter((call) => call.includes(" install "))).toEqual([
            "dnf --assumeyes --nodocs --refresh --setopt=*.skip_if_unavailable=0 --setopt=install_weak_deps=False install etcd postgresql17",
        ]);
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
        scratch.stub(
            "/usr/local/bin/dnf",
            'n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries; [ "$n" -ge 1 ] || exit 1; echo haproxy >>/tmp/installed',
        );
        const result = await run();
        expect(result.status).toBe(0);
        expect(result.stdout).toMatch(/failed, again in 1 s: dnf .* install haproxy/);
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf "))).toHaveLength(2);
    });

    const dnfSays = (line: string) => scratch.stub("/usr/local/bin/dnf", `echo "${line}" >&2`, "exit 1");

    it.each([
        " - nothing provides python3.12-click needed by patroni-4.1.0-1PGDG.rhel9.noarch",
        "No match for argument: etcd",
        "  - Status code: 404 for https://mirror.example.org/extras/redhat/rhel-9-x86_64/repodata/repomd.xml (IP: 192.0.2.1)",
        "[MIRROR] etcd-3.6.6-1PGDG.rhel9.x86_64.rpm: Status code: 404 for https://mirror.example.org/etcd.rpm (IP: 192.0.2.1)",
        "Error: GPG check FAILED",
        "Error: Failed to download metadata for repo 'pgdg17': repomd.xml GPG signature verification error: Bad GPG signature",
    ])("stops at once at what no repetition changes: %s", async (line) => {
        prepare();
        dnfSays(line);
        const result = await run();
        expect(result.status).toBe(65);
        expect(result.stdout).toContain("failed, and would fail again: dnf");
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf "))).toHaveLength(1);
    });

    it.each([
        "  - Curl error (28): Timeout was reached for https://mirror.example.org/repodata/repomd.xml [Connection timed out after 30000 milliseconds]",
        "  - Curl error (7): Couldn't connect to server for https://mirror.example.org/repodata/repomd.xml [Connection refused]",
        "  - Curl error (6): Couldn't resolve host name for https://mirror.example.org/repodata/repomd.xml",
        "  - Status code: 503 for https://mirror.example.org/repodata/repomd.xml (IP: 192.0.2.1)",
        "  - Status code: 404 for https://a.example.org/repomd.xml; - Status code: 502 for https://b.example.org/repomd.xml",
    ])("tries again at what passes: %s", async (line) => {
        prepare({ deadlineSeconds: 3 });
        dnfSays(line);
        const result = await run();
        expect(result.status).toBe(124);
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf ")).length).toBeGreaterThan(1);
    });

    it("asks no mirror for packages before it knows the keys, and stops where they are wrong", async () => {
        prepare();
        scratch.write({ path: "/etc/postgres-ha/repository-keys", content: "" });
        scratch.stub(installed("import-repository-keys"), "exit 65");
        const result = await run();
        expect(result.status).toBe(65);
        expect((await scratch.calls()).filter((call) => call.startsWith("dnf "))).toEqual([]);
    });

    describe("of a node whose peers run already", () => {
        /** A mirror with these builds and no others; versions are left off where dnf may choose. */
        function preparePeers(peers: readonly string[], onMirror: readonly string[]): void {
            prepare({ packages: ["postgresql17", "postgresql17-server", "etcd", "jq"] });
            scratch.stub(programPath, ...peers.map((each) => `echo ${each}`));
            scratch.stub(
                "/usr/local/bin/dnf",
                'lost=0; all="$*"',
                `for p in \${all##* install }; do case " ${onMirror.join(" ")} postgresql17 postgresql17-server etcd jq " in *" $p "*) ;; *-*-*) echo "No match for argument: $p" >&2; lost=1 ;; esac; done`,
                "[ $lost = 0 ] || exit 1",
                'for p in ${all##* install }; do case $p in *-*-*) echo "${p%-*-*}" ;; *) echo "$p" ;; esac; done >>/tmp/installed',
            );
        }
        const peers = [
            "postgresql17-17.6-1PGDG.rhel9",
            "postgresql17-server-17.6-1PGDG.rhel9",
            "etcd-3.6.6-2PGDG.rhel9",
        ];
        const asked = async () =>
            (await scratch.calls())
                .filter((call) => call.startsWith("dnf "))
                .map((call) => call.replace(/^.* install /, ""));

        it("takes their versions", async () => {
            preparePeers(peers, peers);
            expect((await run()).status).toBe(0);
            expect(await asked()).toEqual([`${peers.join(" ")} jq`]);
        });

        it("takes a newer one, loudly, of what the mirror has no more, and theirs of the rest", async () => {
            preparePeers(peers, [peers[2]!]);
            const result = await run();
            expect(result.status).toBe(0);
            expect((await asked()).at(-1)).toBe(`postgresql17 postgresql17-server ${peers[2]} jq`);
            expect(result.stdout).toMatch(
                /WARNING: the mirror does not have all that the other nodes run\. They have postgresql17-17\.6-1PGDG\.rhel9 .*, this node gets postgresql17 postgresql17-server etcd-3\.6\.6-2PGDG\.rhel9 jq/,
            );
        });

        it("takes the newest of all where their versions do not fit together", async () => {
            preparePeers(peers, peers);
            scratch.stub(
                "/usr/local/bin/dnf",
                '[[ $* == *PGDG* ]] && { echo " - nothing provides libssl.so.1 needed by etcd" >&2; exit 1; }',
                'printf "%s\n" ${*#*install} >>/tmp/installed',
            );
            expect((await run()).status).toBe(0);
            expect((await asked()).at(-1)).toBe("postgresql17 postgresql17-server etcd jq");
        });

        it("stops where not even the newest can be had", async () => {
            preparePeers(peers, peers);
            dnfSays("No match for argument: jq");
            expect((await run()).status).toBe(65);
            expect(await asked()).toHaveLength(2);
        });
    });

    it("gives up at its deadline, before any unit is started", async () => {
        prepare({ deadlineSeconds: 2 });
        scratch.write({ path: "/tmp/no-mirror", content: "" });
        const started = Date.now();
        expect((await run()).status).toBe(124);
        expect(Date.now() - started).toBeLessThan(6000);
        expect((await scratch.calls()).filter((call) => call.startsWith("systemctl "))).toEqual([]);
    });

    it("gives up earlier where its caller has less time left", async () => {
        prepare({ deadlineSeconds: 60 });
        scratch.write({ path: "/tmp/no-mirror", content: "" });
        const started = Date.now();
        expect((await scratch.run(installed("first-boot"), [], { env: { REMAINING_SECONDS: "2" } })).status).toBe(124);
        expect(Date.now() - started).toBeLessThan(6000);
    });

    it("restarts nothing on a machine whose first boot is complete, and starts what is new", async () => {
        prepare({ units: ["nftables.service", "new.service", "last.path"] });
        scratch.stub("/usr/local/bin/systemctl");
        expect((await run()).status).toBe(0);
        const calls = (await scratch.calls()).filter((call) => call.startsWith("systemctl "));
        expect(calls.filter((call) => call.includes("restart"))).toEqual([]);
        expect(calls).toEqual(
            expect.arrayContaining(["systemctl enable --quiet new.service", "systemctl start new.service"]),
        );
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

    it.each(["firewalld", "tuned"])("ends %s, which would have the last word at each boot", async (unit) => {
        prepare();
        await run();
        expect(await scratch.calls()).toContain(`systemctl disable --quiet --now ${unit}`);
    });

    it("fails when SELinux refuses a command", async () => {
        prepare({ selinux: ["false"] });
        scratch.stub("/usr/local/bin/getenforce", "echo Enforcing");
        expect((await run()).status).toBe(1);
    });

    it("fails when a unit does not start", async () => {
        prepare({ units: ["one.service", "two.timer"] });
        scratch.stub("/usr/local/bin/systemctl", '[[ "$*" != "restart one.service" && $* != *is-enabled* ]]');
        expect((await run()).status).toBe(1);
        expect(await scratch.calls()).not.toContain("systemctl restart two.timer");
    });

    it("goes on where the kernel refuses a parameter, and says so", async () => {
        prepare();
        scratch.stub("/usr/local/bin/systemctl", '[[ "$*" != "restart systemd-sysctl" && $* != *is-enabled* ]]');
        const result = await run();
        expect(result.status).toBe(0);
        expect(result.stdout).toContain("some kernel parameters could not be set");
    });
});

describe("the watchdog", () => {
    /** /dev is the host's: what is made there must not reach it. */
    const ownDevices = "mount -t tmpfs tmpfs /dev; touch /dev/null; chmod 0666 /dev/null;";
    beforeEach(() => scratch.write({ path: "/sys/class/watchdog/watchdog0/identity", content: "i6300ESB: timer\n" }));

    it.each([
        ["which Patroni may open", "mknod /dev/watchdog c 10 130; chown postgres /dev/watchdog;", "i6300ESB timer"],
        ["which only root may open", "mknod -m 0600 /dev/watchdog c 10 130;", "none"],
        ["which is not there", "", "none"],
    ])("Patroni reports %s", async (_, devices, expected) => {
        const machine = machineOf(renderCluster(), "database");
        writeUserDataFiles(scratch, parse(machine.userData).write_files);
        scratch.stub("/usr/local/bin/rpm", "echo etcd-3.6.6-1PGDG.rhel9");
        const result = await scratch.bash(
            `${ownDevices} ${devices} ${programPath} describe-node; cat /etc/patroni/node.yml`,
        );
        expect(parse(result.stdout)).toEqual({
            restapi: {
                https_extra_headers: {
                    "Postgres-Ha-Packages": "etcd-3.6.6-1PGDG.rhel9",
                    "Postgres-Ha-Watchdog": expected,
                },
            },
        });
    });

    it.each([
        ["which Patroni holds", "touch /dev/watchdog; sleep 60 3>/dev/watchdog &", "i6300ESB: timer, held by Patroni"],
        [
            "which nobody holds",
            "touch /dev/watchdog; sleep 60 &",
            "i6300ESB: timer, not held by Patroni (it holds it while it leads)",
        ],
        ["which is not there", "sleep 60 &", "none, nothing resets this machine when it leads and hangs"],
    ])("%s greets an administrator", async (_, devices, expected) => {
        writeUserDataFiles(scratch, parse(machineOf(renderCluster(), "database").userData).write_files);
        scratch.stub("/usr/local/bin/systemctl", "cat /tmp/pid");
        scratch.stub("/usr/local/bin/sudo", 'shift; exec "$@"');
        const result = await scratch.bash(`${ownDevices} ${devices} echo $! >/tmp/pid; ${installed("welcome")}`);
        expect(result.stdout).toContain(`\nWatchdog: ${expected}\n`);
    });
});

describe("kernel-parameters", () => {
    it("names what is not in force, and never fails", async () => {
        scratch.write(installedScript("kernel-parameters.sh"), {
            path: "/etc/sysctl.d/90-postgres-ha-network.conf",
            content:
                "net.ipv4.tcp_keepalive_time = 60\nnet.ipv4.ip_local_port_range = 10240 65000\nnet.core.no_such = 1\n",
        });
        const result = await scratch.bash(
            `sysctl --quiet --write net.ipv4.ip_local_port_range='10240 65000' net.ipv4.tcp_keepalive_time=61; ${installed("kernel-parameters")}`,
        );
        expect(result.status).toBe(0);
        expect(result.stdout.replaceAll(/^.*?: /gm, "")).toBe(
            "WARNING: net.ipv4.tcp_keepalive_time is 61, not 60\nWARNING: net.core.no_such is not there, not 1\n",
        );
    });

    it("says nothing where all are", async () => {
        scratch.write(installedScript("kernel-parameters.sh"), {
            path: "/etc/sysctl.d/90-postgres-ha-network.conf",
            content: "net.ipv4.tcp_keepalive_time = 61\n",
        });
        expect(
            await scratch.bash(
                `sysctl --quiet --write net.ipv4.tcp_keepalive_time=61; ${installed("kernel-parameters")}`,
            ),
        ).toEqual({ status: 0, stdout: "", stderr: "", output: "" });
    });
});
