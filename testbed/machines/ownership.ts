import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import type { Site } from "./names.ts";
import { namespacesWithPrefix } from "./namespaces.ts";

/**
 * Last part of the names of socket and owner file. The first one is in use; a daemon or machines of an earlier
 * version can still run under the others.
 */
const generations = ["testbed", "stand"] as const;
type Generation = (typeof generations)[number];

/**
 * A prefix belongs to one testbed, because its namespaces and addresses have the same names in every clone. The
 * daemon holds a socket in the kernel's abstract namespace: one process at a time can have it, and it is free again
 * however that process ends. A process that connects to it gets a DaemonInfo.
 */
const socketOf = (site: Site, generation: Generation = generations[0]): string => `\0${site.prefix}-${generation}`;

/** Contains the path of the folder whose machines run. They can run without a daemon. */
const ownerFile = (site: Site, generation: Generation = generations[0]): string => `/run/${site.prefix}-${generation}`;

export interface DaemonInfo {
    pid: number;
    folder: string;
    /** Whether the cloud's API can be used. */
    ready: boolean;
    /** Hash of the code that the daemon runs; absent in daemons that started before there was one. */
    version?: string;
}

export class DaemonLock {
    private ready = false;
    private readonly server: Server;

    private constructor(server: Server) {
        this.server = server;
    }

    /**
     * @param version hash of this process's code
     * @throws Error if another daemon has the lock
     */
    static async take(site: Site, version: string): Promise<DaemonLock> {
        const server = createServer((socket) => {
            socket.on("error", () => undefined);
            socket.end(
                JSON.stringify({
                    pid: process.pid,
                    folder: site.folder,
                    ready: lock.ready,
                    version,
                } satisfies DaemonInfo),
            );
        });
        const lock = new DaemonLock(server);
        await new Promise<void>((resolve, reject) => {
            server.once("error", () => reject(new Error("a testbed's daemon is running already")));
            server.listen(socketOf(site), resolve);
        });
        forgetOwner(site); // also under the name of an earlier version
        writeFileSync(ownerFile(site), site.folder);
        return lock;
    }

    /** From now on the daemon reports that it is ready. */
    announce(): void {
        this.ready = true;
    }

    release(): void {
        this.server.close();
    }
}

/** Asks the testbed's daemon who it is; undefined if there is none. */
export async function askDaemon(site: Site): Promise<DaemonInfo | undefined> {
    for (const generation of generations) {
        const daemon = await ask(socketOf(site, generation));
        if (daemon) return daemon;
    }
    return undefined;
}

function ask(path: string): Promise<DaemonInfo | undefined> {
    return new Promise((resolve) => {
        let text = "";
        const socket = connect(path);
        socket.setEncoding("utf8").setTimeout(5000, () => socket.destroy());
        socket.on("data", (part: string) => (text += part));
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(text ? (JSON.parse(text) as DaemonInfo) : undefined));
    });
}

/** The folder of the testbed that has this prefix on this host, with or without a daemon; undefined if there is none. */
export function ownerOf(site: Site): string | undefined {
    if (namespacesWithPrefix(site.prefix).length === 0) return undefined;
    const file = ownerFiles(site).find(existsSync);
    return file === undefined ? undefined : readFileSync(file, "utf8");
}

/** Removes the owner file: nothing of the testbed runs any more. */
export function forgetOwner(site: Site): void {
    for (const file of ownerFiles(site)) rmSync(file, { force: true });
}

const ownerFiles = (site: Site): string[] => generations.map((generation) => ownerFile(site, generation));
