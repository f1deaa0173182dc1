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

/** The calls the emulator got, one JSON object a line, to read when something went wrong. */
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
 * What of a request may be written down: names, identifiers and the update mask. Chosen by what
 * is known to be harmless, so that no metadata, user-data or token can slip through.
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
