/**
 * The loss of a whole zone: the worst case, with both leader and load balancer in it. The clients are in another zone
 * and use the multi-host string, which needs no load balancer.
 */
import { addFault, addressOf, healAll } from "../../testbed/machines/fault-control.ts";
import { readNetwork } from "../../testbed/machines/records.ts";
import { machineId } from "../machines.ts";
import { site } from "../this-testbed.ts";
import type { Cluster } from "../cluster.ts";
import type { Fault } from "./fault.ts";
import { losePower } from "./power.ts";

const lostZone = (cluster: Cluster) => cluster.zoneOf(cluster.balancer);

/** Moves the leadership to a node of the zone that will be lost. */
async function leadThere(cluster: Cluster): Promise<void> {
    const { machines } = lostZone(cluster);
    await cluster.moveLeader(cluster.nodes.find((name) => machines.includes(name))!);
}

const clientsElsewhere: Fault["clients"] = (cluster) => {
    const node = cluster.nodes.find((name) => cluster.zoneOf(name).name !== lostZone(cluster).name)!;
    return { through: "nodes", zone: cluster.zoneOf(node).name };
};

export const zoneFaults: readonly Fault[] = [
    {
        name: "zone-power-loss",
        title: "Zone of leader and load balancer loses power (clients: multi-host string)",
        clients: clientsElsewhere,
        prepare: leadThere,
        inject: (cluster) => losePower(lostZone(cluster).machines),
        lasts: "until writes flow",
    },
    {
        name: "zone-isolated",
        title: "Zone of leader and load balancer cut off from the other zones (clients: multi-host string)",
        clients: clientsElsewhere,
        prepare: leadThere,
        inject: async (cluster) => {
            const { name, machines } = lostZone(cluster);
            const others = readNetwork(site)
                .subnets.filter(({ zone }) => zone !== name)
                .map(({ cidr }) => cidr);
            await addFault(site, {
                kind: "cut",
                from: machines.map((machine) => addressOf(site, machineId(machine))),
                to: others,
            });
            return () => healAll(site);
        },
        lasts: "until writes flow",
    },
];
