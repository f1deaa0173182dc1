import { describe, expect, test } from "vitest";

import { programPath } from "../../cloud-init/machine/program.ts";
import { clusterUp } from "./support/what-is-up.ts";
import { local, pulumi } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import { members, onMachine } from "../../local/machines.ts";

/** The repositories of packages, the keys that are trusted, and the versions that a new node installs. */
clusterUp();

const set = async (key: string, value: string) =>
    expect((await pulumi("config", "set", "--stack", "local", `postgres-ha:${key}`, value)).exitCode).toBe(0);
const etcdOf = async (name: string) => (await onMachine(name, "rpm", "-q", "etcd")).trim();

describe("a repository that does not answer", () => {
    // The beginning of what dnf-automatic does, up to the answer that there is nothing to do.
    const lookForUpdates = ["dnf", "--refresh", "--security", "check-update"];

    test("does not stop security updates from the others, and stops a first boot", async () => {
        await onMachine("db-1", "sed", "-i", "s#/extras/#/moved/#", "/etc/yum.repos.d/pgdg-rhel9-extras.repo");
        try {
            expect(await onMachine("db-1", ...lookForUpdates)).not.toMatch(/^Error/m);
            await expect(onMachine("db-1", ...lookForUpdates, "--setopt=*.skip_if_unavailable=0")).rejects.toThrow(
                /Status code: 404 for/,
            );
        } finally {
            await onMachine("db-1", "sed", "-i", "s#/moved/#/extras/#", "/etc/yum.repos.d/pgdg-rhel9-extras.repo");
        }
    });
});

describe("a replaced node", () => {
    const replaced = async () =>
        pulumi("up", "--yes", "--skip-preview", "--stack", "local", "--replace", "**:ComputeInstance::main-db-2");

    test("installs no package that is signed by another key than the configured one", async () => {
        const wrong = "ABCD".repeat(10);
        await set("pgdgKeyFingerprint", wrong);
        const { exitCode, output } = await replaced();
        expect(exitCode).not.toBe(0);
        expect(output).toMatch(/main-db-2.*the first boot failed/);
        expect(output).toMatch(
            new RegExp(
                `http://repo\\.testbed/pgdg/keys/PGDG-RPM-GPG-KEY-RHEL holds [0-9A-F]{40}, but the key must be ${wrong}`,
            ),
        );
        expect(await onMachine("db-2", "bash", "-c", "rpm -q etcd patroni postgresql17-server || true")).toBe(
            "package etcd is not installed\npackage patroni is not installed\npackage postgresql17-server is not installed\n",
        );
    });

    test("installs its peers' versions although the mirror has newer ones", async () => {
        const newest = await etcdOf("db-1");
        expect(newest).toMatch(/-2PGDG\./);
        const older = newest.replace("-2PGDG.", "-1PGDG.");
        for (const peer of ["db-1", "db-3"]) {
            await onMachine(peer, "dnf", "--quiet", "--assumeyes", "downgrade", older);
        }
        const peerPackages = () => onMachine("db-1", programPath, "peer-packages");
        expect(
            await eventually(30, peerPackages, (packages) => packages.includes(older.replace(".x86_64", ""))),
        ).toContain("postgresql17-server-");
        // With the mirror's own key again, the machine's first boot continues.
        const output = await local();
        expect(await etcdOf("db-2")).toBe(older);
        // The check has read the headers of every node. No machine of the testbed has a watchdog.
        expect(output).toMatch(/warning: no watchdog on main-db-1 main-db-2 main-db-3/);
        expect(output).not.toContain("different versions");
        expect((await members()).map(({ State }) => State).sort()).toEqual(["running", "streaming", "streaming"]);
    });
});
