/**
 * The testbed of this checkout. A host runs one, unless the environment numbers them: with `TESTBED=2` a
 * second checkout has machines of its own beside the first one's (`TESTBED=1`, the default).
 */
import { join } from "node:path";
import type { Site } from "../testbed/machines/names.ts";

const number = numberOf(process.env["TESTBED"] ?? "1");

const repository = join(import.meta.dirname, "..");

export const site: Site = { folder: join(repository, ".testbed"), prefix: number === 1 ? "pgha" : `pgha${number}` };

/** The stack's configuration, which `npm run local` writes where there is none. */
export const stackFile = join(repository, "Pulumi.local.yaml");

/** What Pulumi's backend keeps in files for the stack: its state, and a folder with a file for each lock that is held. */
const backend = join(site.folder, "pulumi/.pulumi");
export const stateFile = join(backend, "stacks/postgres-ha/local.json");
export const lockFolder = join(backend, "locks/organization/postgres-ha/local");

/** The cloud API's port of 127.0.0.1. The endpoint in the provider's settings names it, so it is the same on every host. */
export const apiPort = 18442 + number;

/** The first three numbers of the cloud's public addresses; 127.0.0.0/8 is all the host's. */
export const publicNetwork = `127.${76 + number}.0`;

function numberOf(text: string): number {
    if (!/^[1-9]$/.test(text)) throw new Error(`TESTBED is a number from 1 to 9, not ${text}`);
    return Number(text);
}
