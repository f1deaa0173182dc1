/** Which database machines do not run, during work that stops them. */
import { machineStatuses } from "../testbed/machines/status.ts";
import { stackSetting } from "./stack-settings.ts";
import { site } from "./this-testbed.ts";

/** Host names of the database nodes whose machines do not run now, or do not exist. */
export async function away(): Promise<string[]> {
    const nodes = Array.from(
        { length: Number(stackSetting("databaseNodes") ?? 3) },
        (_, index) => `main-db-${index + 1}`,
    );
    // A machine may be deleted while it is looked at.
    const statuses = await machineStatuses(site).catch(() => undefined);
    if (statuses === undefined) return away();
    return nodes.filter((node) => !statuses.some(({ hostname, state }) => hostname === node && state === "running"));
}

/** Looks ten times a second who is away. @returns ends the watch and returns every set of machines that were away together */
export function watchAbsences(): () => Promise<readonly (readonly string[])[]> {
    const seen: string[][] = [[]];
    let over = false;
    const watching = (async () => {
        while (!over) {
            const now = await away();
            if (now.join() !== seen.at(-1)!.join()) seen.push(now);
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    })();
    return async () => {
        over = true;
        await watching;
        return seen.filter((names) => names.length > 0);
    };
}
