import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { groupsBelow, killGroup, processesOf, removeGroup } from "./cgroups.ts";
import { releaseAll } from "./disks.ts";
import { paths, type Site } from "./names.ts";
import { deleteNamespace, namespacesWithPrefix } from "./namespaces.ts";
import { attempt, waitFor } from "./run.ts";

/**
 * Ends everything of a testbed that runs. It finds things by their names alone, so it also works after a crash and with
 * an incomplete folder. Machines lose their power; disks and records stay.
 */
export async function tearDown(site: Site): Promise<void> {
    const groups = groupsBelow(site.prefix);
    // All at the same moment, so that no machine notices the loss of another.
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

/** Removes the folder that `ip netns` mounts and leaves behind, unless other namespaces are in it. */
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
