/**
 * The testbed of this checkout: its folder, and the names and ports that belong to its number.
 *
 * A host can run up to nine testbeds beside each other. The environment variable TESTBED is the number of this
 * checkout's; the default is 1.
 */
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";

import type { Site } from "../testbed/machines/names.ts";

export const repository = join(import.meta.dirname, "..");

// STAND is the variable's name before TESTBED. A shell that still sets it must reach the testbed that it started.
const number = numberOf(process.env["TESTBED"] ?? process.env["STAND"] ?? "1");

export const site: Site = {
    folder: realFolder(join(repository, ".testbed")),
    prefix: number === 1 ? "pgha" : `pgha${number}`,
};

/** Everything that the testbed and the local stack keep. */
export const { folder } = site;

/** The stack's configuration. `npm run local` writes it if there is none. */
export const stackFile = join(repository, "Pulumi.local.yaml");

/** Pulumi's backend: a file with the stack's state, and a folder with one file for each lock in force. */
const backend = join(folder, "pulumi/.pulumi");
export const stateFile = join(backend, "stacks/postgres-ha/local.json");
export const lockFolder = join(backend, "locks/organization/postgres-ha/local");

/** The cluster's certificate authority in PEM, written by `npm run local`. */
export const caFile = join(folder, "cluster-ca.pem");

/** Port of the cloud's API on 127.0.0.1. The provider's endpoint contains it, so it is the same on every host. */
export const apiPort = 18442 + number;

/** The provider's configuration for the testbed's cloud. It takes any token. */
export const cloudConfiguration = {
    endpoint: `localhost:${apiPort}`,
    cloudId: "b1gtestbed0000000000",
    folderId: "b1gtestbed0000000001",
    token: "t1.testbed.local",
    zone: "ru-central1-a",
} as const;

/** First three numbers of the cloud's public addresses. All of 127.0.0.0/8 belongs to the host itself. */
export const publicNetwork = `127.${76 + number}.0`;

function numberOf(text: string): number {
    if (!/^[1-9]$/.test(text)) throw new Error(`TESTBED is a number from 1 to 9, not ${text}`);
    return Number(text);
}

/** Mounts and loop devices are found by their real paths, and `.testbed` can be a link to `.stand` (see tools/env.sh). */
function realFolder(path: string): string {
    return existsSync(path) ? realpathSync(path) : path;
}
