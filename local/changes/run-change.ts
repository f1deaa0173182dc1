import { listMachines } from "../../testbed/machines/records.ts";
import { Cluster } from "../cluster.ts";
import { local, stackOutputs } from "../commands.ts";
import { members } from "../machines.ts";
import { setInStack, stackSetting } from "../stack-settings.ts";
import { site } from "../this-testbed.ts";
import { messageOf } from "../workload/client-session.ts";
import { type Effect, effectOf, seconds } from "../workload/gaps.ts";
import { monotonicMilliseconds } from "../workload/records.ts";
import { type Verification, verify } from "../workload/verification.ts";
import { Workload } from "../workload/workload.ts";
import { nameOf, type SettingChange } from "./change.ts";
import { preview, type Preview } from "./preview.ts";

/** What one `up` did, either to the new value or back to the old one; several changes have their names joined. */
export interface ChangeResult extends Effect, Verification {
    readonly change: string;
    readonly direction: "there" | "back";
    readonly preview: Pick<Preview, "machines" | "effects">;
    readonly upSeconds: number;
    readonly switchovers: number;
    /** Host names of machines that were there before and are other machines now, or are gone. */
    readonly replaced: readonly string[];
    /** Places where the value in force is not the one asked for; empty if it is everywhere. */
    readonly missing: readonly string[];
    readonly nextUpChangesNothing: boolean;
}

/** What the preview of a refused change said. */
export interface RefusalResult {
    readonly change: string;
    readonly refused: boolean;
    readonly message: string;
}

const patienceSeconds = 180;

/**
 * Changes a value on the running cluster and takes the change back, each under the workload of the faults.
 * The stack's file, and the cluster, are as before when it ends.
 */
export async function runChange(change: SettingChange): Promise<readonly (ChangeResult | RefusalResult)[]> {
    const { given, expected } = change;
    const restore = setInStack(given ?? {});
    try {
        if (given) await local();
        return "refusal" in expected ? [await runRefusal(change, expected.refusal)] : await runTogether([change]);
    } finally {
        restore();
        await local();
    }
}

/** Makes several changes with one `up`, and takes them back with another one. */
export async function runTogether(changes: readonly SettingChange[]): Promise<readonly ChangeResult[]> {
    const restore = setInStack(newValues(changes));
    try {
        const there = await runUp(changes, "there");
        restore();
        return [there, await runUp(changes, "back")];
    } finally {
        restore();
    }
}

const newValues = (changes: readonly SettingChange[]): Record<string, unknown> =>
    Object.fromEntries(
        changes.flatMap(({ key, value, together }) => [
            [key, typeof value === "function" ? (value as (present: unknown) => unknown)(stackSetting(key)) : value],
            ...Object.entries(together ?? {}),
        ]),
    );

async function runRefusal(change: SettingChange, refusal: string): Promise<RefusalResult> {
    const restore = setInStack(newValues([change]));
    const { errors } = await preview().finally(restore);
    const line = errors.split("\n").find((each) => each.includes(refusal));
    return { change: nameOf(change), refused: line !== undefined, message: line?.trim() ?? errors };
}

async function runUp(changes: readonly SettingChange[], direction: "there" | "back"): Promise<ChangeResult> {
    const name = changes.map(nameOf).join(", ");
    const { machines, effects } = await preview();
    const outputs = await stackOutputs();
    const before = { ids: machineIds(), timeline: await timeline() };
    const workload = await Workload.start(outputs, 30 * 60);
    try {
        const began = monotonicMilliseconds();
        await local();
        const upSeconds = seconds(monotonicMilliseconds() - began);
        const after = await stackOutputs();
        await new Cluster(after, { synchronous: stackSetting("synchronousMode") !== "off" }).whole(patienceSeconds, 2);
        await workload.flowing(2, patienceSeconds);
        const span = { from: began - 1000, to: monotonicMilliseconds() };
        const attempts = await workload.stop();
        const now = machineIds();
        return {
            change: name,
            direction,
            preview: { machines, effects },
            upSeconds,
            ...effectOf(attempts, span),
            switchovers: (await timeline()) - before.timeline,
            replaced: Object.entries(before.ids)
                .filter(([name, id]) => now[name] !== id)
                .map(([name]) => name),
            missing: (await Promise.all(changes.map((change) => missing(change, direction)))).flat(),
            nextUpChangesNothing: (await preview()).changesNothing,
            ...(await verify(after, attempts)),
        };
    } catch (error) {
        throw new Error(`${name}, ${direction}: ${messageOf(error)}`, { cause: error });
    } finally {
        await workload.stop();
    }
}

/** The places that do not have the value that the direction leads to. */
async function missing({ expected }: SettingChange, direction: "there" | "back"): Promise<string[]> {
    if (!("seen" in expected)) return [];
    const { seen, shows, stays = false } = expected;
    const texts = Object.entries(await seen());
    const wanted = direction === "there" || stays;
    if (wanted && texts.length === 0) return [`no place shows ${shows}`];
    return texts.filter(([, text]) => text.includes(shows) !== wanted).map(([place]) => `${place} (${shows})`);
}

/** Each switchover and each failover begins a timeline. */
const timeline = async (): Promise<number> => Math.max(...(await members()).map(({ TL }) => TL));

const machineIds = (): Record<string, string> =>
    Object.fromEntries(listMachines(site).map(({ spec }) => [spec.hostname, spec.id]));
