import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderDnsConfiguration, renderHosts } from "./dns.ts";
import { cloudNamespace, internetInterface, internetNamespace, machineNamespace, paths, type Site } from "./names.ts";
import {
    attemptInNamespace,
    createNamespace,
    deleteNamespace,
    inNamespace,
    ip,
    namespaceExists,
} from "./namespaces.ts";
import {
    healthCheckAddress,
    internet,
    metadataAddress,
    type NetworkPlan,
    type PlannedInterface,
} from "./network-plan.ts";
import { run } from "./run.ts";
import { renderSecurityGroups } from "./security-groups.ts";

/**
 * Kernel settings of the cloud's namespace.
 * - Proxy ARP makes the cloud answer for every address, as the cloud's virtual router does, so each
 *   packet is routed and passes the filter.
 * - The reverse path filter drops packets whose source address belongs to another cable.
 * - Yandex Cloud forgets a connection after 180 s without packets, and drops its later packets.
 *   https://yandex.cloud/en/docs/vpc/concepts/security-groups
 */
const cloudSettings = [
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=1",
    "net.ipv4.conf.default.proxy_arp=1",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv4.conf.default.send_redirects=0",
];
const connectionTracking = [
    "net.netfilter.nf_conntrack_tcp_timeout_established=180",
    "net.netfilter.nf_conntrack_tcp_loose=0",
    "net.netfilter.nf_conntrack_udp_timeout=180",
    "net.netfilter.nf_conntrack_udp_timeout_stream=180",
];

/** Drops packets from and to frozen machines before any other rule sees them. */
const silenceTable = `table inet silence {
  set machines { type ipv4_addr; }
  chain prerouting {
    type filter hook prerouting priority -320; policy accept;
    ip saddr @machines drop
    ip daddr @machines drop
  }
}
`;

/** Creates the namespaces of the cloud and of the Internet and the cable between them, unless they exist. */
export async function createCloud(site: Site): Promise<void> {
    const cloud = cloudNamespace(site);
    const outside = internetNamespace(site);
    const isComplete =
        namespaceExists(cloud) &&
        (await attemptInNamespace(cloud, "ip", ["link", "show", internetInterface])).exitCode === 0;
    if (isComplete) return;

    await deleteNamespace(outside);
    await deleteNamespace(cloud);
    await createNamespace(cloud);
    await inNamespace(cloud, "sysctl", ["-qw", ...cloudSettings]);
    // These settings exist only after a rule in the namespace tracks connections.
    await inNamespace(cloud, "nft", ["-f", "-"], {
        input: renderSecurityGroups({ subnets: [], interfaces: [], securityGroups: [], networkLoadBalancers: [] }),
    });
    await inNamespace(cloud, "sysctl", ["-qw", ...connectionTracking]);
    await inNamespace(cloud, "nft", ["-f", "-"], { input: silenceTable });

    await createNamespace(outside);
    const { router, hosts, administrator, repository, prefixLength } = internet;
    await ip(outside, [
        `link add eth0 type veth peer name ${internetInterface} netns ${cloud}`,
        ...[hosts, administrator, repository].map((address) => `address add ${address}/${prefixLength} dev eth0`),
        "link set eth0 up",
    ]);
    await ip(cloud, [
        `address add ${router}/${prefixLength} dev ${internetInterface}`,
        `address add ${metadataAddress}/32 dev lo`,
        `link set ${internetInterface} up`,
        // So that all packets reach the filter, instead of an answer "no route".
        `route add default via ${hosts}`,
    ]);
    await ip(outside, [`route add default via ${router}`]);
}

/** Makes routes, the cloud's own addresses, filter and names match the plan. */
export async function applyPlan(site: Site, plan: NetworkPlan): Promise<void> {
    const cloud = cloudNamespace(site);
    await inNamespace(cloud, "nft", ["-f", "-"], { input: renderSecurityGroups(plan) });

    const checks = plan.networkLoadBalancers.length > 0 ? [`${healthCheckAddress}/32`] : [];
    const ownAddresses = [...plan.subnets.flatMap((subnet) => [`${subnet.gateway}/32`, `${subnet.dns}/32`]), ...checks];
    const present = (await localAddresses(cloud)).filter((address) => address !== `${metadataAddress}/32`);
    const blocks = plan.subnets.map((subnet) => subnet.cidr);
    const presentBlocks = await subnetRoutes(cloud);
    await ip(cloud, [
        ...present
            .filter((address) => !ownAddresses.includes(address))
            .map((address) => `address delete ${address} dev lo`),
        ...ownAddresses
            .filter((address) => !present.includes(address))
            .map((address) => `address add ${address} dev lo`),
        ...presentBlocks
            .filter((block) => !blocks.includes(block))
            .map((block) => `route delete ${block} dev ${internetInterface}`),
        // For addresses without a machine: the cloud answers ARP for them, and the filter drops their packets.
        ...blocks
            .filter((block) => !presentBlocks.includes(block))
            .map((block) => `route add ${block} dev ${internetInterface}`),
    ]);
    await applyNames(site, plan);
}

interface AddressInfo {
    local: string;
    prefixlen: number;
    family: string;
}

async function localAddresses(cloud: string): Promise<string[]> {
    const [lo] = JSON.parse(await run("ip", ["-j", "-n", cloud, "address", "show", "dev", "lo"])) as {
        addr_info: AddressInfo[];
    }[];
    return (lo?.addr_info ?? [])
        .filter((info) => info.family === "inet" && !info.local.startsWith("127."))
        .map((info) => `${info.local}/${info.prefixlen}`);
}

async function subnetRoutes(cloud: string): Promise<string[]> {
    const routes = JSON.parse(await run("ip", ["-j", "-n", cloud, "route", "show", "dev", internetInterface])) as {
        dst: string;
        protocol?: string;
    }[];
    return routes.filter((route) => route.dst !== "default" && route.protocol !== "kernel").map((route) => route.dst);
}

function dnsFiles(site: Site): { configuration: string; hosts: string; pid: string; log: string } {
    const run = paths.run(site);
    return {
        configuration: join(run, "dnsmasq.conf"),
        hosts: join(run, "hosts"),
        pid: join(run, "dnsmasq.pid"),
        log: join(run, "dnsmasq.log"),
    };
}

/** Writes the names for the DNS server. It outlives the daemon, and the next daemon makes it read its names again. */
async function applyNames(site: Site, plan: NetworkPlan): Promise<void> {
    const files = dnsFiles(site);
    mkdirSync(paths.run(site), { recursive: true });
    writeFileSync(files.hosts, renderHosts(plan));
    if (isDnsServer(pidIn(files.pid), files.configuration)) {
        process.kill(pidIn(files.pid) as number, "SIGHUP");
        return;
    }
    writeFileSync(files.configuration, renderDnsConfiguration(files));
    await inNamespace(cloudNamespace(site), "dnsmasq", [`--conf-file=${files.configuration}`]);
}

function pidIn(file: string): number | undefined {
    try {
        return Number(readFileSync(file, "utf8"));
    } catch {
        return undefined;
    }
}

/** Whether a process is this DNS server. The kernel may have given the id to another process. */
function isDnsServer(pid: number | undefined, configuration: string): boolean {
    try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(configuration);
    } catch {
        return false;
    }
}

/** Gives a machine its namespace and a cable to the cloud. */
export async function connectMachine(site: Site, nic: PlannedInterface): Promise<void> {
    const cloud = cloudNamespace(site);
    const namespace = machineNamespace(site, nic.instanceId);
    await createNamespace(namespace);
    await ip(namespace, [
        `link add eth0 address ${nic.macAddress} type veth peer name ${nic.hostInterface} netns ${cloud}`,
    ]);
    await plugIn(cloud, nic.hostInterface, nic.address, nic.macAddress);
}

/**
 * Brings up the cloud's end of a cable and routes an address through it. The neighbour entry is permanent, so that
 * packets to a lost machine are dropped instead of answered with "host unreachable".
 */
export async function plugIn(cloud: string, hostInterface: string, address: string, macAddress: string): Promise<void> {
    await inNamespace(cloud, "sysctl", ["-qw", `net.ipv4.neigh.${hostInterface}.proxy_delay=0`]);
    await ip(cloud, [
        `link set ${hostInterface} up`,
        `route replace ${address}/32 dev ${hostInterface}`,
        `neighbour replace ${address} lladdr ${macAddress} dev ${hostInterface} nud permanent`,
    ]);
}

/** Pulls the cable: from now on no packet of the machine arrives anywhere. */
export async function unplug(site: Site, hostInterface: string): Promise<void> {
    const cloud = cloudNamespace(site);
    if (namespaceExists(cloud)) await attemptInNamespace(cloud, "ip", ["link", "delete", hostInterface]);
}

/** Removes a machine's cable and namespace, together with its open connections. */
export async function disconnectMachine(site: Site, id: string, hostInterface: string): Promise<void> {
    await unplug(site, hostInterface);
    await deleteNamespace(machineNamespace(site, id));
}

/** Starts or stops dropping all packets from and to an address. The guest's interface stays up. */
export async function setSilent(site: Site, address: string, silent: boolean): Promise<void> {
    const element = ["element", "inet", "silence", "machines", `{ ${address} }`];
    const cloud = cloudNamespace(site);
    if (silent) await inNamespace(cloud, "nft", ["add", ...element]);
    // Deleting a missing element is an error, so it is added first.
    else
        await inNamespace(cloud, "nft", ["-f", "-"], {
            input: `add ${element.join(" ")}\ndelete ${element.join(" ")}\n`,
        });
}
