/** Lost and delayed packets. */
import { ports } from "../../cluster/names.ts";
import { addFault, addressOf, healAll } from "../../testbed/machines/fault-control.ts";
import type { Fault as LinkFault } from "../../testbed/machines/faults.ts";
import { machineId } from "../machines.ts";
import { site } from "../this-testbed.ts";
import type { Cluster, Roles } from "../cluster.ts";
import type { Fault } from "./fault.ts";

const address = (name: string): string => addressOf(site, machineId(name));

/** A fault of links between machines that are chosen by their present roles. */
function harm(describe: (roles: Roles, cluster: Cluster) => readonly LinkFault[]): Fault["inject"] {
    return async (cluster) => {
        for (const fault of describe(await cluster.roles(), cluster)) await addFault(site, fault);
        return () => healAll(site);
    };
}

const cut = (from: readonly string[], to?: readonly string[]): LinkFault => ({
    kind: "cut",
    from: from.map(address),
    ...(to ? { to: to.map(address) } : {}),
});

const etcdPorts = [ports.etcdClient, ports.etcdPeer];

export const networkFaults: readonly Fault[] = [
    {
        name: "leader-isolated",
        title: "Leader cut off from all other machines",
        inject: harm(({ leader }) => [cut([leader])]),
        lasts: "until writes flow",
    },
    {
        name: "leader-without-etcd",
        title: "Leader cut off from the other etcd members only",
        inject: harm(({ leader, replicas }) =>
            etcdPorts.map((port) => ({ ...cut([leader], replicas), protocol: "tcp", port })),
        ),
        lasts: 40,
    },
    {
        name: "leader-without-one-replica",
        title: "Leader cut off from one replica only",
        inject: harm(({ leader, replicas }) => [cut([leader], replicas.slice(0, 1))]),
        lasts: 30,
    },
    {
        name: "leader-without-balancer",
        title: "Leader cut off from the load balancer only, for 20 s",
        inject: harm(({ leader }, { balancer }) => [cut([leader], [balancer])]),
        lasts: 20,
    },
    {
        name: "leader-cannot-send",
        title: "Packets from the leader lost, packets to it arrive",
        inject: harm(({ leader }) => [{ ...cut([leader]), direction: "from-to" }]),
        lasts: "until writes flow",
    },
    {
        name: "leader-cannot-receive",
        title: "Packets to the leader lost, packets from it arrive",
        inject: harm(({ leader }) => [{ ...cut([leader]), direction: "to-from" }]),
        lasts: "until writes flow",
    },
    {
        name: "packet-loss-20",
        title: "20 % of the leader's packets lost for 30 s",
        inject: harm(({ leader }) => [{ kind: "loss", percent: 20, from: [address(leader)] }]),
        lasts: 30,
    },
    {
        name: "latency-200ms",
        title: "200 ms between the database nodes for 30 s",
        inject: harm((_, { nodes }) => {
            const addresses = nodes.map(address);
            return addresses
                .map((from, index) => ({
                    kind: "latency",
                    milliseconds: 100,
                    from: [from],
                    to: addresses.filter((__, other) => other > index),
                }))
                .filter(({ to }) => to.length > 0) as LinkFault[];
        }),
        lasts: 30,
    },
];
