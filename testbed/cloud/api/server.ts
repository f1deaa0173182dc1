import {
    Server,
    ServerCredentials,
    status,
    type sendUnaryData,
    type ServerUnaryCall,
    type ServiceDefinition,
    type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { CloudError, unauthenticated, unimplemented } from "./errors.ts";
import type { Operations } from "./operations.ts";
import type { RequestLog } from "./request-log.ts";
import { validateRequest } from "./validation.ts";

/** A call's data besides its request. */
export interface CallContext {
    /** Given by clients that may repeat the call. */
    idempotencyKey: string | undefined;
}

interface Method<Request, Response> {
    path: string;
    requestDeserialize: (bytes: Buffer) => Request;
    responseSerialize: (response: Response) => Buffer;
}

/** The methods of a service that are served here: plain functions that return the response or throw a {@link CloudError}. */
export type Handlers<Service> = {
    [Name in keyof Service]?: Service[Name] extends Method<infer Request, infer Response>
        ? (request: Request, call: CallContext) => Response | Promise<Response>
        : never;
};

type Handler = (request: object, call: CallContext) => unknown;

/** The gRPC side of the emulator: authorization, validation, errors and the log, the same for every method. */
export class ApiServer {
    private readonly server = new Server();
    /** Begins to answer. */
    open: () => void = () => undefined;
    private readonly opened = new Promise<void>((resolve) => {
        this.open = resolve;
    });
    private readonly log: RequestLog;
    private readonly operations: Operations;

    constructor(log: RequestLog, operations: Operations) {
        this.log = log;
        this.operations = operations;
    }

    /**
     * @param definition a service as the SDK generates it
     * @param handlers the methods that are served; the others answer UNIMPLEMENTED
     * @param access "anyone" for the services that a client needs before it has a token
     */
    serve<Service extends ServiceDefinition>(
        definition: Service,
        handlers: Handlers<Service>,
        access: "authorized" | "anyone" = "authorized",
    ): void {
        const implementation: UntypedServiceImplementation = {};
        for (const [name, { path }] of Object.entries(definition)) {
            const handler = (handlers as Record<string, Handler | undefined>)[name];
            implementation[name] = (call: ServerUnaryCall<object, unknown>, reply: sendUnaryData<unknown>) =>
                void this.answer(path, call, reply, () => {
                    if (access === "authorized") requireToken(call);
                    if (handler === undefined) throw unimplemented(path);
                    validateRequest(path, call.request);
                    const idempotencyKey = header(call, "idempotency-key");
                    return this.operations.once(idempotencyKey, () => handler(call.request, { idempotencyKey }));
                });
        }
        this.server.addService(definition, implementation);
    }

    /**
     * Takes the port; calls wait until {@link open}.
     * @returns the port, which is chosen by the system when 0 is asked for
     */
    listen(port: number, certificate: { key: string; cert: string }): Promise<number> {
        const credentials = ServerCredentials.createSsl(
            null,
            [{ private_key: Buffer.from(certificate.key), cert_chain: Buffer.from(certificate.cert) }],
            false,
        );
        return new Promise((resolve, reject) =>
            this.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
                error ? reject(error) : resolve(bound),
            ),
        );
    }

    /** Lets calls that are under way finish, for as long as `timeoutSeconds`. */
    async close(timeoutSeconds: number): Promise<void> {
        const timer = setTimeout(() => this.server.forceShutdown(), timeoutSeconds * 1000);
        await new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
        clearTimeout(timer);
    }

    private async answer(
        method: string,
        call: ServerUnaryCall<object, unknown>,
        reply: sendUnaryData<unknown>,
        handle: () => unknown,
    ): Promise<void> {
        const started = performance.now();
        const finish = (code: status, message?: string) =>
            this.log.write({
                method,
                status: status[code],
                milliseconds: Math.round(performance.now() - started),
                request: call.request,
                ...(message !== undefined && { message }),
            });
        try {
            await this.opened;
            const response = await handle();
            finish(status.OK);
            reply(null, response);
        } catch (error) {
            const code = error instanceof CloudError ? error.code : status.INTERNAL;
            const message = error instanceof Error ? error.message : String(error);
            finish(code, error instanceof Error && code === status.INTERNAL ? error.stack : message);
            reply({ code, details: message });
        }
    }
}

/** Like the cloud, requires a token. Every token is valid. */
function requireToken(call: ServerUnaryCall<object, unknown>): void {
    if (!/^Bearer \S/.test(header(call, "authorization") ?? "")) {
        throw unauthenticated("The token is missing or empty");
    }
}

function header(call: ServerUnaryCall<object, unknown>, name: string): string | undefined {
    const value = call.metadata.get(name)[0];
    return value === undefined || value === "" ? undefined : String(value);
}
