import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { groupsBelow, killGroup, processesOf, removeGroup } from "./cgroups.ts";
import { releaseAll } from "./disks.ts";
import { paths, type Site } from "./names.ts";
import { deleteNamespace, namespacesWithPrefix } from "./namespaces.ts";
import { attempt, waitFor } from "./run.ts";

/**
 * Ends everything that a testbed has running, found by its names alone, so that it also works after a
 * crash and with half of the folder gone. Machines lose their power; disks and records stay.
 */
export async function tearDown(site: Site): Promise<void> {
    const groups = groupsBelow(site.prefix);
    // All at once, before any of them can notice that another is gone.
    killGroup(site.prefix);
    const ended = await waitFor(10, () => (processesOf(site.prefix).length === 0 ? true : undefined));
    if (!ended) throw new Error(`processes of the control group ${site.prefix} do not end`);
    const removed = await waitFor(10, () => quietly(() => removeGroup(site.prefix)));
    if (!removed) throw new Error(`the control group ${site.prefix} cannot be removed`);

    for (const name of namespacesWithPrefix(site.prefix)) await deleteNamespace(name);
    await releaseAll(site);
    rmSync(paths.run(site), { recursive: true, force: true });
    for (const file of [paths.faults(site), paths.balancing(site)]) rmSync(file, { force: true });
    for (const id of groups) quietly(() => rmdirSync(`/run/systemd/nspawn/propagate/${id}`));
    await removeNamespaceFolder();
}

/** `ip netns` mounts its folder and leaves it behind; it goes if nobody else has a namespace. */
async function removeNamespaceFolder(): Promise<void> {
    const folder = "/run/netns";
    const isEmpty = quietly(() => {
        if (readdirSync(folder).length > 0) throw new Error("in use");
    });
    if (!isEmpty) return;
    await attempt("umount", [folder]);
    quietly(() => rmdirSync(folder));
}

function quietly(action: () => void): true | undefined {
    try {
        action();
        return true;
    } catch {
        return undefined;
    }
}
