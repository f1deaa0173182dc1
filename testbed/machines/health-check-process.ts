/**
 * Checks targets of load balancers from an address of its own, like the cloud. Only the cloud's network namespace has
 * this address, so the process runs there. It is a child of the process that opened the network, and ends with it.
 *
 * A single file without imports of its own, so that plain Node.js runs it.
 * Arguments: SOURCE_ADDRESS
 */
import { get } from "node:http";
import { connect } from "node:net";

const [localAddress = ""] = process.argv.slice(2);

interface Question {
    id: number;
    address: string;
    port: number;
    /** Without it a TCP connection is enough. */
    path?: string;
    timeoutSeconds: number;
}

function passesTcp({ address, port }: Question, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
        const socket = connect({ host: address, port, localAddress });
        const end = (passed: boolean): void => {
            socket.destroy();
            resolve(passed);
        };
        socket.once("connect", () => end(true)).once("error", () => end(false));
        signal.addEventListener("abort", () => end(false));
    });
}

function passesHttp({ address, port, path }: Question, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
        const request = get({ host: address, port, path, localAddress, agent: false, signal }, (response) => {
            resolve(response.statusCode === 200);
            // Reads the whole answer, because the target would see an error otherwise.
            response.on("error", () => undefined).resume();
        });
        request.on("error", () => resolve(false));
    });
}

process.on("message", (question: Question) => void answer(question));

async function answer(question: Question): Promise<void> {
    const signal = AbortSignal.timeout(question.timeoutSeconds * 1000);
    const passed = await (question.path === undefined ? passesTcp(question, signal) : passesHttp(question, signal));
    if (process.connected) process.send?.({ id: question.id, passed });
}
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
