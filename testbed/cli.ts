/** `npm run testbed -- COMMAND`: the testbed and its machines by hand. */
import { parseArgs } from "node:util";
import { join } from "node:path";
import { ensureImage } from "./image/index.ts";
import { parseBlock } from "./machines/ipv4.ts";
import { runAsClient } from "./machines/client.ts";
import { addFault, addressOf, healAll } from "./machines/fault-control.ts";
import type { Fault } from "./machines/faults.ts";
import { inherit, openShell } from "./machines/guest.ts";
import { erase, refuseOtherTestbed, startDaemon, takeDown } from "./machines/lifecycle.ts";
import { freeze, powerOff, start, stop, thaw } from "./machines/machine.ts";
import { paths } from "./machines/names.ts";
import { internet } from "./machines/network-plan.ts";
import { askDaemon } from "./machines/ownership.ts";
import { findMachine, readFaults, readNetwork } from "./machines/records.ts";
import { balancerStatuses, machineStatuses, renderStatuses } from "./machines/status.ts";
import { apiPort, publicNetwork, site } from "../local/this-testbed.ts";

const usage = `npm run testbed -- COMMAND

  up                          start the testbed: the cloud's API and the machines that ran before
  down [--erase]              end everything; --erase also forgets machines, disks and the cloud's state
  status [--json]             the machines: state, addresses, memory, role
  shell NAME [COMMAND…]       a root shell on a machine, or one command
  console NAME [--follow]     what a machine wrote to its console

  start | stop | restart NAME
  power-off NAME              cut the power
  freeze | thaw NAME          stop every process and the network, as a hypervisor does

  cut A [B]                   lose all packets between A and B, or between A and everybody
  loss PERCENT A [B]          lose some of them
  latency MILLISECONDS A [B]  delay each of them
    --direction both|from-to|to-from   packets of one direction (default both)
    --protocol tcp|udp|icmp  --port N  packets with this port at either end
  heal                        end all cuts, losses and latencies

  client [--subnet ID] [--address IP] -- COMMAND…
                              run a command of this computer on a network of its own inside of the VPC

NAME is a host name or its end (db-1). A and B are names, addresses, blocks, zones (zone:ru-central1-a)
or "internet"; several with commas.`;

type Command = (args: string[]) => Promise<number | void>;

const commands: Record<string, Command> = {
    up,
    down: async (args) => {
        const { values } = parseArgs({ args, options: { erase: { type: "boolean" } } });
        await takeDown(site);
        if (values.erase) erase(site);
    },
    status,
    shell: ([name, ...command]) => openShell(site, idOf(name), command),
    console: (args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: { follow: { type: "boolean", short: "f" } },
        });
        return inherit("tail", [
            "-n",
            "+1",
            ...(values.follow ? ["-f"] : []),
            paths.console(site, idOf(positionals[0])),
        ]);
    },
    start: ([name]) => start(site, idOf(name)),
    stop: ([name]) => stop(site, idOf(name)),
    restart: async ([name]) => {
        await stop(site, idOf(name));
        await start(site, idOf(name));
    },
    "power-off": ([name]) => powerOff(site, idOf(name)),
    freeze: ([name]) => freeze(site, idOf(name)),
    thaw: ([name]) => thaw(site, idOf(name)),
    cut: (args) => fault("cut", args),
    loss: ([percent, ...args]) => fault("loss", args, { percent: Number(percent) }),
    latency: ([milliseconds, ...args]) => fault("latency", args, { milliseconds: Number(milliseconds) }),
    heal: () => healAll(site),
    client: (args) => {
        const { values, positionals } = parseArgs({
            args,
            allowPositionals: true,
            options: { subnet: { type: "string" }, address: { type: "string" } },
        });
        if (positionals.length === 0) throw new Error("client: which command?");
        return runAsClient(site, positionals, {
            ...(values.subnet ? { subnetId: values.subnet } : {}),
            ...(values.address ? { address: values.address } : {}),
        });
    },
};

async function up(): Promise<void> {
    await refuseOtherTestbed(site);
    if ((await askDaemon(site))?.ready) return console.log("The testbed is up already.");
    await ensureImage((line) => console.log(line));
    // The flags by which this process reads TypeScript serve the daemon, too.
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

async function status(args: string[]): Promise<void> {
    const { values } = parseArgs({ args, options: { json: { type: "boolean" } } });
    const machines = await machineStatuses(site);
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
        console.log(
            `Network load balancer ${name}, ${address}: ${Object.entries(targets)
                .map((entry) => entry.join(" "))
                .join(", ")}`,
        );
    }
    for (const fault of faults) console.log(`Fault: ${JSON.stringify(fault)}`);
}

async function fault(kind: Fault["kind"], args: string[], details: Partial<Fault> = {}): Promise<void> {
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
    if (!from) throw new Error(`${kind}: between whom?`);
    await addFault(site, {
        kind,
        from: addressesOf(from),
        ...(to ? { to: addressesOf(to) } : {}),
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
function addressesOf(text: string): string[] {
    return text.split(",").flatMap((part) => {
        if (part === "internet") return [internet.cidr];
        if (part.startsWith("zone:")) return zoneBlocks(part.slice("zone:".length));
        if (/^[\d.]+(\/\d+)?$/.test(part)) {
            parseBlock(part.includes("/") ? part : `${part}/32`); // refuses what is none
            return [part];
        }
        return [addressOf(site, idOf(part))];
    });
}

function zoneBlocks(zone: string): string[] {
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

function idOf(name: string | undefined): string {
    if (!name) throw new Error("which machine?");
    return findMachine(site, name).spec.id;
}

async function main(): Promise<number> {
    const [name = "", ...args] = process.argv.slice(2);
    const command = commands[name];
    if (!command) {
        console.error(usage);
        return name === "" || name === "help" || name === "--help" ? 0 : 64;
    }
    return (await command(args)) ?? 0;
}

main().then(
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
        console.error((error as Error).message);
        process.exit(1);
    },
);
