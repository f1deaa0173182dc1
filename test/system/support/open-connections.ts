/**
 * Opens one connection after another to HOST PORT for SECONDS, and asks each for a byte as PostgreSQL's clients do first.
 * Prints how many were answered, and why the others were not: {"answered": 1, "failed": ["ECONNREFUSED"]}.
 */
import { connect } from "node:net";

const [, , host, port, seconds] = process.argv;
const end = Date.now() + Number(seconds) * 1000;
/** SSLRequest of PostgreSQL's protocol. */
const question = Buffer.from("0000000804d2162f", "hex");

/** @returns why it was not answered; undefined if it was */
const failure = () =>
    new Promise<string | undefined>((resolve) => {
        const socket = connect(Number(port), host);
        socket.setTimeout(3000, () => {
            resolve("silence");
            socket.destroy();
        });
        socket.on("connect", () => socket.write(question));
        socket.on("data", () => {
            resolve(undefined);
            socket.destroy();
        });
        socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "error"));
        socket.on("close", () => resolve("closed"));
    });

let answered = 0;
const failed: string[] = [];
while (Date.now() < end) {
    const reason = await failure();
    if (reason === undefined) answered++;
    else {
        failed.push(reason);
        // A refused connection costs nothing, and would be counted a thousand times.
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}
console.log(JSON.stringify({ answered, failed }));
