/** Rules that hold for everything rendered, whatever the configuration. */
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { mergeParts, type MachineFile } from "../../cloud-init/machine/configuration.ts";
import { quote, renderBundle, renderUserData, unit } from "../../cloud-init/machine/user-data.ts";
import { dynamicConfiguration } from "../../cloud-init/services/patroni.ts";
import { callbackActions } from "../../cluster/names.ts";
import { keys } from "../../settings/index.ts";
import { sqlRoles } from "../../cluster/names.ts";
import { configurations, fileOf, hostKey, machineOf, passwords, renderCluster } from "../support/rendered-cluster.ts";

const MAXIMUM_USER_DATA_BYTES = 256 * 1024;

const clusters = [
    ...Object.entries(configurations),
    ...["fast", "normal", "safe"].flatMap((profile) =>
        ["quorum", "strict", "off"].map(
            (synchronousMode) => [`profile ${profile}, ${synchronousMode}`, { profile, synchronousMode }] as const,
        ),
    ),
].map(([name, configuration]) => [name, renderCluster(configuration)] as const);

describe.each(clusters)("with %s", (_, cluster) => {
    const files = cluster.machines.flatMap(({ configuration }) => configuration.files);

    it("user-data holds no secret but the SSH host key", () => {
        const secrets = [
            ...Object.values(passwords),
            ...files.filter(({ secret }) => secret).map(({ content }) => content.trim()),
        ];
        expect(secrets.length).toBeGreaterThan(10);
        for (const { userData, node } of cluster.machines) {
            for (const secret of secrets) expect(userData.includes(secret), node.hostname).toBe(false);
            expect(userData.match(/PRIVATE KEY-----/g), node.hostname).toHaveLength(2);
            expect(parse(userData).ssh_keys.ed25519_private).toBe(hostKey.privateKeyOpenssh);
        }
    });

    it("user-data is smaller than Yandex allows", () => {
        for (const { userData, node } of cluster.machines)
            expect(Buffer.byteLength(userData), node.hostname).toBeLessThan(MAXIMUM_USER_DATA_BYTES);
    });

    it("every file has an absolute path, an octal mode and an owner", () => {
        for (const { path, mode = "0644", owner = "root:root" } of files) {
            expect(path).toMatch(/^(\/[A-Za-z0-9._@-]+)+$/);
            expect(path).not.toContain("..");
            expect(mode, path).toMatch(/^0[0-7]{3}$/);
            expect(owner, path).toMatch(/^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$/);
        }
    });

    it("only the owner and its group can read a private key or a password", () => {
        const sensitive = files.filter(
            ({ content }) =>
                /PRIVATE KEY-----/.test(content) ||
                Object.values(passwords).some((password) => content.includes(password)),
        );
        expect(sensitive.length).toBeGreaterThan(0);
        for (const { path, mode, secret } of sensitive) {
            expect(secret, path).toBe(true);
            expect(mode, path).toMatch(/^06[04]0$/);
        }
    });

    it("only root can write to any file", () => {
        for (const { path, mode = "0644" } of files) expect(Number.parseInt(mode, 8) & 0o022, path).toBe(0);
    });

    it("user-data and bundle agree on every file that both have", () => {
        for (const { userData, bundle } of cluster.machines) {
            const later = new Map(
                (JSON.parse(bundle).files as { path: string; content: string; mode: string }[]).map((file) => [
                    file.path,
                    file,
                ]),
            );
            for (const { path, content, permissions } of parse(userData).write_files) {
                expect(later.get(path)).toMatchObject({ content, mode: permissions });
            }
        }
    });

    it("lets the services start only when all else of the bundle is in place", () => {
        for (const { bundle } of cluster.machines)
            expect(JSON.parse(bundle).files.at(-1).path).toBe("/var/lib/postgres-ha/secrets-received");
    });

    it("leaves a data disk that carries somebody's file system alone", () => {
        for (const { userData, role } of cluster.machines) {
            const { fs_setup: fileSystems, mounts } = parse(userData);
            if (role !== "database") {
                expect(fileSystems).toBeUndefined();
                continue;
            }
            // Without a command of ours cloud-init formats it, whatever `overwrite` says.
            const cmd = "/usr/local/libexec/postgres-ha/format-data-disk %(device)s %(label)s";
            expect(fileSystems).toEqual([
                { device: "/dev/disk/by-id/virtio-data", label: "pgdata", filesystem: "ext4", partition: "none", cmd },
            ]);
            expect(mounts[0].slice(0, 2)).toEqual(["/dev/disk/by-id/virtio-data", "/var/lib/pgsql"]);
        }
    });

    it("checks signatures of every repository", () => {
        const repositories = files.filter(({ path }) => path.startsWith("/etc/yum.repos.d/"));
        expect(repositories.length).toBeGreaterThan(0);
        for (const { path, content } of repositories) {
            expect(content, path).toMatch(/^gpgcheck=1$/m);
            // A key that a mirror gives is the mirror's word for itself.
            expect(content, path).toMatch(/^gpgkey=file:\/\/\/etc\/pki\/rpm-gpg\/\S+$/m);
            if (path.includes("pgdg")) expect(content, path).toMatch(/^repo_gpgcheck=1$/m);
        }
    });

    it("lets no repository that is gone stop updates from the others", () => {
        for (const { path, content } of files.filter(({ path }) => path.startsWith("/etc/yum.repos.d/")))
            expect(content, path).toMatch(/^skip_if_unavailable=1$/m);
    });

    it("knows the fingerprint of each key that the image does not bring", () => {
        for (const machine of cluster.machines.filter(({ role }) => role === "database")) {
            const keys = machine.configuration.files.flatMap(({ path, content }) =>
                path.startsWith("/etc/yum.repos.d/") ? [/^gpgkey=file:\/\/(.*)$/m.exec(content)![1]!] : [],
            );
            const known = fileOf(machine, "/etc/postgres-ha/repository-keys")
                .content.trimEnd()
                .split("\n")
                .map((line) => line.split(" "));
            for (const [fingerprint] of known) expect(fingerprint).toMatch(/^[0-9A-F]{40}$/);
            expect(known.map(([, file]) => file).sort()).toEqual(
                [...new Set(keys)].filter((key) => !key.endsWith("AlmaLinux-9")).sort(),
            );
        }
    });

    it("lets no module of the distribution hide PostgreSQL's own packages", () => {
        const repositories = files.filter(({ path }) => path.startsWith("/etc/yum.repos.d/pgdg"));
        expect(repositories.length).toBeGreaterThan(0);
        for (const { path, content } of repositories) {
            expect(content, path).toMatch(/^module_hotfixes=1$/m);
        }
    });

    it("tells every database node of every other", () => {
        for (const machine of cluster.machines.filter(({ role }) => role === "database")) {
            const etcd = parse(fileOf(machine, "/etc/postgres-ha/etcd.yaml").content);
            const patroni = parse(fileOf(machine, "/etc/patroni/patroni.yml").content);
            const names = cluster.plan.nodes.database.map(
                ({ hostname, address }) => `${hostname}=https://${address}:2380`,
            );
            expect(etcd["initial-cluster"].split(",")).toEqual(names);
            expect(etcd.name).toBe(machine.node.hostname);
            expect(patroni.name).toBe(machine.node.hostname);
            expect(patroni.etcd3.hosts).toEqual(cluster.plan.nodes.database.map(({ address }) => `${address}:2379`));
            expect(
                patroni.postgresql.pg_hba.filter(
                    (line: string) =>
                        line.startsWith("hostssl replication replicator") &&
                        line.includes("/32") &&
                        !line.includes("127."),
                ),
            ).toHaveLength(names.length);
        }
    });

    it("never trusts a connection without a password", () => {
        const { pg_hba: rules } = parse(
            fileOf(machineOf(cluster, "database"), "/etc/patroni/patroni.yml").content,
        ).postgresql;
        for (const rule of rules)
            expect(rule).toMatch(/^(local all postgres peer map=administrators|(local|hostssl) .* scram-sha-256)$/);
    });
});

describe("PostgreSQL's RPM repository", () => {
    const baseUrls = (configuration: object) =>
        machineOf(renderCluster({ ...configuration }), "database").configuration.files.flatMap(({ path, content }) =>
            path.startsWith("/etc/yum.repos.d/pgdg") ? [/^baseurl=(.*)$/m.exec(content)![1]] : [],
        );

    it("has the folders that its own pgdg-redhat-all.repo names", () => {
        expect(baseUrls({})).toEqual(
            ["17", "common", "extras"].map(
                (part) => `https://download.postgresql.org/pub/repos/yum/${part}/redhat/rhel-9-$basearch`,
            ),
        );
    });

    it("can be that of one minor release", () => {
        expect(baseUrls({ pgdgRelease: "9.8" })).toEqual(
            ["17", "common", "extras"].map(
                (part) => `https://download.postgresql.org/pub/repos/yum/${part}/redhat/rhel-9.8-$basearch`,
            ),
        );
    });
});

describe("dynamicConfiguration", () => {
    const { settings } = renderCluster();
    const dynamic = (synchronousMode: "quorum" | "strict" | "off") =>
        dynamicConfiguration({
            timings: settings.highAvailability.timings.patroni,
            restartParameters: [],
            maximumLagOnFailoverBytes: 1,
            synchronousMode,
            synchronousNodeCount: 1,
            logicalSlots: [],
            parameters: {},
        });

    it.each([
        ["quorum", { synchronous_mode: "quorum", synchronous_mode_strict: false, maximum_lag_on_failover: 1024 ** 5 }],
        ["strict", { synchronous_mode: true, synchronous_mode_strict: true, maximum_lag_on_failover: 1024 ** 5 }],
        ["off", { synchronous_mode: false, synchronous_mode_strict: false, maximum_lag_on_failover: 1 }],
    ] as const)("in mode %s", (mode, expected) => {
        expect(dynamic(mode)).toMatchObject({ ...expected, failsafe_mode: true, check_timeline: true });
    });
});

describe("Patroni's callbacks", () => {
    const scripts = (patroniCallbacks: object) =>
        machineOf(renderCluster({ patroniCallbacks }), "database").configuration.files.filter(({ path }) =>
            path.startsWith("/etc/postgres-ha/callbacks/"),
        );

    it("are all configured in Patroni", () => {
        const machine = machineOf(renderCluster(), "database");
        const { callbacks } = parse(fileOf(machine, "/etc/patroni/patroni.yml").content).postgresql;
        expect(Object.keys(callbacks)).toEqual([...callbackActions]);
    });

    it("have the configured texts, for bash unless they say otherwise, which only Patroni's account can read", () => {
        const access = { owner: "root:postgres", mode: "0750", secret: true };
        const found = scripts({ on_start: "echo started", on_stop: "#!/usr/bin/python3\nprint()\n" });
        expect(found).toMatchObject([
            { path: expect.stringMatching(/on_start$/), content: "#!/bin/bash\necho started\n", ...access },
            { path: expect.stringMatching(/on_stop$/), content: "#!/usr/bin/python3\nprint()\n", ...access },
        ]);
    });

    it("have no file where there is no script", () => {
        expect(scripts({})).toEqual([]);
    });
});

describe("names of the cluster's own roles", () => {
    it("are the ones that settings refuse for users", () => {
        expect(keys.users.kind.safeParse([{ name: "reports", databases: ["app"] }]).success).toBe(true);
        for (const name of Object.values(sqlRoles)) {
            expect(keys.users.kind.safeParse([{ name, databases: ["app"] }]).success, name).toBe(false);
        }
    });
});

describe("mergeParts", () => {
    const file = (path: string): MachineFile => ({ path, content: "" });

    it("keeps the order and drops repeated packages and groups", () => {
        const merged = mergeParts([
            { packages: ["a", "b"], groups: ["g"], files: [file("/1")] },
            { packages: ["b", "c"], groups: ["g"], files: [file("/2")] },
        ]);
        expect(merged.packages).toEqual(["a", "b", "c"]);
        expect(merged.groups).toEqual(["g"]);
        expect(merged.files.map(({ path }) => path)).toEqual(["/1", "/2"]);
    });

    it("refuses two parts that write one path", () => {
        expect(() => mergeParts([{ files: [file("/1")] }, { files: [file("/1")] }])).toThrow(
            "two parts of a machine write /1",
        );
    });
});

describe("rendering", () => {
    const identity = {
        hostname: "a",
        fqdn: "a.internal",
        adminUser: "admin",
        authorizedKeys: ["ssh-ed25519 AAAA"],
        hostKey,
        timeZone: "UTC",
    };

    it("leaves secret files out of user-data and puts them into the bundle", () => {
        const configuration = mergeParts([
            {
                files: [
                    { path: "/open", content: "o" },
                    { path: "/secret", content: "TopSecret", secret: true },
                ],
            },
        ]);
        expect(renderUserData(identity, configuration)).not.toContain("TopSecret");
        expect(
            parse(renderUserData(identity, configuration)).write_files.map(({ path }: { path: string }) => path),
        ).toContain("/open");
        expect(JSON.parse(renderBundle(configuration)).files.map(({ path }: { path: string }) => path)).toEqual(
            expect.arrayContaining(["/open", "/secret"]),
        );
    });

    it("keeps contents whole that YAML could mangle", () => {
        const content = "#comment\n\ttab: 'x' \"y\" \\n\n- {a}: %b\n\n\nend without newline";
        const configuration = mergeParts([{ files: [{ path: "/a", content }] }]);
        expect(
            parse(renderUserData(identity, configuration)).write_files.find(
                ({ path }: { path: string }) => path === "/a",
            ).content,
        ).toBe(content);
    });

    it("writes units with repeated keys for lists", () => {
        expect(unit({ Unit: { Description: "x" }, Service: { ExecStart: ["", "/a"] } })).toBe(
            "[Unit]\nDescription=x\n\n[Service]\nExecStart=\nExecStart=/a\n",
        );
    });

    it("quotes for bash", () => {
        expect(quote("it's $HOME")).toBe("'it'\\''s $HOME'");
    });
});
