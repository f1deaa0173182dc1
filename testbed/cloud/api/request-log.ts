import { createWriteStream, type WriteStream } from "node:fs";

/** One line of the log. */
export interface LogEntry {
    method: string;
    /** gRPC status name, OK included. */
    status: string;
    milliseconds: number;
    request: object;
    message?: string;
}

/** A log of the emulator's calls, one JSON object a line. */
export class RequestLog {
    private readonly stream: WriteStream;

    constructor(path: string) {
        this.stream = createWriteStream(path, { flags: "a", mode: 0o600 });
    }

    write(entry: LogEntry): void {
        this.stream.write(
            JSON.stringify({ time: new Date().toISOString(), ...entry, request: outline(entry.request) }) + "\n",
        );
    }

    close(): Promise<void> {
        return new Promise((resolve) => this.stream.end(resolve));
    }
}

/**
 * The parts of a request for the log: names, identifiers and the update mask. It is a list of harmless fields, so that no
 * metadata, user-data or token can get into the log.
 */
function outline(request: object): object {
    return Object.fromEntries(
        Object.entries(request)
            .filter(
                ([field, value]) => (field === "name" || field === "family" || field.endsWith("Id")) && value !== "",
            )
            .concat("updateMask" in request ? [["updateMask", request.updateMask]] : []),
    );
}
