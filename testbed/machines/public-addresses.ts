import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { internetNamespace, type Site } from "./names.ts";
import { namespacePath } from "./namespaces.ts";
import { internet, type NetworkPlan, publicPorts } from "./network-plan.ts";

/** The Internet's hosts, and the host's way to public addresses. Ends with the process that opened it. */
export class Internet {
    private readonly servers = new Map<string, Server>();
    private readonly hosts: ChildProcess;

    private constructor(hosts: ChildProcess) {
        this.hosts = hosts;
    }

    /**
     * Starts the process that is the Internet.
     * @param repositoryPath document root of http://repo.testbed/
     * @throws Error if it does not start
     */
    static async open(site: Site, repositoryPath: string): Promise<Internet> {
        const program = join(import.meta.dirname, "internet-process.ts");
        const command = [process.execPath, program, repositoryPath, internet.repository, internet.administrator];
        const hosts = spawn("nsenter", [`--net=${namespacePath(internetNamespace(site))}`, ...command], {
            stdio: ["ignore", "inherit", "inherit", "ipc"],
        });
        const ended = once(hosts, "exit").then(([code]) =>
            Promise.reject(new Error(`the testbed's Internet ended (${code})`)),
        );
        await Promise.race([once(hosts, "message"), ended]);
        ended.catch(() => undefined);
        return new Internet(hosts);
    }

    /**
     * Listens at exactly the public addresses and ports of the plan.
     * @throws Error if a port is in use, e.g. by a service that listens at all addresses
     */
    async publish(plan: NetworkPlan): Promise<void> {
        const wanted = new Map<string, { publicAddress: string; port: number; address: string }>(
            plan.interfaces.flatMap((nic) => {
                const { publicAddress } = nic;
                if (!publicAddress) return [];
                return publicPorts(plan, nic).map(
                    (port) => [`${publicAddress}:${port}`, { publicAddress, port, address: nic.address }] as const,
                );
            }),
        );
        for (const [name, server] of this.servers) {
            const target = wanted.get(name);
            if (target && targets.get(server) === target.address) continue;
            server.close();
            this.servers.delete(name);
        }
        for (const [name, { publicAddress, port, address }] of wanted) {
            if (!this.servers.has(name)) this.servers.set(name, await this.listen(publicAddress, port, address));
        }
    }

    private async listen(publicAddress: string, port: number, address: string): Promise<Server> {
        // Passes the socket to the other process before any data is read.
        const server = createServer({ pauseOnConnect: true }, (socket) => {
            socket.on("error", () => undefined);
            this.hosts.send({ address, port }, socket, (error) => error && socket.destroy());
        });
        targets.set(server, address);
        server.listen(port, publicAddress);
        try {
            await once(server, "listening");
        } catch (error) {
            throw new Error(
                `the public address ${publicAddress} cannot listen on port ${port} of this host: ${(error as Error).message}`,
                { cause: error },
            );
        }
        return server;
    }

    async close(): Promise<void> {
        for (const server of this.servers.values()) server.close();
        this.servers.clear();
        if (this.hosts.exitCode !== null) return;
        const exit = once(this.hosts, "exit");
        this.hosts.disconnect();
        await exit;
    }
}

/** Private address behind each server. */
const targets = new WeakMap<Server, string>();
