import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plugIn, unplug } from "./cloud-network.ts";
import { inherit } from "./guest.ts";
import { clientInterfacePrefix, clientNamespace, cloudNamespace, paths, type Site } from "./names.ts";
import {
    attemptInNamespace,
    createNamespace,
    deleteNamespace,
    inNamespace,
    ip,
    namespaceExists,
    namespacePath,
    namespacesWithPrefix,
} from "./namespaces.ts";
import { contains, parseBlock } from "./ipv4.ts";
import { clientAddresses, type NetworkPlan, type PlannedSubnet, planNetwork } from "./network-plan.ts";
import { readNetwork } from "./records.ts";
import { attempt, type Result, type RunOptions } from "./run.ts";

export interface ClientOptions {
    /** Id of the client's subnet. @default the subnet with the lowest addresses */
    subnetId?: string;
    /** The client's address, in any subnet. @default the highest free address */
    address?: string;
}

/**
 * Runs a command of this host with an address of its own inside a subnet, like an application's machine. No instance
 * has this address, so other machines' rules alone decide what it can reach.
 * @returns the command's exit code
 */
export function runAsClient(site: Site, command: readonly string[], options: ClientOptions = {}): Promise<number> {
    return withClient(site, options, (enter) => inherit(enter[0] as string, [...enter.slice(1), ...command]));
}

/** Like {@link runAsClient}, but captures the output. @returns the command's exit code and output */
export function captureAsClient(
    site: Site,
    command: readonly string[],
    options: ClientOptions & RunOptions = {},
): Promise<Result> {
    return withClient(site, options, (enter) => attempt(enter[0] as string, [...enter.slice(1), ...command], options));
}

/** Number of clients that this process has made. Each gets its own number. */
let clientCount = 0;

/**
 * Provides a network of its own inside a subnet while `work` runs.
 * @param work called with a command line that enters the network, to be put before a command of this host
 */
export async function withClient<T>(
    site: Site,
    options: ClientOptions,
    work: (enter: string[]) => Promise<T>,
): Promise<T> {
    await removeDeadClients(site);
    const plan = planNetwork(readNetwork(site));
    const subnet = chooseSubnet(plan, options);
    // The kernel's names have 15 characters, a process id up to 7.
    const name = `${process.pid}-${(clientCount++ % 1000).toString(36)}`;
    const namespace = clientNamespace(site, name);
    const hostInterface = `${clientInterfacePrefix}${name}`;
    const resolver = join(paths.run(site), `resolv-${name}.conf`);
    try {
        await createNamespace(namespace);
        const candidates = options.address ? [options.address] : clientAddresses(plan, subnet);
        const address = await connect(site, namespace, hostInterface, candidates);
        await ip(namespace, [
            `address add ${address}/${subnet.block.prefixLength} dev eth0`,
            "link set eth0 up",
            `route add default via ${subnet.gateway}`,
        ]);
        mkdirSync(paths.run(site), { recursive: true });
        writeFileSync(resolver, `nameserver ${subnet.dns}\nsearch ru-central1.internal\n`);
        return await work([
            ...["nsenter", `--net=${namespacePath(namespace)}`, "unshare", "--mount", "--propagation", "slave"],
            ...[
                "sh",
                "-c",
                'mount --bind "$1" "$(realpath -m /etc/resolv.conf)" && shift && exec "$@"',
                "sh",
                resolver,
            ],
        ]);
    } finally {
        await unplug(site, hostInterface);
        await deleteNamespace(namespace);
        rmSync(resolver, { force: true });
    }
}

function chooseSubnet(plan: NetworkPlan, { subnetId, address }: ClientOptions): PlannedSubnet {
    const isChosen = (subnet: PlannedSubnet): boolean =>
        (!subnetId || subnet.id === subnetId) && (!address || contains(parseBlock(subnet.cidr), address));
    const subnet = plan.subnets.find(isChosen);
    if (!subnet)
        throw new Error(
            plan.subnets.length === 0
                ? "there is no subnet yet"
                : `there is no such subnet; subnets: ${plan.subnets.map(({ id, cidr }) => `${id} (${cidr})`).join(", ")}`,
        );
    if (address && plan.interfaces.some((nic) => nic.address === address))
        throw new Error(`${address} belongs to a machine`);
    return subnet;
}

/** Takes the first address that no other client has. The kernel refuses a second route to the same address. */
async function connect(
    site: Site,
    namespace: string,
    hostInterface: string,
    addresses: Iterable<string>,
): Promise<string> {
    const cloud = cloudNamespace(site);
    await ip(namespace, [`link add eth0 type veth peer name ${hostInterface} netns ${cloud}`]);
    await ip(cloud, [`link set ${hostInterface} up`]);
    const macAddress = (await inNamespace(namespace, "ip", ["-brief", "link", "show", "eth0"])).split(
        /\s+/,
    )[2] as string;
    for (const address of addresses) {
        const taken = await attemptInNamespace(cloud, "ip", ["route", "add", `${address}/32`, "dev", hostInterface]);
        if (taken.exitCode !== 0) continue;
        await plugIn(cloud, hostInterface, address, macAddress);
        return address;
    }
    throw new Error("no address of the subnet is free");
}

/** Removes the clients of killed processes. */
async function removeDeadClients(site: Site): Promise<void> {
    const pattern = new RegExp(`^${site.prefix}-${clientInterfacePrefix}(\\d+)-`);
    for (const name of namespacesWithPrefix(site.prefix)) {
        const pid = Number(pattern.exec(name)?.[1] ?? 0);
        if (pid > 0 && !isAlive(pid) && namespaceExists(name)) await deleteNamespace(name);
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch {
        return false;
    }
}
