/** Everything that a cluster was created from, so that a script can create the same without Pulumi. */
import type { MachineSpec, NetworkState } from "../../testbed/machines/driver.ts";
import { listMachines, readNetwork } from "../../testbed/machines/records.ts";
import { mustRun, stackOutputs } from "../../local/commands.ts";
import { eventually } from "../../local/eventually.ts";
import type { Outputs } from "../../local/outputs.ts";
import { site } from "../../local/this-testbed.ts";
import type { Connection } from "./first-write.ts";

export interface RemoteCommand {
    /** Host name of the machine. */
    readonly machine: string;
    readonly command: string;
    readonly input: string;
}

export interface Recording {
    readonly clusterName: string;
    readonly network: NetworkState;
    readonly machines: readonly MachineSpec[];
    /** One for each machine: sends its secrets and waits for its services. */
    readonly configure: readonly RemoteCommand[];
    /** Creates roles and databases, on the first node. */
    readonly objects: RemoteCommand;
    readonly outputs: Outputs;
    /** Private key for the program's own SSH connections. */
    readonly deployKey: string;
}

/** Reads the recording from the running testbed and its stack. */
export async function record(): Promise<Recording> {
    const machines = listMachines(site).map(({ spec }) => spec);
    const resource = await exportedResources();
    const command = (name: string, machine: string): RemoteCommand => {
        const { create, stdin } = resource("command:remote:Command", name).inputs;
        return { machine, command: plain(create), input: plain(stdin) };
    };
    const clusterName = machines
        .map(({ hostname }) => hostname)
        .find((name) => name.endsWith("-jump"))!
        .replace(/-jump$/, "");
    return {
        clusterName,
        network: readNetwork(site),
        machines,
        configure: machines.map(({ hostname }) => command(`${hostname}-configured`, hostname)),
        objects: command(`${clusterName}-db-objects`, `${clusterName}-db-1`),
        outputs: await stackOutputs(),
        deployKey: plain(
            resource("tls:index/privateKey:PrivateKey", `${clusterName}-deploy`).outputs["privateKeyOpenssh"],
        ),
    };
}

/** The application's connection during a running `up`. It is known when the machines are created. */
export async function decidedConnection({ clusterName, machines, outputs }: Recording): Promise<Connection> {
    const uri = new URL(outputs.connections[0]!.readWrite);
    const ask = async () => {
        const resource = await exportedResources();
        const { certPem } = resource("tls:index/selfSignedCert:SelfSignedCert", `${clusterName}-ca`).outputs;
        const { result } = resource(
            "random:index/randomPassword:RandomPassword",
            `${clusterName}-credentials-user-${uri.username}`,
        ).outputs;
        uri.password = encodeURIComponent(plain(result));
        return { uri: uri.href, caCertificate: plain(certPem) };
    };
    // Each export of the stack costs a second of processor time, which would slow down the creation of machines.
    await eventually(
        120,
        async () => listMachines(site).length,
        (count) => count === machines.length,
    );
    return eventually(120, ask, () => true);
}

/** The stack's resources, which can be read during an `up`. @returns a lookup that throws if there is no such resource */
async function exportedResources(): Promise<(type: string, name: string) => Resource> {
    const exported = JSON.parse(
        await mustRun("nice", ["pulumi", "stack", "export", "--show-secrets", "--stack", "local"]),
    ) as { deployment: { resources: Resource[] } };
    return (type, name) => {
        const found = exported.deployment.resources.find(
            ({ type: own, urn }) => own === type && urn.endsWith(`::${name}`),
        );
        if (!found) throw new Error(`the stack has no ${name}`);
        return found;
    };
}

interface Resource {
    readonly type: string;
    readonly urn: string;
    readonly inputs: Record<string, unknown>;
    readonly outputs: Record<string, unknown>;
}

/** The value of a property, also of a secret, which Pulumi writes as JSON beside a signature. */
function plain(value: unknown): string {
    if (typeof value === "string") return value;
    const { plaintext } = value as { plaintext: string };
    return JSON.parse(plaintext) as string;
}
