import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { cloudNamespace, delayInterfacePrefix, type Site } from "./names.ts";
import { inNamespace, ip, namespacePath } from "./namespaces.ts";

/** Routing tables of delays; small numbers are the kernel's own. */
const firstTable = 1000;

/**
 * Creates exactly these delay lines (in ms). Each is a TUN device to which marked packets are routed, and a process
 * that delays them. A line exists as long as its device.
 */
export async function startDelays(site: Site, wanted: readonly number[]): Promise<void> {
    const cloud = cloudNamespace(site);
    const present = await presentDelays(cloud);
    for (const delay of present.filter((other) => !wanted.includes(other))) {
        await ip(cloud, [`rule delete fwmark ${delay} table ${firstTable + delay}`, `link delete ${deviceOf(delay)}`]);
    }
    for (const delay of wanted.filter((other) => !present.includes(other))) {
        const device = deviceOf(delay);
        await ip(cloud, [`tuntap add dev ${device} mode tun`]);
        // Packets that return from the device have a machine's address as their source.
        await inNamespace(cloud, "sysctl", ["-qw", `net.ipv4.conf.${device}.rp_filter=0`]);
        await ip(cloud, [
            `link set ${device} up`,
            `route add default dev ${device} table ${firstTable + delay}`,
            `rule add fwmark ${delay} table ${firstTable + delay}`,
        ]);
        await holdBack(cloud, device, delay);
    }
}

/** Starts the process behind a device and waits until it is ready. Before that the device loses packets. */
async function holdBack(cloud: string, device: string, delay: number): Promise<void> {
    const line = spawn(
        "nsenter",
        [`--net=${namespacePath(cloud)}`, "python3", join(import.meta.dirname, "delay-line.py"), device, `${delay}`],
        {
            detached: true,
            stdio: ["ignore", "pipe", "inherit"],
            cwd: "/",
        },
    );
    const ended = once(line, "exit").then(() =>
        Promise.reject(new Error(`the delay line of ${delay} ms did not start`)),
    );
    await Promise.race([once(line.stdout, "data"), ended]);
    ended.catch(() => undefined);
    line.stdout.destroy();
    line.unref();
}

const deviceOf = (delay: number): string => `${delayInterfacePrefix}${delay}`;

async function presentDelays(cloud: string): Promise<number[]> {
    const links = JSON.parse(await inNamespace(cloud, "ip", ["-j", "link", "show"])) as { ifname: string }[];
    return links
        .filter((link) => link.ifname.startsWith(delayInterfacePrefix))
        .map((link) => Number(link.ifname.slice(delayInterfacePrefix.length)));
}
