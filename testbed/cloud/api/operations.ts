import { status } from "@grpc/grpc-js";
import type { Operation } from "@yandex-cloud/nodejs-sdk/operation/operation";
import type { OperationServiceService } from "@yandex-cloud/nodejs-sdk/operation/operation_service";
import { newId } from "../state/ids.ts";
import type { Locks } from "../state/locks.ts";
import { now } from "../state/resources.ts";
import type { Store } from "../state/store.ts";
import { CloudError, resourceExhausted } from "./errors.ts";
import type { AnyMessage } from "./messages.ts";
import type { CallContext, Handlers } from "./server.ts";

/** Number of finished operations that are kept for clients that ask again. The oldest are removed first. */
const keptOperations = 50;

/** A new account's quota "concurrent operations per folder" of Compute Cloud (its documentation, quotas and limits). */
const concurrentOperations = 15;

/** The work of an operation, and the resources that it changes. */
export interface Work {
    description: string;
    metadata: AnyMessage;
    /** Identifiers of the resources that are locked during the operation. */
    holds: string[];
    /** The folder whose quota of concurrent operations this counts against; Compute Cloud has one. */
    folderId?: string;
    /** @returns the response of the operation; a rejection fails it */
    run: () => Promise<AnyMessage>;
}

/**
 * Runs the API's long-running operations to their end before the answer. The API allows that, and clients need not poll.
 */
export class Operations {
    private readonly underWay = new Map<string, Promise<unknown>>();
    private readonly activeInFolder = new Map<string, number>();
    private readonly store: Store;
    private readonly locks: Locks;

    constructor(store: Store, locks: Locks) {
        this.store = store;
        this.locks = locks;
    }

    /**
     * Runs a call once for each idempotency key. A client that repeats a call without an answer gets the first call's
     * answer, even after a restart of the emulator.
     */
    once(key: string | undefined, answer: () => unknown): unknown {
        if (key === undefined) return answer();
        const operationId = this.store.idempotencyKeys.get(key);
        if (operationId !== undefined) return this.store.operations.get(operationId);
        const earlier = this.underWay.get(key);
        if (earlier !== undefined) return earlier;
        const result = Promise.resolve(answer()).finally(() => this.underWay.delete(key));
        this.underWay.set(key, result);
        return result;
    }

    /**
     * Does the work and answers the finished operation.
     *
     * A {@link CloudError} refuses the call; any other error means that the cloud failed to do what
     * it had accepted, and becomes the error of the operation.
     */
    async run(call: CallContext, work: Work): Promise<Operation> {
        const createdAt = now();
        this.changeActive(work.folderId, +1);
        const result = await this.locks
            .hold(work.holds, work.run)
            .finally(() => this.changeActive(work.folderId, -1))
            .then(
                (response) => ({ response, error: undefined }),
                (error: unknown) => {
                    if (error instanceof CloudError) throw error;
                    const message = error instanceof Error ? error.message : String(error);
                    return { response: undefined, error: { code: status.INTERNAL, message, details: [] } };
                },
            );
        const operation: Operation = {
            id: newId("operation"),
            description: work.description,
            createdAt,
            createdBy: "testbed",
            modifiedAt: now(),
            done: true,
            metadata: work.metadata,
            ...result,
        };
        this.remember(operation, call.idempotencyKey);
        await this.store.save();
        return operation;
    }

    private changeActive(folderId: string | undefined, change: 1 | -1): void {
        if (folderId === undefined) return;
        const active = (this.activeInFolder.get(folderId) ?? 0) + change;
        if (active > concurrentOperations) {
            throw resourceExhausted(
                `The limit on maximum number of active operations has exceeded: ${concurrentOperations}`,
            );
        }
        this.activeInFolder.set(folderId, active);
    }

    private remember(operation: Operation, idempotencyKey: string | undefined): void {
        const { operations, idempotencyKeys } = this.store;
        operations.put(operation);
        if (idempotencyKey !== undefined) idempotencyKeys.set(idempotencyKey, operation.id);
        for (const { id } of operations.all().slice(0, -keptOperations)) operations.delete(id);
        for (const [key, id] of idempotencyKeys) if (!operations.has(id)) idempotencyKeys.delete(key);
    }
}

/** Answers have finished operations, so clients rarely ask for them. Those that do get the same answer. */
export function operationHandlers(store: Store): Handlers<typeof OperationServiceService> {
    return { get: ({ operationId }) => store.operations.get(operationId) };
}
