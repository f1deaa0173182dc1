/**
 * Rules that every stack of this program keeps, checked on what the engine is about to do:
 * `pulumi preview --policy-pack test/policy`.
 */
import type {
    Policies,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationPolicy,
} from "@pulumi/policy";

const yandex = (name: string) => `yandex:index/${name[0]!.toLowerCase()}${name.slice(1)}:${name}`;
const INSTANCE = yandex("ComputeInstance");
const DISK = yandex("ComputeDisk");
const SECURITY_GROUP = yandex("VpcSecurityGroup");
const PUBLIC_ADDRESS = yandex("VpcAddress");
const COMMAND = "command:remote:Command";
const PASSWORD = "random:index/randomPassword:RandomPassword";

/** Kinds of cloud resources that have labels. */
const LABELLED = [
    INSTANCE,
    DISK,
    SECURITY_GROUP,
    PUBLIC_ADDRESS,
    ...[
        "VpcNetwork",
        "VpcGateway",
        "VpcRouteTable",
        "VpcSubnet",
        "ComputePlacementGroup",
        "LbTargetGroup",
        "LbNetworkLoadBalancer",
    ].map(yandex),
];
const JUMP_HOST = "jump-host";
const DATABASE = "database";
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;

type Check = (props: Record<string, any>, args: ResourceValidationArgs) => readonly string[];

/** A policy for resources of some types; the check returns what is wrong with one. */
function resourcePolicy(
    name: string,
    description: string,
    types: readonly string[],
    check: Check,
    configSchema?: ResourceValidationPolicy["configSchema"],
): ResourceValidationPolicy {
    return {
        name,
        description,
        ...(configSchema === undefined ? {} : { configSchema }),
        validateResource: (args: ResourceValidationArgs, report: ReportViolation) => {
            if (types.includes(args.type)) check(args.props, args).forEach((violation) => report(violation));
        },
    };
}

const flag = (name: string, value: boolean) => ({
    properties: { [name]: { type: "boolean" as const, default: value } },
});

const labels = resourcePolicy(
    "labels",
    "Everything that can be labelled says which cluster it belongs to.",
    LABELLED,
    ({ labels: found }) =>
        typeof found?.cluster === "string" && found.cluster !== "" ? [] : ["has no label `cluster`"],
);

const publicAddress = resourcePolicy(
    "no-public-address",
    "No machine but the jump host has a public address.",
    [INSTANCE],
    ({ networkInterfaces = [], labels: found }) =>
        found?.role !== JUMP_HOST &&
        networkInterfaces.some(
            (nic: Record<string, unknown>) => nic["nat"] === true || nic["natIpAddress"] !== undefined,
        )
            ? ["has a public address"]
            : [],
);

const onePublicAddress: StackValidationPolicy = {
    name: "one-public-address",
    description: "The stack has one public address.",
    validateStack: ({ resources }, report) => {
        const addresses = resources.filter(({ type }) => type === PUBLIC_ADDRESS);
        addresses.slice(1).forEach(({ urn }) => report("is a second public address", urn));
    },
};

const closedIngress = resourcePolicy(
    "closed-ingress",
    "No security group lets everybody in.",
    [SECURITY_GROUP],
    ({ ingresses = [] }, args) => {
        if (args.getConfig<{ allowAnywhere?: boolean }>().allowAnywhere === true) return [];
        return ingresses
            .filter(({ v4CidrBlocks = [], v6CidrBlocks = [] }: Record<string, string[]>) =>
                [...v4CidrBlocks, ...v6CidrBlocks].some((cidr) => cidr.endsWith("/0")),
            )
            .map(
                ({ port, protocol }: { port?: number; protocol?: string }) =>
                    `lets everybody in: ${protocol} ${port ?? "any port"}`,
            );
    },
    flag("allowAnywhere", false),
);

const ownSecurityGroup = resourcePolicy(
    "own-security-group",
    "Every interface names its groups: without one it would get the network's default group.",
    [INSTANCE],
    ({ networkInterfaces = [] }) =>
        networkInterfaces
            .filter(({ securityGroupIds = [] }: Record<string, string[]>) => securityGroupIds.length === 0)
            .map(() => "has an interface without a security group"),
);

const protectedData = resourcePolicy(
    "protected-data",
    "Database machines and their disks are protected from deletion.",
    [INSTANCE, DISK],
    ({ labels: found }, args) =>
        args.getConfig<{ required?: boolean }>().required !== false && found?.role === DATABASE && !args.opts.protect
            ? ["is not protected"]
            : [],
    flag("required", true),
);

const machinesInTheirPlace = resourcePolicy(
    "delete-before-replace",
    "A machine goes before its successor comes: its address and name cannot exist twice.",
    [INSTANCE],
    (_, { opts }) => (opts.deleteBeforeReplace === true ? [] : ["is not deleted before it is replaced"]),
);

const secretMetadata = resourcePolicy(
    "secret-metadata",
    "Metadata is kept secret in the state: it holds the SSH host key.",
    [INSTANCE],
    (_, { opts }) => (opts.additionalSecretOutputs.includes("metadata") ? [] : ["does not mark `metadata` as secret"]),
);

/** Looks at texts that are known, hence works best on a stack whose passwords exist. */
const noSecretInMetadata: StackValidationPolicy = {
    name: "no-secret-in-metadata",
    description: "Metadata holds no password, and no private key but the machine's SSH host key.",
    validateStack: ({ resources }, report) => {
        const passwords = resources
            .filter(({ type }) => type === PASSWORD)
            .map(({ props }) => known(() => props["result"]))
            .filter((text) => text !== undefined);
        for (const { urn, props } of resources.filter(({ type }) => type === INSTANCE)) {
            const metadata = known(() => JSON.stringify(props["metadata"]));
            if (metadata === undefined) continue;
            if (passwords.some((password) => metadata.includes(password)))
                report("has a password in its metadata", urn);
            if ((metadata.match(PRIVATE_KEY) ?? []).length > 1)
                report("has a private key besides its host key in its metadata", urn);
        }
    },
};

/** A value that may not be known in a preview: then Pulumi throws. */
function known(read: () => string | undefined): string | undefined {
    try {
        const text = read();
        return typeof text === "string" && text !== "" ? text : undefined;
    } catch {
        return undefined;
    }
}

const harmlessCommands = resourcePolicy(
    "commands",
    "A command needs no machine to go away, ends by itself, and knows whom it talks to.",
    [COMMAND],
    (props, { opts }) => [
        ...(props["delete"] === undefined ? [] : ["has a delete script"]),
        ...(opts.customTimeouts.createSeconds > 0 && opts.customTimeouts.updateSeconds > 0 ? [] : ["has no timeout"]),
        ...(props["environment"] === undefined ? [] : ["sends environment variables, which sshd refuses"]),
        ...[props["connection"], props["connection"]?.proxy]
            .filter((hop) => hop != null && !hop.hostKey)
            .map(() => "does not verify a host key"),
    ],
);

const STACK = "pulumi:pulumi:Stack";
/** What may stand directly below the stack: components, providers, and the key that the program's commands log in with. */
const OUTERMOST = /^(pulumi:|postgres-ha:)/;

const parents: StackValidationPolicy = {
    name: "parents",
    description: "Every resource belongs to a component.",
    validateStack: ({ resources }, report) => {
        for (const resource of resources) {
            const outermost = parentType(resource) === undefined || parentType(resource) === STACK;
            if (outermost && !OUTERMOST.test(resource.type) && !resource.name.endsWith("-deploy"))
                report("belongs to no component", resource.urn);
        }
    },
};

/** Read from the URN, where types of parents stand before the resource's own: `…::parent$child::name`. */
function parentType({ urn }: PolicyResource): string | undefined {
    return urn.split("::")[2]?.split("$").at(-2);
}

export const policies: Policies = [
    labels,
    publicAddress,
    onePublicAddress,
    closedIngress,
    ownSecurityGroup,
    protectedData,
    machinesInTheirPlace,
    secretMetadata,
    noSecretInMetadata,
    harmlessCommands,
    parents,
];
