import { status } from "@grpc/grpc-js";

/** A refused request: a gRPC status code and a message, in the cloud's own words. */
export class CloudError extends Error {
    readonly code: status;

    constructor(code: status, message: string) {
        super(message);
        this.code = code;
        this.name = "CloudError";
    }
}

export const notFound = (what: string, id: string) => new CloudError(status.NOT_FOUND, `${what} ${id} not found`);

export const invalidArgument = (message: string) => new CloudError(status.INVALID_ARGUMENT, message);

export const alreadyExists = (message: string) => new CloudError(status.ALREADY_EXISTS, message);

export const failedPrecondition = (message: string) => new CloudError(status.FAILED_PRECONDITION, message);

export const resourceExhausted = (message: string) => new CloudError(status.RESOURCE_EXHAUSTED, message);

export const unauthenticated = (message: string) => new CloudError(status.UNAUTHENTICATED, message);

/** A feature of the real cloud that the testbed does not have. */
export const unimplemented = (message: string) =>
    new CloudError(status.UNIMPLEMENTED, `${message}: not available on the testbed`);
