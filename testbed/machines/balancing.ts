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
 * Runs the network load balancers: checks their targets, and sends new connections to the healthy ones. The results are
 * in a file, from which the next daemon continues. Without a daemon there are no checks, and the last rules stay in force.
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

    /** Applies a new plan of the network. @throws Error if the kernel refuses the rules or the checks cannot run */
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

    /** Stops the checks. The kernel's rules stay. */
    async close(): Promise<void> {
        this.stopChecks();
        await this.rendering.catch(() => undefined);
        await this.endChecker();
    }

    /** Checks a target now and in every interval. */
    private check(checker: Checker, balancer: PlannedNetworkLoadBalancer, address: string): void {
        const { healthCheck } = balancer;
        const ask = async (): Promise<void> => {
            const plan = this.plan;
            const passed = await checker.ask(address, healthCheck);
            // The plan may have changed before the target answered.
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

    /** Writes the kernel's rules now, and again when the routes of a lost zone have converged. */
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

/** The process that checks targets, in the cloud's namespace. */
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

    /** Whether a target passes the check. False also if the checking process has ended. */
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
