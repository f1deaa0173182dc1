/** A machine as text: what it is made of, file by file. Made without Pulumi's engine, with placeholders for secrets. */
import { isInUserData, type MachineConfiguration, type MachineFile } from "../cloud-init/machine/configuration.ts";
import { allFiles } from "../cloud-init/machine/user-data.ts";
import { machineConfigurations, type LateValues } from "../cloud-init/roles/index.ts";
import { addressPlan, type Node } from "../cluster/address-plan.ts";
import { roleNames, type Role } from "../cluster/roles.ts";
import type { Settings } from "../settings/index.ts";

/** Stand for what only Pulumi knows. */
const placeholders: LateValues = {
    caPem: "(certificate authority)\n",
    deployPublicKey: "(public key of the program)",
    certificatePem: "(certificate)\n",
    privateKeyPem: "(private key)\n",
    superuserPassword: "(superuser password)",
    replicationPassword: "(replication password)",
    rewindPassword: "(rewind password)",
    lookupPassword: "(pooler lookup password)",
};

export interface PlannedMachine {
    readonly role: Role;
    readonly node: Node;
    readonly configuration: MachineConfiguration;
}

/** Every machine of a stack. */
export function plannedMachines(settings: Settings): readonly PlannedMachine[] {
    const plan = addressPlan(settings);
    return roleNames.flatMap((role) =>
        plan.nodes[role].map((node) => ({
            role,
            node,
            configuration: machineConfigurations[role]({ settings, plan, node }, placeholders),
        })),
    );
}

/** Everything that a machine is made of. Of a file that is a copy from this repository, only its name. */
export function machineText({ node, configuration }: PlannedMachine): string {
    const { packages, groups, users, adminGroups, dataDisks, units, unitsWithSecrets, unawaitedUnits, selinux } =
        configuration;
    const list = (title: string, values: readonly string[]) =>
        values.length === 0 ? [] : [`${title}:`, ...values.map((value) => `    ${value}`)];
    return [
        `${node.hostname} ${node.address} ${node.zone}`,
        ...list("packages", packages),
        ...list("groups", groups),
        ...list(
            "users",
            users.map(({ name, groups: others = [] }) => [name, ...others].join(" ")),
        ),
        ...list("groups of the administrator", adminGroups),
        ...list(
            "data disks",
            dataDisks.map(({ deviceName, label, mountPoint }) => `${deviceName} ${label} ${mountPoint}`),
        ),
        ...list("units", units),
        ...list("units that need the secrets", unitsWithSecrets),
        ...list("units that `up` does not wait for", unawaitedUnits),
        ...list("SELinux", selinux),
        ...allFiles(configuration).flatMap((file) => ["", fileHeading(file), contentOf(file)]),
        "",
    ].join("\n");
}

function fileHeading(file: MachineFile): string {
    const { path, owner = "root:root", mode = "0644", secret = false, onChange = [] } = file;
    const delivery = isInUserData(file) ? "user-data" : "bundle";
    const heading = ["===", path, owner, mode, delivery, ...(secret ? ["secret"] : [])].join(" ");
    return [heading, ...onChange.map((command) => `=== on change: ${command}`)].join("\n");
}

function contentOf({ content, copyOf }: MachineFile): string {
    return copyOf === undefined ? content.trimEnd() : `(copy of ${copyOf})`;
}
