import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as yandex from "@pulumi/yandex";

import type { DiskSettings, Settings } from "../settings/index.ts";
import type { Rolling } from "./rolling.ts";

/** What only a new machine can have. */
export interface MadeOf {
    /** As configured: which of the family's images is newest is not part of a machine's description. */
    readonly image: Settings["image"];
    readonly bootDisk: DiskSettings;
}

export interface RenewalArgs {
    readonly madeOf: MadeOf;
    /** The image of a machine that is made now. */
    readonly imageId: string;
    readonly memoryGib: number;
    /** Whether Pulumi refuses to replace it. */
    readonly protect: boolean;
}

/** A machine that may be made anew. */
interface Renewable extends RenewalArgs {
    readonly name: string;
    readonly fate: PromiseWithResolvers<"stays" | "anew">;
    /** Resolves when the machine that is made anew may be deleted. */
    readonly mayGo: PromiseWithResolvers<void>;
    instance?: yandex.ComputeInstance;
    completed?: Promise<void>;
}

/**
 * Makes machines anew one after another within one `up`, where what they are made of changes: another image is asked for, or
 * another boot disk. Their data disks, names, addresses and host keys stay.
 *
 * Each machine has a Stash with what it is made of. The Stash's hook, before it changes, sees to all of it: it waits for the
 * machine's turn, has it leave, lets the replacement begin and waits until the new machine is back. Only then does the Stash
 * change. So an `up` that was killed at any moment comes back to the same hook. In a Stash that is new (the machine is, or the
 * state is an older version's) nothing changes, and no machine is replaced.
 *
 * Apart from that a machine's image, boot disk and placement are ignored, see Machine: a newer image of the family alone
 * replaces nothing. A transform of the machine waits for the hook, and lifts that.
 */
export class Renewal {
    private readonly rolling: Rolling;
    private readonly machines = new Map<string, Renewable>();
    private readonly hooks: pulumi.ResourceHookBinding;

    constructor(rolling: Rolling) {
        this.rolling = rolling;
        this.hooks = {
            beforeUpdate: [
                new pulumi.ResourceHook("before-machine-is-made-anew", (hook) => this.before(hook), { onDryRun: true }),
            ],
        };
    }

    /**
     * Makes the machine's Stash, with the id that `--replace` draws anew: that asks for today's image, whatever is configured.
     * @returns a transform of the machine
     */
    add(name: string, args: RenewalArgs, parent: pulumi.Resource): pulumi.ResourceTransform {
        const machine: Renewable = {
            ...args,
            name,
            fate: Promise.withResolvers(),
            mayGo: Promise.withResolvers(),
        };
        this.machines.set(`${name}${STASH}`, machine);
        const drawn = new random.RandomId(`${name}-image`, { byteLength: DRAWN_BYTES }, { parent });
        const stash = new pulumi.Stash(
            `${name}${STASH}`,
            { input: { ...args.madeOf, drawn: drawn.hex } },
            { parent, hooks: this.hooks },
        );
        stash.urn.apply(() => machine.fate.resolve("stays"));
        return async ({ props, opts }) => {
            if ((await machine.fate.promise) === "stays") return undefined;
            await machine.mayGo.promise;
            return { props, opts: { ...opts, ignoreChanges: [] } };
        };
    }

    /** Tells which instance the machine is. */
    made(name: string, instance: yandex.ComputeInstance): void {
        this.machines.get(`${name}${STASH}`)!.instance = instance;
    }

    private async before({ name: stash }: pulumi.ResourceHookArgs): Promise<void> {
        const machine = this.machines.get(stash)!;
        const looking = existing(machine.name);
        this.rolling.waitFor(looking, machine.name);
        const found = await looking;
        const differences = found && differing(found, machine);
        if (differences?.length !== 0) {
            // Before it leaves: the engine would refuse only after that.
            if (machine.protect)
                throw new Error(
                    `${machine.name} needs another machine${because(differences)} and is protected: set deletionProtection to false for this \`up\`.`,
                );
            requireParallel(this.machines.size);
        }
        machine.fate.resolve(differences?.length === 0 ? "stays" : "anew");
        if (pulumi.runtime.isDryRun()) {
            machine.mayGo.resolve();
            await pulumi.log.info(this.announcement(machine.name, differences));
        } else if (differences?.length === 0) {
            // Perhaps it is the new one of an `up` that was killed.
            await this.completeBeforeTurns(machine);
        } else {
            await this.replace(machine, found !== undefined && machine.memoryGib < found.memoryGib);
        }
    }

    private async replace(machine: Renewable, configureFirst: boolean): Promise<void> {
        const { name } = machine;
        const known = this.rolling.named(name);
        for (const other of this.machines.values()) void this.completeIfItStays(other);
        await this.rolling.begin(known, configureFirst);
        await this.rolling.orFailed(name, async () => {
            await this.rolling.stopServing(known);
            machine.mayGo.resolve();
            await done(machine);
            await this.rolling.complete(known);
        });
        this.rolling.end(name);
    }

    /**
     * A node that stays may be a new one, or not well yet, and no node leaves before all others are well. Its Command configures
     * it only after all turns.
     */
    private async completeIfItStays(machine: Renewable): Promise<void> {
        if (this.rolling.named(machine.name).role !== "database") return;
        this.rolling.waitFor(machine.fate.promise, machine.name);
        if ((await machine.fate.promise) === "stays") await this.completeBeforeTurns(machine).catch(() => undefined);
    }

    private completeBeforeTurns(machine: Renewable): Promise<void> {
        if (machine.completed === undefined) {
            machine.completed = done(machine).then(() => this.rolling.complete(this.rolling.named(machine.name)));
            this.rolling.waitFor(machine.completed, machine.name);
        }
        return machine.completed;
    }

    private announcement(name: string, differences: readonly string[] | undefined): string {
        if (differences?.length === 0) return `${name} has this image and boot disk already`;
        const { role } = this.rolling.named(name);
        const how = {
            database: "machine after machine, replicas before the leader, which hands over. Its data disk stays",
            loadBalancer:
                this.rolling.count("loadBalancer") > 1 ? "one after another" : "5000 and 5001 are away meanwhile",
            jumpHost: "before all others. There is no SSH meanwhile",
        }[role];
        return `${name} is made anew${because(differences)}: ${how}`;
    }
}

const STASH = "-made-of";

/** Two of them must differ. */
const DRAWN_BYTES = 4;

/** What the cloud says of a machine. */
interface Existing {
    readonly imageId: string;
    readonly bootDisk: DiskSettings;
    readonly memoryGib: number;
}

/** Undefined if there is no machine of this name, or the cloud does not tell (the error does not say why). */
async function existing(name: string): Promise<Existing | undefined> {
    try {
        const { bootDisks, resources } = await yandex.getComputeInstance({ name });
        const [{ imageId, size, type }] = bootDisks[0]!.initializeParams! as [
            { imageId: string; size: number; type: DiskSettings["type"] },
        ];
        return { imageId, bootDisk: { sizeGib: size, type }, memoryGib: resources[0]!.memory! };
    } catch {
        return undefined;
    }
}

function differing({ imageId, bootDisk }: Existing, wanted: Renewable): readonly string[] {
    const text = ({ sizeGib, type }: DiskSettings) => `${sizeGib} GiB, ${type}`;
    return [
        { what: "image", was: imageId, is: wanted.imageId },
        { what: "boot disk", was: text(bootDisk), is: text(wanted.madeOf.bootDisk) },
    ]
        .filter(({ was, is }) => was !== is)
        .map(({ what, was, is }) => `${what}: ${is} instead of ${was}`);
}

function because(differences: readonly string[] | undefined): string {
    return differences === undefined ? "" : ` (${differences.join("; ")})`;
}

/** Resolves when the machine's registration is done, with whatever steps it needed. */
function done({ instance }: Renewable): Promise<unknown> {
    return new Promise((resolve) => instance!.id.apply(resolve));
}

/** A hook that waits takes one of the engine's places, and the machine whose turn it is needs another one. */
function requireParallel(machines: number): void {
    const places = Number(process.env["PULUMI_NODEJS_PARALLEL"]);
    if (places > 0 && places <= machines)
        throw new Error(`Machines that wait for their turn need --parallel ${2 * machines} or more, not ${places}.`);
}
