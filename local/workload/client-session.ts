import { isIP } from "node:net";

import { Client, DatabaseError } from "pg";

import type { Login, Server, Target } from "./records.ts";

/** A connection that is opened when it is needed and dropped after any error, as in a simple pool. */
export class ClientSession {
    private client: Client | undefined;
    private readonly login: Login;
    private readonly target: Target;

    constructor(login: Login, target: Target) {
        this.login = login;
        this.target = target;
    }

    /** @throws Error; NotSent if the statement certainly reached no server */
    async query(text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
        const client = this.client ?? (await this.connect());
        try {
            return (await client.query(text, [...values])).rows as Record<string, unknown>[];
        } catch (error) {
            this.drop();
            throw error;
        }
    }

    /** Tries the servers in order, like libpq with several hosts, and skips those that do not fit the target. */
    private async connect(): Promise<Client> {
        let refusal = new NotSent("there is no server to connect to");
        for (const server of this.target.servers) {
            try {
                this.client = await this.connectTo(server);
                return this.client;
            } catch (error) {
                refusal = new NotSent(`${server.host}: ${messageOf(error)}`);
            }
        }
        throw refusal;
    }

    private async connectTo({ host, port }: Server): Promise<Client> {
        const { database, user, password, caCertificate, timeoutMilliseconds } = this.login;
        const client = new Client({
            host,
            port,
            database,
            user,
            password,
            // Verifies the chain and the name or address, like libpq's verify-full. TLS itself only knows names.
            ssl: { ca: caCertificate, rejectUnauthorized: true, ...(isIP(host) ? { host } : { servername: host }) },
            connectionTimeoutMillis: timeoutMilliseconds,
            query_timeout: timeoutMilliseconds,
        });
        // The next statement reports a connection that broke since the last one.
        client.on("error", () => undefined);
        try {
            await client.connect();
            if (this.target.needsLeader) await mustLead(client);
            return client;
        } catch (error) {
            destroy(client);
            throw error;
        }
    }

    /** Closes the socket at once, because the server may not answer any more. */
    drop(): void {
        if (this.client) destroy(this.client);
        this.client = undefined;
    }
}

async function mustLead(client: Client): Promise<void> {
    const { rows } = await client.query("SELECT pg_is_in_recovery() AS follows");
    if ((rows as { follows: boolean }[])[0]?.follows !== false) throw new Error("the session is read-only");
}

/** The statement was never sent. */
export class NotSent extends Error {}

/** Not pg's `end`, which waits for the running statement. */
function destroy(client: Client): void {
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/**
 * Whether the statement certainly left no row: it was not sent, or the server refused it. After an error of the
 * connection (08), a shutdown or crash (57P) or a cancelled wait (57014) the row may have been committed locally.
 */
export function isRolledBack(error: unknown): boolean {
    if (error instanceof NotSent) return true;
    return error instanceof DatabaseError && !/^(08|57|40003|58|XX)/.test(error.code ?? "08");
}

export function messageOf(error: unknown): string {
    const { code, message } = error as { code?: string; message?: string };
    return [code, message].filter(Boolean).join(" ") || String(error);
}
