/** What a killed `pulumi up` was creating: read from the stack's state, and compared with what the cloud has. */

/** A state as `pulumi stack export` prints it, as far as it is read here; secrets are encrypted in it. */
export interface Deployment {
    readonly resources?: readonly Resource[];
    readonly pending_operations?: readonly { readonly type: string; readonly resource: Resource }[];
}

interface Resource {
    readonly urn: string;
    readonly type: string;
    readonly id?: string;
    readonly inputs?: Inputs;
    readonly outputs?: object;
    readonly created?: string;
}

export type Inputs = Readonly<Record<string, unknown>>;

/** A resource whose creation was begun, and of whose end Pulumi knows nothing. */
export interface PendingCreate {
    readonly urn: string;
    /** Pulumi's type, `yandex:index/computeInstance:ComputeInstance`. */
    readonly type: string;
    /** The name in the cloud. @default none: it is no resource of the cloud, and is simply made again */
    readonly name: string | undefined;
    readonly inputs: Inputs;
}

/** A resource as one of the provider's functions describes it. */
export type Found = Readonly<Record<string, unknown>> & {
    readonly id: string;
    readonly createdAt: string;
    readonly status?: string;
};

export function pendingCreates({ pending_operations = [] }: Deployment): readonly PendingCreate[] {
    return pending_operations
        .filter(({ type }) => type === "creating")
        .map(({ resource: { urn, type, inputs = {} } }) => ({
            urn,
            type,
            name: type.startsWith("yandex:") ? asText(inputs["name"]) : undefined,
            inputs,
        }));
}

/**
 * The state without what was begun, and with those resources that are there. They come last, because nothing can depend
 * on them yet; what they are like, a refresh asks the cloud.
 * @param ids the cloud's, by URN
 */
export function adopt<T extends Deployment>(deployment: T, ids: ReadonlyMap<string, string>): T {
    const { resources = [], pending_operations: pending = [] } = deployment;
    const adopted = pending.flatMap(({ type, resource }) => {
        const id = ids.get(resource.urn);
        return type === "creating" && id !== undefined ? [{ ...resource, id, outputs: {} }] : [];
    });
    // `pulumi stack import` drops the others, too: updates and deletions, which Pulumi does again.
    return { ...deployment, resources: [...resources, ...adopted], pending_operations: [] };
}

/** Clocks of the cloud and of this computer may differ so much. */
const clockSkewMinutes = 5;

/**
 * Why a resource with the right name is not the one that was being created, or undefined when it is: everything that
 * was asked for and that the cloud tells must agree, its network and its labels among it; no resource of the stack may
 * be it; and it must not be older than the stack.
 */
export function difference(
    { inputs }: PendingCreate,
    found: Found,
    { resources = [] }: Deployment,
): string | undefined {
    const owner = resources.find(({ id }) => id === found.id);
    if (owner !== undefined) return `the stack has it as ${nameOf(owner.urn)}`;
    const began = Date.parse(resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.created ?? "");
    if (Date.parse(found.createdAt) < began - clockSkewMinutes * 60_000)
        return `it is of ${found.createdAt}, older than the stack`;
    for (const [key, wanted] of Object.entries(inputs)) {
        // What the provider's functions do not tell of a resource cannot be compared; labels they leave out are none.
        const told = found[key] ?? (key === "labels" ? {} : undefined);
        const wrong = told === undefined ? undefined : differs(wanted, told);
        if (wrong !== undefined) return `its ${key}${wrong}`;
    }
    return undefined;
}

/** What of a value is not as wanted. Of lists and of what has several forms, only labels and network interfaces are compared. */
function differs(wanted: unknown, found: unknown): string | undefined {
    if (isMap(wanted) && isMap(found)) return firstDifference(wanted, found);
    if (Array.isArray(wanted) && Array.isArray(found)) {
        return isMap(wanted[0]) && isMap(found[0]) && "subnetId" in wanted[0]
            ? firstDifference(wanted[0], found[0])
            : undefined;
    }
    if (["string", "number", "boolean"].includes(typeof wanted) && wanted !== found)
        return ` is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`;
    return undefined;
}

function firstDifference(wanted: Inputs, found: Inputs): string | undefined {
    for (const [key, value] of Object.entries(wanted)) {
        if (typeof value === "string" && value !== found[key])
            return `.${key} is ${JSON.stringify(found[key] ?? null)}, not ${JSON.stringify(value)}`;
    }
    return undefined;
}

function isMap(value: unknown): value is Inputs {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the cloud is still at it, so that the resource cannot be taken over yet. */
export function isUnfinished({ status = "" }: Found): boolean {
    return /^(creating|provisioning|starting|restarting|updating|stopping)$/i.test(status);
}

/** The last part of a URN, with its type's: "ComputeInstance main-db-1". */
export function nameOf(urn: string): string {
    const [type = "", name = ""] = urn.split("::").slice(-2);
    return `${type.split(/[$:/]/).at(-1)} ${name}`;
}

const asText = (value: unknown): string => (typeof value === "string" ? value : "");
