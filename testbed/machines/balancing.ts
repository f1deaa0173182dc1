import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { HealthCheck } from "./driver.ts";
import { cloudNamespace, type Site } from "./names.ts";
import { inNamespace, namespacePath } from "./namespaces.ts";
import { renderNetworkLoadBalancers, zoneConvergenceSeconds } from "./network-load-balancers.ts";
import { healthCheckAddress, type NetworkPlan, type PlannedNetworkLoadBalancer } from "./network-plan.ts";
import { readBalancing, writeBalancing } from "./records.ts";
import { type BalancerHealth, withCheck, withTargets } from "./target-health.ts";

/**
 * The network load balancers at work: checks their targets, and lets new connections go to the healthy ones. What was
 * found is kept in a file, so that the next daemon goes on with it; without a daemon nothing is checked, and
 * connections go where they went.
 */
export class Balancing {
    private plan: NetworkPlan | undefined;
    private health: Record<string, BalancerHealth>;
    private checker: Promise<Checker> | undefined;
    private timers: NodeJS.Timeout[] = [];
    private convergence: NodeJS.Timeout | undefined;
    private rendering: Promise<void> = Promise.resolve();
    private readonly site: Site;
    private readonly convergenceSeconds: number;

    constructor(site: Site, convergenceSeconds = zoneConvergenceSeconds) {
        this.site = site;
        this.convergenceSeconds = convergenceSeconds;
        this.health = readBalancing(site);
    }

    /** Follows the network's plan. @throws Error if the kernel refuses the rules or nothing can be checked */
    async apply(plan: NetworkPlan): Promise<void> {
        if (plan.networkLoadBalancers.length + Object.keys(this.health).length === 0) return;
        this.stopChecks();
        this.plan = plan;
        this.health = Object.fromEntries(
            plan.networkLoadBalancers.map((balancer) => [balancer.id, withTargets(this.health[balancer.id], balancer)]),
        );
        await this.render();
        if (plan.networkLoadBalancers.length === 0) return this.endChecker();
        this.checker ??= Checker.start(this.site);
        const checker = await this.checker;
        for (const balancer of plan.networkLoadBalancers) {
            for (const { address } of balancer.targets) this.check(checker, balancer, address);
        }
    }

    /** Lets go of what ends with this process; the rules stay. */
    async close(): Promise<void> {
        this.stopChecks();
        await this.rendering.catch(() => undefined);
        await this.endChecker();
    }

    /** Asks a target now and in every interval. */
    private check(checker: Checker, balancer: PlannedNetworkLoadBalancer, address: string): void {
        const { healthCheck } = balancer;
        const ask = async (): Promise<void> => {
            const plan = this.plan;
            const passed = await checker.ask(address, healthCheck);
            // The plan may have changed while the target thought about it.
            if (plan === this.plan) this.noteCheck(balancer, address, passed);
        };
        this.timers.push(setInterval(() => void ask(), healthCheck.intervalSeconds * 1000));
        void ask();
    }

    private noteCheck(balancer: PlannedNetworkLoadBalancer, address: string, passed: boolean): void {
        const before = this.health[balancer.id];
        if (before === undefined) return;
        const after = withCheck(before, balancer, address, passed, Date.now());
        this.health[balancer.id] = after;
        if (after.targets[address]?.healthy !== before.targets[address]?.healthy)
            void this.render().catch((error: unknown) => console.error(error));
    }

    /** Makes the kernel follow what is known, now and again when a lost zone's routes have converged. */
    private render(): Promise<void> {
        this.rendering = this.rendering
            .catch(() => undefined)
            .then(async () => {
                if (this.plan === undefined) return;
                writeBalancing(this.site, this.health);
                const rules = renderNetworkLoadBalancers(this.plan, this.health, Date.now(), this.convergenceSeconds);
                await inNamespace(cloudNamespace(this.site), "nft", ["-f", "-"], { input: rules });
                this.awaitConvergence();
            });
        return this.rendering;
    }

    private awaitConvergence(): void {
        clearTimeout(this.convergence);
        const ends = Object.values(this.health)
            .flatMap(({ lostZones }) => Object.values(lostZones))
            .map((lostAt) => lostAt + this.convergenceSeconds * 1000 - Date.now())
            .filter((milliseconds) => milliseconds > 0);
        if (ends.length > 0)
            this.convergence = setTimeout(
                () => void this.render().catch((error: unknown) => console.error(error)),
                Math.min(...ends) + 1,
            );
    }

    private stopChecks(): void {
        for (const timer of this.timers) clearInterval(timer);
        this.timers = [];
        clearTimeout(this.convergence);
    }

    private async endChecker(): Promise<void> {
        const checker = await this.checker?.catch(() => undefined);
        this.checker = undefined;
        await checker?.end();
    }
}

/** The process that asks targets; it lives in the cloud's namespace. */
class Checker {
    private readonly waiting = new Map<number, (passed: boolean) => void>();
    private count = 0;
    private readonly process: ChildProcess;

    private constructor(process: ChildProcess) {
        this.process = process;
        process.on("message", ({ id, passed }: { id: number; passed: boolean }) => {
            this.waiting.get(id)?.(passed);
            this.waiting.delete(id);
        });
    }

    static async start(site: Site): Promise<Checker> {
        const program = [process.execPath, join(import.meta.dirname, "health-check-process.ts"), healthCheckAddress];
        const child = spawn("nsenter", [`--net=${namespacePath(cloudNamespace(site))}`, ...program], {
            stdio: ["ignore", "inherit", "inherit", "ipc"],
        });
        const ended = once(child, "exit").then(([code]) =>
            Promise.reject(new Error(`the health checks' process ended (${code})`)),
        );
        await Promise.race([once(child, "message"), ended]);
        ended.catch(() => undefined);
        return new Checker(child);
    }

    /** Whether a target passes the check; not, when nobody can ask it. */
    ask(address: string, check: HealthCheck): Promise<boolean> {
        const id = this.count++;
        return new Promise((resolve) => {
            this.waiting.set(id, resolve);
            this.process.send(
                { id, address, port: check.port, path: check.path, timeoutSeconds: check.timeoutSeconds },
                (error) => {
                    if (error && this.waiting.delete(id)) resolve(false);
                },
            );
        });
    }

    async end(): Promise<void> {
        if (this.process.exitCode !== null || !this.process.connected) return;
        const exit = once(this.process, "exit");
        this.process.disconnect();
        await exit;
    }
}
