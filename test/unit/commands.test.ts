/** The command lines that go to machines over SSH. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

import {
    checkClusterCommand,
    createDatabaseObjectsCommand,
    reconcileMembersCommand,
} from "../../cloud-init/roles/database-node.ts";
import { findBySshCommand, waitForSshCommand } from "../../cloud-init/roles/jump-host.ts";
import { script, scriptDirectory } from "../../cloud-init/machine/scripts.ts";
import { configureCommand } from "../../cloud-init/machine/user-data.ts";
import { configurations, machineOf, renderCluster } from "../support/rendered-cluster.ts";
import { scriptNames } from "../support/scripts.ts";

const cluster = renderCluster(configurations["five nodes, safe, strict, two load balancers, a mirror"]);
const members = cluster.plan.nodes.database.map(({ hostname, fqdn, address }) => ({ name: hostname, fqdn, address }));
const targets = members.map(({ name, address }) => `${name}=${address}`);
const commands = {
    configure: configureCommand(machineOf(cluster, "database").configuration, 3900, 900),
    objects: createDatabaseObjectsCommand(300),
    members: reconcileMembersCommand(300),
    check: checkClusterCommand(300),
    wait: waitForSshCommand(targets, 300),
    find: findBySshCommand(targets, 300),
};

describe("a command", () => {
    it.each(Object.entries(commands))("%s calls a script that its machine has", (_, command) => {
        const [path] = command.replace(/^sudo (env \S+ )?/, "").split(" ");
        const installed = cluster.machines.flatMap(({ configuration }) => configuration.files).map((file) => file.path);
        expect(installed).toContain(path);
    });

    it.each(Object.entries(commands))("%s is one line of words that no shell changes", (_, command) => {
        const { stdout } = spawnSync("bash", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" });
        expect(stdout.trimEnd().split("\n")).toEqual(command.split(" "));
    });

    it("to configure a machine waits for all of its units", () => {
        const { units, unitsWithSecrets } = machineOf(cluster, "database").configuration;
        expect(commands.configure.split(" ").slice(5)).toEqual([...units, ...unitsWithSecrets]);
        expect(unitsWithSecrets).toEqual(
            expect.arrayContaining(["etcd.service", "patroni.service", "pgbouncer-guard.service"]),
        );
    });
});

describe("scripts", () => {
    it("are installed without their suffix, to be run by root and read by all", () => {
        for (const name of scriptNames)
            expect(script(name)).toMatchObject({
                path: `${scriptDirectory}/${name.replace(/\.\w+$/, "")}`,
                mode: "0755",
            });
    });

    it("are on some machine, each of them", () => {
        const installed = new Set(
            cluster.machines.flatMap(({ configuration }) => configuration.files).map(({ path }) => path),
        );
        for (const name of scriptNames) expect(installed).toContain(script(name).path);
    });
});
