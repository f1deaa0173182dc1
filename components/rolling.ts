import * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";
import * as yandex from "@pulumi/yandex";

import { leaveCommand, turnsCommand, type ClusterTurns } from "../cloud-init/roles/database-node.ts";
import { isBackCommand } from "../cloud-init/roles/index.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import { roleNames, type Role } from "../cluster/roles.ts";
import { knownHosts, sshConfiguration } from "../cluster/ssh-configuration.ts";
import type { Settings } from "../settings/index.ts";
import { CHANGE_SECONDS } from "./limits.ts";
import { runOverSsh, UNREACHABLE, type SshAccess } from "./ssh-client.ts";
import { Turns } from "./turns.ts";

export interface RollingArgs {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    readonly deployKey: tls.PrivateKey;
}

/** A machine that exists, as an SSH client knows it. */
interface KnownMachine {
    readonly node: Node;
    readonly role: Role;
    readonly hostKey: pulumi.Output<string>;
    readonly publicAddress: pulumi.Input<string> | undefined;
    /** What brings the machine its configuration: a command, and its standard input. */
    readonly configure: { readonly command: pulumi.Output<string>; readonly bundle: pulumi.Output<string> };
}

/**
 * Changes the size of machines one after another within one `up`: each of them is stopped for it.
 *
 * The jump host goes first, then load balancers, then replicas, then the leader. A database node leaves the cluster before:
 * it waits until all others are well, and hands over what it leads (see absence.py). If one does not come back, the hook
 * fails, and the machines after it stay as they are. The next `up` goes on with those.
 *
 * There is no delete hook: it would break a plain `pulumi destroy`.
 */
export class Rolling {
    readonly hooks: pulumi.ResourceHookBinding;
    private readonly args: RollingArgs;
    private readonly machines: KnownMachine[] = [];
    private readonly turns: Turns;
    private readonly waitSeconds: number;
    /** Database machines that will have less memory, and what configures them before. */
    private readonly shrinking: KnownMachine[] = [];
    private readonly configuring = new Map<KnownMachine, Promise<void>>();

    constructor(args: RollingArgs) {
        this.args = args;
        this.waitSeconds = args.settings.readyTimeoutMinutes * 60;
        // A turn ends when SSH answers again. What the cloud needs to stop and start a machine comes on top of that.
        this.turns = new Turns((names) => this.inOrder(names), {
            gatherSeconds: 2,
            turnSeconds: this.waitSeconds + LEAVE_SECONDS + CLOUD_SECONDS,
        });
        this.hooks = {
            beforeUpdate: [
                new pulumi.ResourceHook("before-machine-stops", (hook) => this.before(hook), { onDryRun: true }),
            ],
            afterUpdate: [new pulumi.ResourceHook("after-machine-started", (hook) => this.after(hook))],
        };
    }

    add(machine: KnownMachine): void {
        this.machines.push(machine);
    }

    private async before({ name, id, oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> {
        const changed = stoppingChanges(oldInputs!, newInputs!);
        if (changed.length === 0) return;
        if (pulumi.runtime.isDryRun()) {
            await pulumi.log.info(
                `${name} is stopped and started for another size (${changed.join(", ")}): machine after machine, replicas before the leader, which hands over`,
            );
            return;
        }
        const machine = this.named(name);
        const shrinks = machine.role === "database" && memoryOf(newInputs!) < memoryOf(oldInputs!);
        if (shrinks) this.shrinking.push(machine);
        await this.turns.take(name);
        try {
            await this.requireRunning(name, id);
            if (machine.role !== "database") return;
            if (shrinks) await this.configureFirst(machine);
            await this.leave(machine.node);
        } catch (error) {
            this.turns.end(name, "failed");
            throw error;
        }
    }

    /**
     * An `up` that was killed may have left the machine stopped, or the cloud may still be at it. The provider cannot change a
     * machine that is stopped, and has no way to start one.
     */
    private async requireRunning(name: string, instanceId: string): Promise<void> {
        const end = Date.now() + CLOUD_SECONDS * 1000;
        while (true) {
            const { status } = await yandex.getComputeInstance({ instanceId });
            if (status === "running") return;
            if (status === "stopped" || Date.now() > end) {
                throw new Error(
                    `${name} is ${status} in the cloud. Start it (yc compute instance start ${name}), then run \`pulumi up\` again.`,
                );
            }
            await new Promise((resolve) => setTimeout(resolve, 2000));
        }
    }

    /**
     * Brings a machine that will have less memory its configuration before it is stopped: with the memory that it reserves and
     * that PostgreSQL takes now, the smaller one would not start. (One that will have more gets its configuration afterwards.)
     */
    private configureFirst(machine: KnownMachine): Promise<void> {
        const configuring = this.configuring.get(machine) ?? this.configure(machine);
        this.configuring.set(machine, configuring);
        return configuring;
    }

    private async configure({ node, configure }: KnownMachine): Promise<void> {
        const { command, bundle } = await new Promise<{ command: string; bundle: string }>((resolve) =>
            pulumi.output(configure).apply(resolve),
        );
        const { status, stderr } = await this.run(node.hostname, command, CHANGE_SECONDS + this.waitSeconds, bundle);
        // A dead machine cannot be made ready. It starts as it can, and no other one is stopped until it is well.
        if (status !== 0 && status !== UNREACHABLE)
            throw new Error(`${node.hostname} is left as it is. ${stderr.trim()}`);
    }

    /** Ends the turn when the machine is back, or could be: the Command that waits for its services goes on from there. */
    private async after({ name, oldInputs, newInputs }: pulumi.ResourceHookArgs): Promise<void> {
        if (stoppingChanges(oldInputs!, newInputs!).length === 0) return;
        const { role } = this.named(name);
        const end = Date.now() + this.waitSeconds * 1000;
        while (Date.now() < end) {
            const { status } = await this.run(name, isBackCommand[role], Math.ceil((end - Date.now()) / 1000));
            if (status === 0) {
                this.turns.end(name, "changed");
                return;
            }
            await new Promise((resolve) => setTimeout(resolve, 1000));
        }
        this.turns.end(name, "failed");
        throw new Error(`${name} does not answer ${this.waitSeconds} s after its start`);
    }

    /** Has the node leave, by a command on any other node that answers. */
    private async leave(node: Node): Promise<void> {
        const { stderr, status } = await this.onAnyNode(leaveCommand(node.hostname, LEAVE_SECONDS), node);
        if (status !== 0) throw new Error(`${node.hostname} is left as it is. ${stderr.trim()}`);
    }

    private async inOrder(names: readonly string[]): Promise<readonly string[]> {
        // All at once, as by their Commands: where max_connections goes down, the leader is the first to restart.
        await Promise.all(this.shrinking.map((machine) => this.configureFirst(machine)));
        const databases = names.filter((name) => this.named(name).role === "database");
        const { leader, away } = databases.length > 0 ? await this.clusterTurns() : NO_TURNS;
        const rank = (name: string) =>
            name === away
                ? ROLE_ORDER.length - 1.5
                : ROLE_ORDER.indexOf(this.named(name).role) + (name === leader ? 1 : 0);
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

    private named(name: string): KnownMachine {
        return this.machines.find(({ node }) => node.hostname === name)!;
    }
}

/** Roles in the order of their turns; the leader comes after all. */
const ROLE_ORDER: readonly Role[] = [...roleNames.filter((role) => role !== "database"), "database"];

const NO_TURNS: ClusterTurns = { leader: null, away: null };

/** What the cloud may take to stop and start a machine: the provider's limit for an update is 5 minutes. */
const CLOUD_SECONDS = 600;

/** How long a node waits for its turn: until the one before it is well again, and then for all others. */
const LEAVE_SECONDS = 900;

/** Inputs of a machine that the provider changes only while the machine is stopped (`allow_stopping_for_update`). */
const STOPPING = ["resources", "platformId"] as const;

function memoryOf(inputs: Record<string, unknown>): number {
    return (inputs["resources"] as { memory: number }).memory;
}

function stoppingChanges(before: Record<string, unknown>, after: Record<string, unknown>): readonly string[] {
    return STOPPING.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}
