/**
 * Opens one connection after another to HOST PORT for SECONDS, and asks each for a byte as PostgreSQL's clients do first.
 * Prints how many were answered and how many were not: {"answered": 1, "failed": 0}.
 */
import { connect } from "node:net";

const [, , host, port, seconds] = process.argv;
const end = Date.now() + Number(seconds) * 1000;
/** SSLRequest of PostgreSQL's protocol. */
const question = Buffer.from("0000000804d2162f", "hex");

const isAnswered = () =>
    new Promise<boolean>((resolve) => {
        const socket = connect(Number(port), host);
        socket.setTimeout(3000, () => socket.destroy());
        socket.on("connect", () => socket.write(question));
        socket.on("data", () => {
            resolve(true);
            socket.destroy();
        });
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(false));
    });

let answered = 0;
let failed = 0;
while (Date.now() < end) {
    if (await isAnswered()) answered++;
    else {
        failed++;
        // A refused connection costs nothing, and would be counted a thousand times.
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}
console.log(JSON.stringify({ answered, failed }));
