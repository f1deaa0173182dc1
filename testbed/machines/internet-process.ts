/**
 * The Internet as machines see it. Runs in a network namespace of its own, as a child of the process that opened the
 * testbed's network, and ends with it.
 *
 * - serves the package repositories over HTTP,
 * - connects to machines for the host's connections to public addresses. The parent passes each accepted socket, because
 *   a socket belongs to the namespace in which it was created.
 *
 * A single file without imports of its own, so that plain Node.js runs it.
 * Arguments: DOCUMENT_ROOT REPOSITORY_ADDRESS ADMINISTRATOR_ADDRESS
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { join, normalize } from "node:path";
import { pipeline } from "node:stream";

const [documentRoot = "", repositoryAddress = "", administratorAddress = ""] = process.argv.slice(2);

/** Time limit for a connection, because the cloud silently drops attempts that no rule allows. */
const dialTimeoutMilliseconds = 10_000;

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405);
    let path: string;
    try {
        // "normalize" keeps an absolute path below the root.
        path = join(
            documentRoot,
            normalize(decodeURIComponent(new URL(request.url ?? "/", "http://repo.testbed").pathname)),
        );
    } catch {
        return end(response, 400);
    }
    const file = await stat(path).catch(() => undefined);
    if (!file?.isFile()) return end(response, 404);

    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const last = range?.[2] ? Math.min(Number(range[2]), file.size - 1) : file.size - 1;
    if (range && start > last) return end(response, 416);
    response.writeHead(range ? 206 : 200, {
        "content-length": last - start + 1,
        "last-modified": file.mtime.toUTCString(),
        "accept-ranges": "bytes",
        ...(range ? { "content-range": `bytes ${start}-${last}/${file.size}` } : {}),
    });
    if (request.method === "HEAD" || file.size === 0) return void response.end();
    pipeline(createReadStream(path, { start, end: last }), response, () => undefined);
}

function end(response: ServerResponse, status: number): void {
    response.writeHead(status).end();
}

/** Forwards a host's connection to a machine. It is reset if the machine does not answer. */
function forward(client: Socket, address: string, port: number): void {
    const machine = connect({ host: address, port, localAddress: administratorAddress, allowHalfOpen: true });
    const waiting = setTimeout(() => machine.destroy(new Error("timed out")), dialTimeoutMilliseconds);
    client.on("error", () => machine.destroy());
    machine.on("error", () => client.resetAndDestroy());
    machine.on("close", () => client.destroy());
    client.on("close", () => machine.destroy());
    machine.once("connect", () => {
        clearTimeout(waiting);
        client.setNoDelay(true);
        machine.setNoDelay(true);
        client.pipe(machine);
        machine.pipe(client);
    });
    machine.once("close", () => clearTimeout(waiting));
}

process.on("message", (message: { address: string; port: number }, socket) => {
    // The client may have given up before its socket arrived here.
    if (socket) forward(socket as Socket, message.address, message.port);
});
process.on("disconnect", () => process.exit(0));

createServer((request, response) => void serve(request, response)).listen(80, repositoryAddress, () =>
    process.send?.("ready"),
);
