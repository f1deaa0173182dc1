/** The machines of whole clusters, rendered from configurations as a user would write them. */
import { machineConfigurations } from "../../cloud-init/roles/index.ts";
import type { MachineConfiguration, MachineFile } from "../../cloud-init/machine/configuration.ts";
import { renderBundle, renderUserData } from "../../cloud-init/machine/user-data.ts";
import { addressPlan, type AddressPlan, type Node } from "../../cluster/address-plan.ts";
import { roleNames, type Role } from "../../cluster/roles.ts";
import { parseSettings, type Settings } from "../../settings/index.ts";
import { sshKeyPair, TestAuthority, type Certificate } from "./certificates.ts";
import type { ScratchMachine } from "./scratch-machine.ts";

export interface RenderedMachine {
    readonly node: Node;
    readonly role: Role;
    readonly configuration: MachineConfiguration;
    readonly userData: string;
    readonly bundle: string;
}

export interface RenderedCluster {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    readonly machines: readonly RenderedMachine[];
}

/** Texts that must never be seen where secrets do not belong. */
export const passwords = {
    superuserPassword: "SuperuserPassword0123456789",
    replicationPassword: "ReplicationPassword0123456789",
    rewindPassword: "RewindPassword0123456789",
    lookupPassword: "LookupPassword0123456789",
} as const;

export const authority = new TestAuthority();
export const hostKey = sshKeyPair();
export const deployPublicKey = sshKeyPair().publicKeyOpenssh;
const administratorKey = sshKeyPair().publicKeyOpenssh;

/** The least that a user has to configure. */
export const minimalConfiguration = { adminCidrs: ["203.0.113.10/32"], sshPublicKeys: [administratorKey] } as const;

/** Everything raised to what five nodes need. */
export const largeQuotas = { vcpus: 500, memoryGib: 2000, ssdGib: 10_000, hddGib: 10_000, machines: 50 } as const;

/** Configurations that between them use each value that changes what is rendered. */
export const configurations = {
    "the defaults": {},
    "five nodes, safe, strict, two load balancers, a mirror": {
        databaseNodes: 5,
        profile: "safe",
        synchronousMode: "strict",
        keepReadsOnLaggingReplica: true,
        loadBalancers: 2,
        almalinuxMirror: "http://repo.example.org/almalinux",
        epelMirror: "http://repo.example.org/epel",
        pgdgMirror: "http://repo.example.org/pgdg",
        pgbouncerPoolMode: "transaction",
        clientCidrs: ["10.10.0.0/16", "10.20.0.0/16"],
        postgresqlParameters: { work_mem: "32MB", statement_timeout: "5min" },
        databases: [
            { name: "orders", owner: "orders" },
            { name: "stock", owner: "stock" },
        ],
        users: [{ name: "reports", databases: ["orders", "stock"] }],
        quotas: largeQuotas,
    },
    "small machines in one zone, fast, asynchronous": {
        zones: ["ru-central1-b"],
        profile: "fast",
        synchronousMode: "off",
        loadBalancers: 2,
        databaseCores: 2,
        databaseMemoryGib: 2,
        securityUpdates: false,
        timeZone: "Europe/Moscow",
        networkCidr: "192.168.128.0/25",
        pgbouncerServerConnection: "socket",
    },
} as const satisfies Record<string, Record<string, unknown>>;

/** Renders every machine of the cluster that the configuration describes. */
export function renderCluster(configuration: Readonly<Record<string, unknown>> = {}): RenderedCluster {
    const settings = parseSettings({ ...minimalConfiguration, ...configuration });
    const plan = addressPlan(settings);
    const render = (node: Node, role: Role): RenderedMachine => {
        const certificate = issue(plan, node, role);
        const machine = machineConfigurations[role](
            { settings, plan, node },
            { caPem: authority.caPem, deployPublicKey, ...passwords, ...certificate },
        );
        const identity = {
            hostname: node.hostname,
            fqdn: node.fqdn,
            adminUser: settings.ssh.user,
            authorizedKeys: settings.ssh.publicKeys,
            hostKey,
            timeZone: settings.operatingSystem.timeZone,
        };
        return {
            node,
            role,
            configuration: machine,
            userData: renderUserData(identity, machine),
            bundle: renderBundle(machine),
        };
    };
    return {
        settings,
        plan,
        machines: roleNames.flatMap((role) => plan.nodes[role].map((node) => render(node, role))),
    };
}

const issued = new Map<string, Certificate>();

/** Keys cost time; the same names get the same certificate. */
function issue(plan: AddressPlan, node: Node, role: Role): Certificate {
    const named = role === "database" ? [node, ...plan.nodes.loadBalancer] : [node];
    const names = [...named.map(({ fqdn }) => fqdn), "localhost"];
    const addresses = [...named.map(({ address }) => address), "127.0.0.1"];
    const key = JSON.stringify([names, addresses]);
    const certificate = issued.get(key) ?? authority.issue(names, addresses);
    issued.set(key, certificate);
    return certificate;
}

/** The first machine of a role. */
export function machineOf(cluster: RenderedCluster, role: Role): RenderedMachine {
    return cluster.machines.find((machine) => machine.role === role)!;
}

/** A file of the machine by its path. */
export function fileOf({ configuration, node }: RenderedMachine, path: string): MachineFile {
    const file = configuration.files.find((candidate) => candidate.path === path);
    if (file === undefined) throw new Error(`${node.hostname} has no ${path}`);
    return file;
}

/** Puts the files that user-data carries where cloud-init's write_files would put them. */
export function writeUserDataFiles(
    scratch: ScratchMachine,
    userDataFiles: readonly { path: string; content: string; permissions: string }[],
): void {
    scratch.write(...userDataFiles.map(({ path, content, permissions }) => ({ path, content, mode: permissions })));
}
