/** The running cluster, observed and changed from inside its machines instead of through its endpoints. */
import { nodeTls, ports } from "../cluster/names.ts";
import { executeInGuest, initProcess } from "../testbed/machines/guest.ts";
import { machineId, onMachine, switchover } from "./machines.ts";
import type { Outputs } from "./outputs.ts";
import { site } from "./this-testbed.ts";
import { monotonicMilliseconds } from "./workload/records.ts";

/** The present state of one node, from its own Patroni and etcd. */
interface NodeStatus {
    readonly name: string;
    readonly role?: "primary" | "replica" | string;
    readonly state?: string;
    readonly timeline?: number;
    /** Only on a replica. */
    readonly replication_state?: string;
    /** Only on the leader. */
    readonly replication?: readonly {
        readonly application_name: string;
        readonly state: string;
        readonly sync_state: string;
    }[];
    readonly etcdHealthy: boolean;
}

export interface Roles {
    /** Host name of PostgreSQL's leader. */
    readonly leader: string;
    readonly replicas: readonly string[];
}

export class Cluster {
    /** Host names of the database nodes. */
    readonly nodes: readonly string[];
    /** Host name of the first load balancer. */
    readonly balancer: string;
    private readonly outputs: Outputs;
    /** Whether commits wait for a standby. */
    private readonly synchronous: boolean;

    constructor(outputs: Outputs, { synchronous = true } = {}) {
        this.outputs = outputs;
        this.synchronous = synchronous;
        const names = outputs.nodes.map(({ hostname }) => hostname);
        this.nodes = names.filter((name) => /-db-\d+$/.test(name));
        this.balancer = names.find((name) => /-lb-\d+$/.test(name))!;
    }

    /** @throws Error unless exactly one node reports that it is the leader */
    async roles(): Promise<Roles> {
        const leaders = (await this.statuses()).filter(({ role }) => role === "primary").map(({ name }) => name);
        if (leaders.length !== 1) throw new Error(`leaders: ${leaders.join(", ") || "none"}`);
        return { leader: leaders[0]!, replicas: this.nodes.filter((name) => name !== leaders[0]) };
    }

    /** The zone of a machine, with its database nodes and load balancers. */
    zoneOf(name: string): { readonly name: string; readonly machines: readonly string[] } {
        const zone = this.outputs.nodes.find(({ hostname }) => hostname === name)!.zone;
        return {
            name: zone,
            machines: this.outputs.nodes.filter((node) => node.zone === zone).map(({ hostname }) => hostname),
        };
    }

    /** Switches PostgreSQL over to a node, unless it is the leader already. Resolves when the cluster is whole again. */
    async moveLeader(to: string): Promise<void> {
        const { leader } = await this.roles();
        if (leader === to) return;
        await switchover(to, leader, to);
        await this.whole(60, 2);
    }

    /** Host name of etcd's leader. */
    async etcdLeader(): Promise<string> {
        const members = await this.etcdMembers();
        const leader = members.find(({ leads }) => leads);
        if (!leader) throw new Error("etcd has no leader");
        return leader.name;
    }

    /** Moves etcd's leadership to a node. */
    async moveEtcdLeader(to: string): Promise<void> {
        const members = await this.etcdMembers();
        const from = members.find(({ leads }) => leads)?.name;
        if (from === to || !from) return;
        const id = members.find(({ name }) => name === to)!.id;
        await onMachine(
            from,
            "bash",
            "-lc",
            `ETCDCTL_ENDPOINTS=https://127.0.0.1:${ports.etcdClient} etcdctl move-leader ${id}`,
        );
    }

    private async etcdMembers(): Promise<{ name: string; id: string; leads: boolean }[]> {
        return Promise.all(
            this.nodes.map(async (name) => {
                // Ids are 64-bit numbers, which do not fit into JavaScript's JSON numbers.
                const text = await onMachine(
                    name,
                    "bash",
                    "-lc",
                    `ETCDCTL_ENDPOINTS=https://127.0.0.1:${ports.etcdClient} etcdctl endpoint status --write-out=fields`,
                );
                const field = (key: string): bigint =>
                    BigInt(new RegExp(`^"${key}" : (\\d+)$`, "m").exec(text)?.[1] ?? 0);
                return { name, id: field("MemberID").toString(16), leads: field("MemberID") === field("Leader") };
            }),
        );
    }

    /**
     * Why the cluster is not whole; undefined if it is. Whole means one leader, every replica streaming on its timeline,
     * a synchronous standby, every member of etcd healthy, and all servers known to the first load balancer.
     *
     * Each fault's time until redundancy is measured with this, so it only observes. The product's own check would
     * change the measurement: it makes each Patroni begin its next round at once.
     */
    async shortcoming(): Promise<string | undefined> {
        const statuses = await this.statuses();
        const leaders = statuses.filter(({ role, state }) => role === "primary" && state === "running");
        const [leader] = leaders;
        if (!leader || leaders.length !== 1) return `${leaders.length} leaders`;
        for (const node of statuses) {
            if (!node.etcdHealthy) return `${node.name}: etcd is not healthy`;
            if (node === leader) continue;
            if (node.replication_state !== "streaming" || node.state !== "running")
                return `${node.name}: ${node.state ?? "no answer"}, ${node.replication_state ?? "not replicating"}`;
            if (node.timeline !== leader.timeline)
                return `${node.name}: timeline ${node.timeline}, not ${leader.timeline}`;
        }
        const streams = leader.replication?.filter(({ state }) => state === "streaming") ?? [];
        if (streams.length !== this.nodes.length - 1) return `${streams.length} replicas stream from ${leader.name}`;
        if (this.synchronous && !streams.some(({ sync_state }) => ["sync", "quorum"].includes(sync_state)))
            return "no synchronous standby";
        return this.balancerShortcoming(leader.name);
    }

    private async balancerShortcoming(leader: string): Promise<string | undefined> {
        const servers = await this.servers();
        if (!servers) return `${this.balancer}: HAProxy does not answer`;
        if (servers.leader.join() !== leader) return `HAProxy's leader: ${servers.leader.join(", ") || "none"}`;
        if (servers.replicas.length !== this.nodes.length - 1)
            return `HAProxy's replicas: ${servers.replicas.join(", ") || "none"}`;
        return undefined;
    }

    /** The nodes to which HAProxy sends sessions, by backend; undefined while it does not answer. */
    async servers(): Promise<{ readonly leader: readonly string[]; readonly replicas: readonly string[] } | undefined> {
        const id = machineId(this.balancer);
        if (initProcess(site, id) === undefined) return undefined;
        const question = [
            "curl",
            "--silent",
            "--max-time",
            "2",
            "--cacert",
            nodeTls.ca,
            `https://127.0.0.1:${ports.statistics}/;csv`,
        ];
        const { exitCode, stdout } = await executeInGuest(site, id, question);
        if (exitCode !== 0) return undefined;
        const rows = stdout.split("\n").map((line) => line.split(","));
        const statusColumn = rows[0]!.indexOf("status");
        const up = (backend: string) =>
            rows
                .filter((row) => row[0] === backend && this.nodes.includes(row[1]!) && row[statusColumn] === "UP")
                .map((row) => row[1]!);
        return { leader: up("leader"), replicas: up("replicas") };
    }

    /**
     * Waits until the cluster has been whole for some time.
     * @param withinSeconds time limit
     * @param forSeconds how long it must stay whole. Default 0: one observation is enough
     * @returns when it became whole, in ms of the monotonic clock
     * @throws Error with the last shortcoming after the time limit
     */
    async whole(withinSeconds: number, forSeconds = 0): Promise<number> {
        const deadline = monotonicMilliseconds() + withinSeconds * 1000;
        let since: number | undefined;
        for (;;) {
            const missing = await this.shortcoming();
            const now = monotonicMilliseconds();
            since = missing === undefined ? (since ?? now) : undefined;
            if (since !== undefined && now - since >= forSeconds * 1000) return since;
            if (now > deadline) throw new Error(`the cluster is not whole after ${withinSeconds} s: ${missing}`);
            await new Promise((resolve) => setTimeout(resolve, 250));
        }
    }

    /** The shortcoming and the last lines of each node's Patroni, for the message of a failed run. */
    async report(): Promise<string> {
        const journals = await Promise.all(
            this.nodes.map(async (name) => {
                const lines = await onMachine(
                    name,
                    "journalctl",
                    "--unit=patroni",
                    "--lines=8",
                    "--output=cat",
                    "--no-pager",
                ).catch(String);
                return [
                    `${name}, patroni:`,
                    ...lines
                        .trim()
                        .split("\n")
                        .map((line) => `    ${line}`),
                ];
            }),
        );
        return [`the cluster: ${(await this.shortcoming()) ?? "whole"}`, ...journals.flat()].join("\n");
    }

    private statuses(): Promise<NodeStatus[]> {
        return Promise.all(this.nodes.map(statusOf));
    }
}

/** Asks both services of a node in one call, because entering a machine costs more than the questions. */
const statusScript = `
    curl --silent --max-time 2 --cacert ${nodeTls.ca} https://127.0.0.1:${ports.patroni}/patroni; echo
    curl --silent --max-time 2 --cacert ${nodeTls.ca} --cert ${nodeTls.certificate} --key ${nodeTls.key} \\
        https://127.0.0.1:${ports.etcdClient}/health`;

async function statusOf(name: string): Promise<NodeStatus> {
    const id = machineId(name);
    if (initProcess(site, id) === undefined) return { name, etcdHealthy: false };
    try {
        const { stdout } = await executeInGuest(site, id, ["bash", "-c", statusScript], { timeoutSeconds: 5 });
        const [patroni = "", etcd = ""] = stdout.split("\n");
        return { ...parse(patroni), name, etcdHealthy: parse(etcd)["health"] === "true" };
    } catch {
        return { name, etcdHealthy: false }; // the machine was powered off meanwhile
    }
}

function parse(text: string): Record<string, unknown> {
    try {
        return JSON.parse(text) as Record<string, unknown>;
    } catch {
        return {};
    }
}
