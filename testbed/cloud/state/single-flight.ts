/**
 * Runs an idempotent action on the newest state, one run at a time. Every request is served by a run that began after it;
 * requests during a run share the next one.
 */
export class SingleFlight {
    private running: Promise<void> | undefined;
    private next: Promise<void> | undefined;
    private readonly action: () => Promise<void>;

    constructor(action: () => Promise<void>) {
        this.action = action;
    }

    /** Resolves when a run that began after this call is done. */
    request(): Promise<void> {
        if (this.next !== undefined) return this.next;
        if (this.running === undefined) return this.start();
        this.next = this.running.catch(() => undefined).then(() => this.start());
        return this.next;
    }

    private start(): Promise<void> {
        this.next = undefined;
        const run = this.action().finally(() => {
            if (this.running === run) this.running = undefined;
        });
        this.running = run;
        return run;
    }
}
