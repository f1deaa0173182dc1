/** What cloud-init makes of a machine, judged by the programs that will read it: each gets its files in their places. */
import { programPath } from "../../cloud-init/machine/program.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import {
    fileOf,
    configurations,
    hostKey,
    machineOf,
    renderCluster,
    writeUserDataFiles,
    type RenderedMachine,
} from "../support/rendered-cluster.ts";
import { ScratchMachine, type Result, type ScratchFile } from "../support/scratch-machine.ts";

const APPLY = "/usr/local/libexec/postgres-ha/apply";

/** A machine as it is after cloud-init and the first bundle, without anything running. */
async function prepare(machine: RenderedMachine): Promise<{ scratch: ScratchMachine; applied: Result }> {
    const scratch = new ScratchMachine();
    writeUserDataFiles(scratch, parse(machine.userData).write_files);
    scratch.write(
        { path: "/etc/ssh/ssh_host_ed25519_key", content: hostKey.privateKeyOpenssh, mode: "0600" },
        { path: "/etc/ssh/ssh_host_ed25519_key.pub", content: hostKey.publicKeyOpenssh },
    );
    scratch.stub("/usr/local/bin/systemctl");
    const applied = await scratch.run(APPLY, [], { input: machine.bundle });
    return { scratch, applied };
}

/** What systemd finds wrong with units; its log goes to standard error here, not to the kernel. */
const verifyUnits = (scratch: ScratchMachine, units: readonly string[]) =>
    scratch.run("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...units], {
        env: { SYSTEMD_LOG_TARGET: "console" },
    });

const expectClean = ({ status, output }: Result) => expect({ status, output }).toEqual({ status: 0, output: "" });

describe.each(Object.entries(configurations))("with %s", (_, configuration) => {
    const cluster = renderCluster(configuration);

    describe.each(["jumpHost", "database", "loadBalancer"] as const)("a %s", (role) => {
        const machine = machineOf(cluster, role);
        let scratch: ScratchMachine;
        let applied: Result;
        beforeAll(async () => {
            ({ scratch, applied } = await prepare(machine));
        });
        afterAll(() => scratch?.remove());

        it("has user-data that cloud-init's schema allows", async () => {
            scratch.write({ path: "/tmp/user-data", content: machine.userData });
            const result = await scratch.run("cloud-init", ["schema", "--config-file", "/tmp/user-data"]);
            expect(result.output).toMatch(/Valid schema/);
            expect(result.output).not.toMatch(/deprecat|invalid|error/i);
            expect(result.status).toBe(0);
        });

        it("gets by its first bundle what user-data could not give it, and nothing else", () => {
            expect(applied.stderr).toBe("");
            const changed = applied.stdout.split("\n").flatMap((line) => /^changed (.*)$/.exec(line)?.[1] ?? []);
            const expected = machine.configuration.files
                .filter((file) => file.secret === true || (file.owner ?? "root:root") !== "root:root")
                .map(({ path }) => path);
            const own = ["described.json", "secrets-received"].map((name) => `/var/lib/postgres-ha/${name}`);
            expect(changed.sort()).toEqual([...expected, ...own].sort());
        });

        it("has every file with its owner and permissions", async () => {
            const found = await scratch.run("stat", [
                "--format=%n %U:%G %a",
                ...machine.configuration.files.map(({ path }) => path),
            ]);
            expect(found.stdout.trimEnd().split("\n")).toEqual(
                machine.configuration.files.map(
                    ({ path, owner, mode }) => `${path} ${owner ?? "root:root"} ${(mode ?? "0644").replace(/^0/, "")}`,
                ),
            );
        });

        it("has an sshd that accepts its configuration and keeps to it", async () => {
            expectClean(await scratch.bash("mkdir -p /run/sshd && sshd -t"));
            const settings = (await scratch.bash("mkdir -p /run/sshd && sshd -T")).stdout.split("\n");
            expect(settings).toEqual(
                expect.arrayContaining([
                    "permitrootlogin no",
                    "passwordauthentication no",
                    "kbdinteractiveauthentication no",
                    "hostkey /etc/ssh/ssh_host_ed25519_key",
                    "clientaliveinterval 30",
                    `allowtcpforwarding ${role === "jumpHost" ? "local" : "no"}`,
                ]),
            );
            expect(settings.filter((line) => line.startsWith("hostkey "))).toHaveLength(1);
        });

        it("has an sshd that heeds its configuration before the image's own files", async () => {
            // What AlmaLinux's recipe and installer write; of a value that comes twice, sshd keeps the first.
            const image = "/etc/ssh/sshd_config.d/01-permitrootlogin.conf";
            const effective = await scratch.bash(
                `mkdir -p /run/sshd; echo 'PermitRootLogin yes' >${image}; trap 'rm ${image}' EXIT; sshd -T`,
            );
            expect(effective.stdout).toMatch(/^permitrootlogin no$/m);
        });

        it("has a firewall that lets the answers of a DHCP server in", async () => {
            const loaded = await scratch.bash(
                "nft -f /etc/sysconfig/nftables.conf; nft list chain inet postgres_ha input",
            );
            expect(loaded.stdout).toMatch(/udp sport 67 udp dport 68 accept/);
        });

        it("has a firewall that nftables loads, and loads again without doubling it", async () => {
            const rules = "/etc/sysconfig/nftables.conf";
            expectClean(await scratch.run("nft", ["--check", "--file", rules]));
            const loaded = await scratch.bash(
                `nft -f ${rules}; nft list ruleset >/tmp/once; nft -f ${rules}; nft list ruleset | diff /tmp/once -; cat /tmp/once`,
            );
            expect(loaded.status).toBe(0);
            expect(loaded.stdout).toMatch(/hook input priority filter; policy drop;/);
        });

        it("has a chrony configuration that chronyd reads", async () => {
            const result = await scratch.run("chronyd", ["-p", "-f", "/etc/chrony.conf"]);
            expect(result).toMatchObject({ status: 0, stderr: "" });
            expect(result.stdout.split("\n").filter((line) => line.startsWith("pool "))).toHaveLength(
                cluster.settings.operatingSystem.ntpServers.length,
            );
        });

        it("has kernel parameters that sysctl understands", () => {
            const lines = machine.configuration.files
                .filter(({ path }) => path.startsWith("/etc/sysctl.d/"))
                .flatMap(({ content }) => content.trimEnd().split("\n"));
            expect(lines.length).toBeGreaterThan(0);
            for (const line of lines) expect(line).toMatch(/^(net|vm|kernel|fs)(\.[a-z0-9_]+)+ = \d+( \d+)*$/);
        });

        it("has units and drop-ins that systemd understands", async () => {
            const names = machine.configuration.files.flatMap(
                ({ path }) => /^\/etc\/systemd\/system\/([^/]+?)(\.d\/.*)?$/.exec(path)?.[1] ?? [],
            );
            const own = ["postgres-ha.target", "postgres-ha.path"];
            expectClean(await verifyUnits(scratch, [...new Set([...own, ...names])]));
        });

        it("asks only for units that its packages or its files bring", () => {
            const brought = machine.configuration.files.map(({ path }) => path.split("/").at(-1));
            const ofPackages: Record<string, readonly string[]> = {
                chrony: ["chronyd.service"],
                nftables: ["nftables.service"],
                "dnf-automatic": ["dnf-automatic.timer"],
                etcd: ["etcd.service"],
                patroni: ["patroni.service"],
                pgbouncer: ["pgbouncer.service"],
                haproxy: ["haproxy.service"],
            };
            const known = [...brought, ...machine.configuration.packages.flatMap((name) => ofPackages[name] ?? [])];
            expect(known).toEqual(
                expect.arrayContaining([...machine.configuration.units, ...machine.configuration.unitsWithSecrets]),
            );
        });

        if (role === "loadBalancer") {
            /** As a running HAProxy would leave it: with it down, every server would be worth a warning. */
            const everyServerUp = {
                path: "/var/lib/haproxy/servers",
                content: fileOf(machine, "/etc/postgres-ha/haproxy-servers").content.replace(
                    /^(1 \S+ 1 \S+ \S+) 0 /gm,
                    "$1 2 ",
                ),
            };

            it("has a configuration that HAProxy 3.0 accepts without a warning", async () => {
                await scratch.run("tee", [everyServerUp.path], { input: everyServerUp.content });
                expectClean(await scratch.run("haproxy", ["-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"]));
            });

            const readByOldHaproxy = async (...files: readonly ScratchFile[]) => {
                const old = new ScratchMachine("oldHaproxy");
                try {
                    old.write(
                        { path: "/etc/passwd", content: "root:x:0:0::/:/bin/sh\nhaproxy:x:99:99::/:/bin/sh\n" },
                        { path: "/etc/group", content: "root:x:0:\nhaproxy:x:99:\n" },
                        ...machine.configuration.files,
                        ...files,
                    );
                    return await old.run("haproxy", ["-c", "-f", "/etc/haproxy/haproxy.cfg"]);
                } finally {
                    await old.remove();
                }
            };

            it("has a configuration that HAProxy 2.6 accepts without a warning", async () => {
                const result = await readByOldHaproxy(everyServerUp);
                expect(result.output).not.toMatch(/WARNING|ALERT/);
                expect(result.status).toBe(0);
            });

            it("has a file by which HAProxy 2.6 takes every server as down", async () => {
                const { content } = fileOf(machine, "/etc/postgres-ha/haproxy-servers");
                const result = await readByOldHaproxy({ path: everyServerUp.path, content });
                expect(result.output.match(/is DOWN, changed from server-state/g)).toHaveLength(
                    2 * cluster.plan.nodes.database.length,
                );
                expect(result.status).toBe(0);
            });
        }

        if (role === "database") {
            it("has a configuration that Patroni finds valid", async () => {
                // The check looks for the server's programs and a data directory that Patroni can use.
                await scratch.bash(
                    "mkdir -p /run/patroni /run/postgresql && chown postgres: /run/patroni /run/postgresql && install -d -o postgres -g postgres /var/lib/pgsql",
                );
                const result = await scratch.run("runuser", [
                    "-u",
                    "postgres",
                    "--",
                    "patroni",
                    "--validate-config",
                    "/etc/patroni",
                ]);
                // Nothing runs here that could be reached, and Patroni 4.0's check does not know its own quorum mode yet.
                const complaints = result.output
                    .split("\n")
                    .filter((line) => line !== "" && !line.endsWith(" is not reachable"));
                expect(complaints).toEqual(
                    cluster.settings.highAvailability.synchronousMode === "quorum"
                        ? ["bootstrap.dcs.synchronous_mode quorum is not a boolean"]
                        : [],
                );
            });

            it("tells by Patroni's API what it is made of, in a file that Patroni finds valid", async () => {
                const names = machine.configuration.packages.filter((name) =>
                    /^(postgresql|patroni|etcd|pgbouncer)/.test(name),
                );
                const packages = names.map((name) => `${name}-1.2-3PGDG.rhel9`);
                const rpm = [
                    "#!/bin/bash",
                    `[ "$(printf '%s\\n' "\${@:4}" | sort)" = "$(printf '%s\\n' ${names.join(" ")} | sort)" ] || exit 99`,
                    `printf '%s\\n' ${packages.join(" ")} 'package gone is not installed'`,
                    "exit 1",
                ].join("\n");
                const described = await scratch.bash(
                    `cat >/usr/local/bin/rpm; chmod 0755 /usr/local/bin/rpm; ${programPath} describe-node; cat /etc/patroni/node.yml`,
                    { input: rpm },
                );
                expect(described.stderr).toBe("");
                const promised = fileOf(machine, "/etc/patroni/patroni.yml").content.includes("mode: automatic");
                expect(parse(described.stdout)).toEqual({
                    restapi: {
                        https_extra_headers: {
                            "Postgres-Ha-Packages": packages.join(" "),
                            ...(promised ? { "Postgres-Ha-Watchdog": "none" } : {}),
                        },
                    },
                });
                const result = await scratch.run("runuser", [
                    "-u",
                    "postgres",
                    "--",
                    "patroni",
                    "--validate-config",
                    "/etc/patroni",
                ]);
                expect(result.output).not.toMatch(/restapi|https_extra_headers|Traceback/);
            });

            it("names etcd's settings as etcd does", async () => {
                const help = (await scratch.run("etcd", ["--help"])).output;
                const flags = new Set([...help.matchAll(/^ +--([a-z0-9-]+)/gm)].map(([, flag]) => flag));
                const sections = ["client-transport-security", "peer-transport-security"];
                const keys = Object.keys(parse(fileOf(machine, "/etc/postgres-ha/etcd.yaml").content));
                expect(keys.filter((key) => !flags.has(key) && !sections.includes(key))).toEqual([]);
            });
        }
    });
});

describe("the checks themselves", () => {
    const scratch = new ScratchMachine();
    afterAll(() => scratch.remove());

    it.each([
        ["cloud-init", "/tmp/bad", "#cloud-config\nwrite_files: 5\n", "cloud-init schema --config-file /tmp/bad"],
        [
            "sshd",
            "/etc/ssh/sshd_config.d/10-bad.conf",
            "ClientAliveIntervall 30\n",
            "mkdir -p /run/sshd && ssh-keygen -A >/dev/null && sshd -t",
        ],
        [
            "nftables",
            "/tmp/bad",
            "table inet t { chain c { tcp dport { 22, 99999 } accept } }\n",
            "nft --check --file /tmp/bad",
        ],
        ["chronyd", "/tmp/bad", "poool 192.0.2.1\n", "chronyd -p -f /tmp/bad"],
        ["HAProxy", "/tmp/bad", "frontend f\n    mode tcp\n    bindd :5000\n", "haproxy -c -q -f /tmp/bad"],
        ["Patroni", "/tmp/bad", "scope: x\nname: 5\n", "patroni --validate-config /tmp/bad"],
    ])("fail where %s finds a mistake", async (_, path, content, command) => {
        scratch.write({ path, content });
        expect((await scratch.bash(command)).status).not.toBe(0);
    });

    it("hear what systemd says of a drop-in", async () => {
        scratch.write({
            path: "/etc/systemd/system/haproxy.service.d/bad.conf",
            content: "[Service]\nRestartSecond=1\n",
        });
        expect((await verifyUnits(scratch, ["haproxy.service"])).output).toMatch(/Unknown key.*RestartSecond/);
    });
});
