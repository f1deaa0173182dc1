/** Serialises work on the same resource. Work on different resources runs in parallel. */
export class Locks {
    private readonly tails = new Map<string, Promise<unknown>>();

    /** Runs `work` when all earlier work on any of `ids` is done. */
    async hold<Result>(ids: string[], work: () => Promise<Result>): Promise<Result> {
        const earlier = ids.map((id) => this.tails.get(id) ?? Promise.resolve());
        // Taking every place in one synchronous step leaves no order in which two holders could wait for each other.
        const result = Promise.all(earlier).then(work);
        const tail = result.catch(() => undefined);
        for (const id of ids) this.tails.set(id, tail);
        try {
            return await result;
        } finally {
            for (const id of ids) if (this.tails.get(id) === tail) this.tails.delete(id);
        }
    }
}
