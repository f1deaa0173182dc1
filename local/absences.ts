/** Which database machines do not run, during work that stops them. */
import { machineStatuses } from "../testbed/machines/status.ts";
import { site } from "./this-testbed.ts";

/** Host names of the database nodes whose machines do not run now. */
export async function away(): Promise<string[]> {
    const statuses = await machineStatuses(site);
    return statuses
        .filter(({ hostname, state }) => /-db-\d+$/.test(hostname) && state !== "running")
        .map(({ hostname }) => hostname);
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
