/** The testbed's command line: the testbed and its machines by hand. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startInstance } from "./cloud/start-instance.ts";
import { ensureImage } from "./image/index.ts";
import { runAsClient } from "./machines/client.ts";
import { addFault, addressOf, healAll } from "./machines/fault-control.ts";
import type { Fault } from "./machines/faults.ts";
import { inherit, openShell } from "./machines/guest.ts";
import { parseBlock } from "./machines/ipv4.ts";
import { erase, isUp, refuseOtherTestbed, startDaemon, takeDown } from "./machines/lifecycle.ts";
import { freeze, powerOff, start, stateOf, stop, thaw } from "./machines/machine.ts";
import { paths, type Site } from "./machines/names.ts";
import { internet } from "./machines/network-plan.ts";
import { askDaemon } from "./machines/ownership.ts";
import { findMachine, readFaults, readNetwork } from "./machines/records.ts";
import { balancerStatuses, type DescribeRole, machineStatuses, renderStatuses } from "./machines/status.ts";

/** A testbed, and what its user knows about the machines. */
export interface CommandLine {
    readonly site: Site;
    /** Port of the cloud's API on 127.0.0.1. */
    readonly apiPort: number;
    /** First three numbers of the cloud's public addresses. */
    readonly publicNetwork: string;
    /** Describes what a running machine does, for `status`. @default no description */
    readonly describeRole?: DescribeRole;
}

const usage = `npm run testbed -- COMMAND

  up                          start the testbed: the cloud's API and the machines that ran before
  down [--erase]              end everything; --erase also removes machines, disks and the cloud's state
  status [--json]             the machines: state, addresses, memory, role
  shell NAME [COMMAND…]       a root shell on a machine, or one command
  console NAME [--follow]     a machine's console output

  start | stop | restart NAME
  power-off NAME              cut the power
  cloud-start NAME            start a machine that the cloud's API has stopped, as "yc compute instance start" does
  freeze | thaw NAME          stop all processes and the network, as a paused hypervisor does

  cut A [B]                   drop all packets between A and B, or between A and all others
  loss PERCENT A [B]          drop some of the packets
  latency MILLISECONDS A [B]  delay each packet
    --direction both|from-to|to-from   packets of one direction (default both)
    --protocol tcp|udp|icmp  --port N  packets with this port at either end
  heal                        end all cuts, losses and latencies

  client [--subnet ID] [--address IP] -- COMMAND…
                              run a command of this computer with an address of its own inside the VPC

NAME is a host name or the end of one (db-1). A and B are names, addresses, blocks, zones (zone:ru-central1-a)
or "internet"; separate several with commas.`;

/** @returns the exit code; nothing means success */
type Command = (context: CommandLine, args: string[]) => Promise<number | void>;

/** A command with one machine as its argument. */
const onMachine =
    (action: (site: Site, id: string) => Promise<void>): Command =>
    ({ site }, [name]) =>
        action(site, idOf(site, name));

const commands: Record<string, Command> = {
    up,
    down: async ({ site }, args) => {
        const { values } = parseArgs({ args, options: { erase: { type: "boolean" } } });
        await takeDown(site);
        if (values.erase) erase(site);
    },
    status,
    shell: ({ site }, [name, ...command]) => openShell(site, idOf(site, name), command),
    console: ({ site }, args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: { follow: { type: "boolean", short: "f" } },
        });
        const file = paths.console(site, idOf(site, positionals[0]));
        return inherit("tail", ["-n", "+1", ...(values.follow ? ["-f"] : []), file]);
    },
    start: onMachine(start),
    stop: onMachine(stop),
    restart: onMachine(async (site, id) => {
        await stop(site, id);
        await start(site, id);
    }),
    "power-off": onMachine(powerOff),
    "cloud-start": cloudStart,
    freeze: onMachine(freeze),
    thaw: onMachine(thaw),
    cut: ({ site }, args) => fault(site, "cut", args),
    loss: ({ site }, [percent, ...args]) => fault(site, "loss", args, { percent: Number(percent) }),
    latency: ({ site }, [milliseconds, ...args]) =>
        fault(site, "latency", args, { milliseconds: Number(milliseconds) }),
    heal: ({ site }) => healAll(site),
    client: ({ site }, args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: { subnet: { type: "string" }, address: { type: "string" } },
        });
        if (positionals.length === 0) throw new Error("client: the command is missing");
        return runAsClient(site, positionals, {
            ...(values.subnet ? { subnetId: values.subnet } : {}),
            ...(values.address ? { address: values.address } : {}),
        });
    },
};

async function cloudStart({ site, apiPort }: CommandLine, [name]: string[]): Promise<void> {
    const id = idOf(site, name);
    await startInstance(site.folder, apiPort, id);
    while (stateOf(site, id) !== "running") await setTimeout(200);
}

async function up({ site, apiPort, publicNetwork }: CommandLine): Promise<void> {
    await refuseOtherTestbed(site);
    if (await isUp(site)) return console.log("The testbed is up already.");
    await ensureImage((line) => console.log(line));
    // process.execPath: the Node.js that can run this TypeScript can run the daemon's.
    await startDaemon(site, [
        process.execPath,
        join(import.meta.dirname, "daemon.ts"),
        site.folder,
        site.prefix,
        `${apiPort}`,
        publicNetwork,
    ]);
    console.log(`The testbed is up: the cloud's API at localhost:${apiPort}.`);
}

async function status({ site, describeRole }: CommandLine, args: string[]): Promise<void> {
    const { values } = parseArgs({ args, options: { json: { type: "boolean" } } });
    const machines = await machineStatuses(site, describeRole);
    const daemon = await askDaemon(site);
    const balancers = balancerStatuses(site);
    const faults = readFaults(site);
    if (values.json)
        return console.log(JSON.stringify({ daemon: daemon ?? null, machines, balancers, faults }, undefined, 2));
    console.log(
        daemon ? `Daemon ${daemon.pid}${daemon.ready ? "" : ", starting"}` : "No daemon: npm run testbed -- up",
    );
    if (machines.length > 0) console.log(renderStatuses(machines));
    for (const { name, address, targets } of balancers) {
        const states = Object.entries(targets).map((entry) => entry.join(" "));
        console.log(`Network load balancer ${name}, ${address}: ${states.join(", ")}`);
    }
    for (const fault of faults) console.log(`Fault: ${JSON.stringify(fault)}`);
}

async function fault(site: Site, kind: Fault["kind"], args: string[], details: Partial<Fault> = {}): Promise<void> {
    const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
            direction: { type: "string", default: "both" },
            protocol: { type: "string" },
            port: { type: "string" },
        },
    });
    const [from, to] = positionals;
    if (!from) throw new Error(`${kind}: the machines are missing`);
    await addFault(site, {
        kind,
        from: addressesOf(site, from),
        ...(to ? { to: addressesOf(site, to) } : {}),
        direction: oneOf("direction", values.direction, ["both", "from-to", "to-from"] as const),
        ...(values.protocol ? { protocol: oneOf("protocol", values.protocol, ["tcp", "udp", "icmp"] as const) } : {}),
        ...(values.port
            ? {
                  port: Number(values.port),
                  protocol: oneOf("protocol", values.protocol ?? "tcp", ["tcp", "udp"] as const),
              }
            : {}),
        ...details,
    });
}

/** "db-1,zone:ru-central1-b,10.0.0.0/24" → addresses and blocks */
function addressesOf(site: Site, text: string): string[] {
    return text.split(",").flatMap((part) => {
        if (part === "internet") return [internet.cidr];
        if (part.startsWith("zone:")) return zoneBlocks(site, part.slice("zone:".length));
        if (/^[\d.]+(\/\d+)?$/.test(part)) {
            parseBlock(part.includes("/") ? part : `${part}/32`); // throws if it is not an address
            return [part];
        }
        return [addressOf(site, idOf(site, part))];
    });
}

function zoneBlocks(site: Site, zone: string): string[] {
    const blocks = readNetwork(site)
        .subnets.filter((subnet) => subnet.zone === zone)
        .map((subnet) => subnet.cidr);
    if (blocks.length === 0) throw new Error(`no subnet is in the zone ${zone}`);
    return blocks;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
    if (!(allowed as readonly string[]).includes(value))
        throw new Error(`--${name} is ${allowed.join(", ")}, not ${value}`);
    return value as T;
}

function idOf(site: Site, name: string | undefined): string {
    if (!name) throw new Error("the machine's name is missing");
    return findMachine(site, name).spec.id;
}

/**
 * Runs one command and ends this process: with 0 for success, 1 with a message for an error, 64 for an unknown
 * command, or with the exit code of the program that the command ran.
 */
export async function runCommandLine(context: CommandLine, [name = "", ...args]: string[]): Promise<never> {
    const command = commands[name];
    if (!command) {
        console.error(usage);
        process.exit(name === "" || name === "help" || name === "--help" ? 0 : 64);
    }
    try {
        process.exit((await command(context, args)) ?? 0);
    } catch (error) {
        console.error((error as Error).message);
        process.exit(1);
    }
}
