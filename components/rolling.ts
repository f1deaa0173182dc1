import * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";

import { leaveCommand, turnsCommand, type ClusterTurns } from "../cloud-init/roles/database-node.ts";
import { isBackCommand, stopServingCommand } from "../cloud-init/roles/index.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import { roleNames, type Role } from "../cluster/roles.ts";
import { knownHosts, sshConfiguration } from "../cluster/ssh-configuration.ts";
import type { Settings } from "../settings/index.ts";
import { CHANGE_SECONDS } from "./limits.ts";
import { NOTICED_SECONDS } from "./network-load-balancer.ts";
import { runOverSsh, UNREACHABLE, type SshAccess } from "./ssh-client.ts";
import { Turns } from "./turns.ts";

export interface RollingArgs {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    readonly deployKey: tls.PrivateKey;
}

/** A machine, as an SSH client knows it. */
export interface KnownMachine {
    readonly node: Node;
    readonly role: Role;
    readonly hostKey: pulumi.Output<string>;
    readonly publicAddress: pulumi.Input<string> | undefined;
    /** What brings the machine its configuration: a command, and its standard input. */
    readonly configure: { readonly command: pulumi.Output<string>; readonly bundle: pulumi.Output<string> };
}

/**
 * Has machines that must be away for a while take turns within one `up`. Who stops them, and why, is not its business: see
 * resizing.ts and renewal.ts.
 *
 * The jump host goes first, then load balancers, then replicas, then the leader. A database node leaves the cluster before:
 * it waits until all others are well, and hands over what it leads (see absence.py). If one does not come back, its turn
 * fails, and the machines after it stay as they are. The next `up` goes on with those.
 *
 * What takes turns are hooks before changes. There is no delete hook: it would break a plain `pulumi destroy`.
 */
export class Rolling {
    private readonly args: RollingArgs;
    private readonly machines: KnownMachine[] = [];
    private readonly turns: Turns;
    /** How long a machine may take to become ready. */
    private readonly waitSeconds: number;
    /** Database machines that get their configuration before any is away. */
    private readonly configuredFirst: KnownMachine[] = [];
    private readonly configuring = new Map<KnownMachine, Promise<void>>();

    constructor(args: RollingArgs) {
        this.args = args;
        this.waitSeconds = args.settings.readyTimeoutMinutes * 60;
        this.turns = new Turns((names) => this.inOrder(names), {
            gatherSeconds: 2,
            // To leave, to be stopped and started, to get a configuration, to be well.
            turnSeconds: LEAVE_SECONDS + CLOUD_SECONDS + CHANGE_SECONDS + 3 * this.waitSeconds,
        });
    }

    add(machine: KnownMachine): void {
        this.machines.push(machine);
    }

    named(hostname: string): KnownMachine {
        return this.machines.find(({ node }) => node.hostname === hostname)!;
    }

    count(role: Role): number {
        return this.machines.filter((machine) => machine.role === role).length;
    }

    /**
     * Waits for the machine's turn, and has it leave. Its turn goes on until it is said to have ended.
     * @param configureFirst whether it needs its new configuration before it leaves
     * @param requireFit fails if the machine cannot be changed
     */
    async begin(machine: KnownMachine, configureFirst: boolean, requireFit?: () => Promise<void>): Promise<void> {
        const { hostname } = machine.node;
        const first = machine.role === "database" && configureFirst;
        if (first) this.configuredFirst.push(machine);
        await this.turns.take(hostname);
        await this.orFailed(hostname, async () => {
            await requireFit?.();
            if (machine.role !== "database") return;
            if (first) await this.configureFirst(machine);
            await this.leave(machine.node);
        });
    }

    /** Does what belongs to the machine's turn. After what failed no other turn begins. */
    async orFailed<Result>(hostname: string, action: () => Promise<Result>): Promise<Result> {
        try {
            return await action();
        } catch (error) {
            this.turns.end(hostname, "failed");
            throw error;
        }
    }

    end(hostname: string): void {
        this.turns.end(hostname, "changed");
    }

    /** Has the machine end its clients' connections, as far as it can: a machine that just vanishes keeps them waiting. */
    async stopServing({ node, role }: KnownMachine): Promise<void> {
        await this.run(node.hostname, stopServingCommand[role], STOP_SECONDS);
    }

    /** Ends the turn of a machine that was started again: the Command that waits for its services goes on from there. */
    async endWhenStarted(machine: KnownMachine): Promise<void> {
        const { hostname } = machine.node;
        await this.orFailed(hostname, () => this.whenItAnswers(hostname, isBackCommand[machine.role], 0));
        await this.untilBalanced(machine);
        this.end(hostname);
    }

    /** Brings a new machine its configuration, and waits until the cluster has it back. */
    async complete(machine: KnownMachine): Promise<void> {
        const { hostname } = machine.node;
        const { command, bundle } = await this.configuration(machine);
        await this.whenItAnswers(hostname, command, CHANGE_SECONDS + this.waitSeconds, bundle);
        await this.untilBalanced(machine);
        if (machine.role !== "database") return;
        const end = Date.now() + this.waitSeconds * 1000;
        while ((await this.clusterTurns()).away === hostname) {
            if (Date.now() > end)
                throw new Error(`${hostname} is not well ${this.waitSeconds} s after its configuration`);
            await new Promise((resolve) => setTimeout(resolve, 1000));
        }
    }

    /** The network load balancer must send clients here before the next load balancer is away. */
    private async untilBalanced({ role }: KnownMachine): Promise<void> {
        if (role === "loadBalancer" && this.args.plan.networkLoadBalancer !== undefined)
            await new Promise((resolve) => setTimeout(resolve, NOTICED_SECONDS * 1000));
    }

    /** No turn begins before this has ended, however it ends: it may yet ask for a turn, or bring a machine back. */
    waitFor(what: Promise<unknown>, hostname: string): void {
        this.turns.waitFor(what, hostname);
    }

    /**
     * Brings a machine its configuration before it is away. With less memory this has to be so: with the memory that it
     * reserves and that PostgreSQL takes now, it would not start.
     */
    private configureFirst(machine: KnownMachine): Promise<void> {
        const configuring = this.configuring.get(machine) ?? this.configure(machine);
        this.configuring.set(machine, configuring);
        return configuring;
    }

    private async configure(machine: KnownMachine): Promise<void> {
        const { command, bundle } = await this.configuration(machine);
        const { hostname } = machine.node;
        const { status, stderr } = await this.run(hostname, command, CHANGE_SECONDS + this.waitSeconds, bundle);
        // A dead machine cannot be made ready. It starts as it can, and no other one is stopped until it is well.
        if (status !== 0 && status !== UNREACHABLE) throw new Error(`${hostname} is left as it is. ${stderr.trim()}`);
    }

    private configuration({ configure }: KnownMachine): Promise<{ command: string; bundle: string }> {
        return new Promise((resolve) => pulumi.output(configure).apply(resolve));
    }

    /** @param seconds that the command may take in addition to the time until the machine answers */
    private async whenItAnswers(hostname: string, command: string, seconds: number, input?: string): Promise<void> {
        const end = Date.now() + this.waitSeconds * 1000;
        while (true) {
            const left = Math.ceil((end - Date.now()) / 1000);
            if (left <= 0) throw new Error(`${hostname} does not answer ${this.waitSeconds} s after its start`);
            const { status, stderr } = await this.run(hostname, command, left + seconds, input);
            if (status === 0) return;
            if (status !== UNREACHABLE) throw new Error(`${hostname} did not come back. ${stderr.trim()}`);
            await new Promise((resolve) => setTimeout(resolve, 1000));
        }
    }

    /** Has the node leave, by a command on any other node that answers. */
    private async leave(node: Node): Promise<void> {
        const { stderr, status } = await this.onAnyNode(leaveCommand(node.hostname, LEAVE_SECONDS), node);
        if (status !== 0) throw new Error(`${node.hostname} is left as it is. ${stderr.trim()}`);
    }

    private async inOrder(names: readonly string[]): Promise<readonly string[]> {
        // All at once, as by their Commands: where max_connections goes down, the leader is the first to restart.
        await Promise.all(this.configuredFirst.map((machine) => this.configureFirst(machine)));
        const databases = names.filter((name) => this.named(name).role === "database");
        const { leader, away } = databases.length > 0 ? await this.clusterTurns() : NO_TURNS;
        // A node that is away already comes next after the jump host, which is the way to it.
        const rank = (name: string) =>
            name === away ? 0.5 : ROLE_ORDER.indexOf(this.named(name).role) + (name === leader ? 1 : 0);
        return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    }

    private async clusterTurns(): Promise<ClusterTurns> {
        const { status, stdout, stderr } = await this.onAnyNode(turnsCommand());
        if (status !== 0) {
            throw new Error(
                `No database node says who leads, so no machine is stopped. If the cluster is of an older version, first run \`pulumi up\` with the sizes that it has. ${stderr.trim()}`,
            );
        }
        return JSON.parse(stdout) as ClusterTurns;
    }

    /** @param but a node that is asked last */
    private async onAnyNode(command: string, but?: Node) {
        const nodes = this.args.plan.nodes.database.filter((node) => node !== but);
        for (const { hostname } of nodes) {
            const result = await this.run(hostname, command, LEAVE_SECONDS + CLOUD_SECONDS);
            if (result.status !== UNREACHABLE) return result;
        }
        return this.run((but ?? nodes[0]!).hostname, command, LEAVE_SECONDS + CLOUD_SECONDS);
    }

    private async run(hostname: string, command: string, timeoutSeconds: number, input?: string) {
        return runOverSsh(await this.access(), hostname, command, timeoutSeconds, input);
    }

    private access(): Promise<SshAccess> {
        const { plan, settings, deployKey } = this.args;
        const jumpHost = this.machines.find(({ role }) => role === "jumpHost")!;
        const known = this.machines.map(({ node, hostKey }) => ({ hostname: node.hostname, hostKey }));
        const access = pulumi
            .all([deployKey.privateKeyOpenssh, jumpHost.publicAddress!, pulumi.all(known)])
            .apply(([privateKey, jumpHostPublicAddress, keys]) => ({
                privateKey,
                configuration: sshConfiguration({ plan, user: settings.ssh.user, jumpHostPublicAddress }),
                knownHosts: knownHosts(keys),
            }));
        return new Promise((resolve) => access.apply(resolve));
    }
}

/** Roles in the order of their turns; the leader comes after all. */
const ROLE_ORDER: readonly Role[] = [...roleNames.filter((role) => role !== "database"), "database"];

const NO_TURNS: ClusterTurns = { leader: null, away: null };

/** What the cloud may take to stop and start a machine: the provider's limit for an update is 5 minutes. */
export const CLOUD_SECONDS = 600;

/** How long a node waits for its turn: until the one before it is well again, and then for all others. */
const LEAVE_SECONDS = 900;

/** Patroni stops PostgreSQL, which writes a checkpoint. */
const STOP_SECONDS = 120;
