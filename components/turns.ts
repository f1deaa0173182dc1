import { setTimeout } from "node:timers/promises";

/**
 * Lets changes of several machines begin one after another, though the engine starts all of them at once. It knows nothing of
 * Pulumi and of machines.
 */
export class Turns {
    private readonly order: (names: readonly string[]) => Promise<readonly string[]>;
    private readonly limits: TurnLimits;
    /** Those that wait for the first order. */
    private gathering: string[] | undefined;
    private ordered: Promise<void> | undefined;
    private readonly queue: string[] = [];
    /** Whether the changes of each machine were made. */
    private readonly over = new Map<string, PromiseWithResolvers<boolean>>();

    /** @param order puts names into the order of their turns; asked once, when the first ones have gathered */
    constructor(order: (names: readonly string[]) => Promise<readonly string[]>, limits: TurnLimits) {
        this.order = order;
        this.limits = limits;
    }

    /**
     * Resolves when everything that is earlier in the order was changed.
     * @throws Error if one of those failed, or does not end within the limit
     */
    async take(name: string): Promise<void> {
        this.over.set(name, Promise.withResolvers());
        if (this.ordered === undefined) {
            this.gathering = [];
            this.ordered = this.gather();
        }
        (this.gathering ?? this.queue).push(name);
        await this.ordered;
        for (const earlier of this.queue.slice(0, this.queue.indexOf(name))) {
            const limit = setTimeout(this.limits.turnSeconds * 1000, undefined, { ref: false });
            const changed = await Promise.race([this.over.get(earlier)!.promise, limit]);
            if (!changed) {
                const what = changed === undefined ? "has not ended" : "failed";
                throw new Error(`${name} is left as it is, because the change of ${earlier} ${what}`);
            }
        }
    }

    /** Ends a turn. After one that failed no other begins. */
    end(name: string, outcome: "changed" | "failed"): void {
        this.over.get(name)?.resolve(outcome === "changed");
    }

    private async gather(): Promise<void> {
        await setTimeout(this.limits.gatherSeconds * 1000);
        const names = this.gathering!;
        this.gathering = undefined;
        this.queue.unshift(...(await this.order(names)));
    }
}

export interface TurnLimits {
    /** How long changes that the engine starts at once may take to arrive. */
    readonly gatherSeconds: number;
    /** How long one may wait for the one before it. */
    readonly turnSeconds: number;
}
