import { setTimeout } from "node:timers/promises";

/**
 * Lets changes of several machines begin one after another, though the engine starts all of them at once. It knows nothing of
 * Pulumi and of machines.
 */
export class Turns {
    private readonly order: (names: readonly string[]) => Promise<readonly string[]>;
    private readonly limits: TurnLimits;
    private readonly before: Promise<unknown>[] = [];
    private readonly asked = new Map<string, PromiseWithResolvers<void>>();
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
        this.asking(name).resolve();
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

    /**
     * The first turn waits for this as well, however it ends: for what may yet ask for a turn, or must be well before.
     * @param name whose it is: if that asks for a turn of its own, it is not waited for any more
     */
    waitFor(what: Promise<unknown>, name: string): void {
        this.before.push(Promise.race([what, this.asking(name).promise]));
    }

    private asking(name: string): PromiseWithResolvers<void> {
        const asking = this.asked.get(name) ?? Promise.withResolvers<void>();
        this.asked.set(name, asking);
        return asking;
    }

    /** Ends a turn. After one that failed no other begins. */
    end(name: string, outcome: "changed" | "failed"): void {
        this.over.get(name)?.resolve(outcome === "changed");
    }

    private async gather(): Promise<void> {
        await setTimeout(this.limits.gatherSeconds * 1000);
        while (this.before.length > 0) await Promise.allSettled(this.before.splice(0));
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
