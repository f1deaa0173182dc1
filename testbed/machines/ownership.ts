import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import type { Site } from "./names.ts";
import { namespacesWithPrefix } from "./namespaces.ts";

/**
 * A host runs one testbed: names of namespaces and addresses are the same for every clone. The daemon
 * holds a socket in the kernel's abstract namespace, which only one process can have and which is
 * free again however that process ends. It also tells who the daemon is.
 */
const socketOf = (site: Site): string => `\0${site.prefix}-testbed`;

/** Names the folder whose machines run, which they do without a daemon, too. */
const ownerFile = (site: Site): string => `/run/${site.prefix}-testbed`;

export interface DaemonInfo {
    pid: number;
    folder: string;
    /** Whether the cloud's API can be used. */
    ready: boolean;
}

export class DaemonLock {
    private ready = false;
    private readonly server: Server;

    private constructor(server: Server) {
        this.server = server;
    }

    /** @throws Error if a daemon has it */
    static async take(site: Site): Promise<DaemonLock> {
        const server = createServer((socket) => {
            socket.on("error", () => undefined);
            socket.end(
                JSON.stringify({ pid: process.pid, folder: site.folder, ready: lock.ready } satisfies DaemonInfo),
            );
        });
        const lock = new DaemonLock(server);
        await new Promise<void>((resolve, reject) => {
            server.once("error", () => reject(new Error("a testbed's daemon is running already")));
            server.listen(socketOf(site), resolve);
        });
        writeFileSync(ownerFile(site), site.folder);
        return lock;
    }

    /** From now on the daemon says that it is ready. */
    announce(): void {
        this.ready = true;
    }

    release(): void {
        this.server.close();
    }
}

/** Asks the host's daemon who it is; undefined if there is none. */
export function askDaemon(site: Site): Promise<DaemonInfo | undefined> {
    return new Promise((resolve) => {
        let text = "";
        const socket = connect(socketOf(site));
        socket.setEncoding("utf8").setTimeout(5000, () => socket.destroy());
        socket.on("data", (part: string) => (text += part));
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(text ? (JSON.parse(text) as DaemonInfo) : undefined));
    });
}

/** The folder whose testbed is on this host, with or without a daemon; undefined if there is none. */
export function ownerOf(site: Site): string | undefined {
    if (namespacesWithPrefix(site.prefix).length === 0) return undefined;
    return existsSync(ownerFile(site)) ? readFileSync(ownerFile(site), "utf8") : undefined;
}

export function forgetOwner(site: Site): void {
    rmSync(ownerFile(site), { force: true });
}
