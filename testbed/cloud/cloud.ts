import type { Driver } from "../machines/driver.ts";
import { Operations } from "./api/operations.ts";
import { requireQuotas } from "./quotas.ts";
import { Locks } from "./state/locks.ts";
import { SingleFlight } from "./state/single-flight.ts";
import type { Store } from "./state/store.ts";
import { networkState } from "./vpc/network-state.ts";

/** What the services share: the state, the machines behind it, and the locks. */
export class Cloud {
    readonly locks = new Locks();
    readonly operations: Operations;
    private readonly networkChanges = new SingleFlight(() => this.driver.applyNetwork(networkState(this.store)));
    readonly store: Store;
    readonly driver: Driver;

    constructor(store: Store, driver: Driver) {
        this.store = store;
        this.driver = driver;
        this.operations = new Operations(store, this.locks);
    }

    /**
     * Checks and changes the state in one uninterrupted step.
     * @throws what `work` throws, or RESOURCE_EXHAUSTED when it goes beyond a quota; nothing is changed then
     */
    change<Result>(work: () => Result): Result {
        return this.store.atomically(() => {
            const result = work();
            requireQuotas(this.store);
            return result;
        });
    }

    /**
     * Makes the machines' network match the state.
     * @param undo takes the change back if the network cannot follow
     */
    async applyNetwork(undo: () => void = () => undefined): Promise<void> {
        try {
            await this.networkChanges.request();
        } catch (error) {
            undo();
            throw error;
        }
    }
}
