import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Balancing } from "./balancing.ts";
import { captureAsClient } from "./client.ts";
import { applyPlan, connectMachine, createCloud, setSilent } from "./cloud-network.ts";
import type { NetworkState, SecurityRule } from "./driver.ts";
import { machineNamespace } from "./names.ts";
import { attemptInNamespace, ip, namespacePath } from "./namespaces.ts";
import { type NetworkPlan, planNetwork } from "./network-plan.ts";
import { readBalancing, writeNetwork } from "./records.ts";
import { waitFor } from "./run.ts";
import { tearDown } from "./teardown.ts";
import { testNetwork, testSite } from "./testing.ts";

/**
 * A load balancer whose targets are web servers in namespaces instead of machines. Each answers on 5010 and 5011 with
 * its name and the client's address, and on 5012 to the health check.
 */
const server = `
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{sys.argv[1]} {self.server.server_port} {self.client_address[0]}".encode())
    def log_message(self, *arguments):
        pass
class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments):
        pass # the client has given up
servers = [Server(("", port), Handler) for port in (5010, 5011, 5012)]
for each in servers[1:]:
    threading.Thread(target=each.serve_forever, daemon=True).start()
print("ready", flush=True)
servers[0].serve_forever()
`;

const tcp = (direction: SecurityRule["direction"], cidr: string, fromPort: number, toPort: number): SecurityRule => ({
    direction,
    protocol: "TCP",
    fromPort,
    toPort,
    cidrs: [cidr],
});
const address = "10.120.0.9";
const [nic] = testNetwork.interfaces;
const network: NetworkState = {
    subnets: [
        ...testNetwork.subnets,
        { id: "third", networkId: "network", zone: "c", cidr: "10.120.2.0/24", hasInternetRoute: false },
    ],
    securityGroups: [
        {
            id: "target",
            networkId: "network",
            rules: [tcp("ingress", "10.120.0.0/16", 5010, 5011), tcp("ingress", "198.18.235.0/24", 5012, 5012)],
        },
        {
            id: "narrow",
            networkId: "network",
            rules: [tcp("egress", "10.120.1.6/32", 5010, 5011), tcp("ingress", "10.120.0.0/16", 1, 2)],
        },
    ],
    interfaces: [
        {
            ...(nic as NetworkState["interfaces"][number]),
            instanceId: "lb-1",
            hostname: "lb-1",
            subnetId: "front",
            address: "10.120.0.5",
            securityGroupIds: ["target"],
        },
        {
            ...(nic as NetworkState["interfaces"][number]),
            instanceId: "lb-2",
            hostname: "lb-2",
            subnetId: "back",
            address: "10.120.1.6",
            macAddress: "d0:0d:00:00:00:02",
            securityGroupIds: ["target"],
        },
        {
            ...(nic as NetworkState["interfaces"][number]),
            instanceId: "other",
            hostname: "other",
            subnetId: "back",
            address: "10.120.1.7",
            macAddress: "d0:0d:00:00:00:03",
            securityGroupIds: ["narrow"],
        },
    ],
    networkLoadBalancers: [
        {
            id: "nlb",
            name: "lb",
            address,
            listeners: [
                { port: 5000, targetPort: 5010 },
                { port: 5001, targetPort: 5011 },
            ],
            targets: ["10.120.0.5", "10.120.1.6"],
            healthCheck: {
                intervalSeconds: 0.2,
                timeoutSeconds: 1,
                unhealthyThreshold: 2,
                healthyThreshold: 2,
                port: 5012,
                path: "/",
            },
        },
    ],
};

describe.runIf(process.getuid?.() === 0)("a network load balancer", { timeout: 60_000 }, () => {
    const site = testSite();
    const convergenceSeconds = 4;
    const servers = new Map<string, ChildProcess>();
    let plan: NetworkPlan;
    let balancing: Balancing;

    const serve = async (id: string): Promise<void> => {
        const child = spawn(
            "nsenter",
            [`--net=${namespacePath(machineNamespace(site, id))}`, "python3", "-c", server, id],
            { stdio: ["ignore", "pipe", "inherit"] },
        );
        await once(child.stdout, "data");
        servers.set(id, child);
    };
    const kill = async (id: string): Promise<void> => {
        servers.get(id)?.kill("SIGKILL");
        await once(servers.get(id) as ChildProcess, "exit");
    };
    /** A client's answer in a subnet: the body, or curl's exit code (7 refused, 28 no answer). */
    const fetchFrom = async (subnetId: string, target = `${address}:5000`): Promise<string> => {
        const { exitCode, stdout } = await captureAsClient(
            site,
            ["curl", "--silent", "--max-time", "1", `http://${target}/`],
            { subnetId },
        );
        return exitCode === 0 ? stdout : `exit ${exitCode}`;
    };
    const healthy = (id: string): boolean => readBalancing(site)["nlb"]?.targets[id]?.healthy ?? false;
    const until = async (condition: () => boolean): Promise<void> =>
        expect(await waitFor(10, () => condition() || undefined)).toBe(true);

    beforeAll(async () => {
        await createCloud(site);
        plan = planNetwork(network);
        writeNetwork(site, network);
        await applyPlan(site, plan);
        for (const nic of plan.interfaces) {
            await connectMachine(site, nic);
            await ip(machineNamespace(site, nic.instanceId), [
                `address add ${nic.address}/${nic.prefixLength} dev eth0`,
                "link set eth0 up",
                `route add default via ${nic.gateway}`,
            ]);
        }
        await serve("lb-1");
        await serve("lb-2");
        balancing = new Balancing(site, convergenceSeconds);
        await balancing.apply(plan);
        await until(() => healthy("10.120.0.5") && healthy("10.120.1.6"));
    });

    afterAll(async () => {
        await balancing?.close();
        for (const child of servers.values()) child.kill("SIGKILL");
        await tearDown(site);
        rmSync(site.folder, { recursive: true, force: true });
    });

    test("connects a client to the target in its zone, which sees the client's address", async () => {
        expect(await fetchFrom("front")).toBe("lb-1 5010 10.120.0.254");
        expect(await fetchFrom("front", `${address}:5001`)).toBe("lb-1 5011 10.120.0.254");
        expect(await fetchFrom("back")).toBe("lb-2 5010 10.120.1.254");
    });

    test("spreads connections of a zone without targets over the others", async () => {
        const fetches = `for i in $(seq 24); do curl --silent --max-time 1 http://${address}:5000/; echo; done`;
        const { stdout } = await captureAsClient(site, ["bash", "-c", fetches], { subnetId: "third" });
        expect(new Set(stdout.match(/lb-\d/g))).toEqual(new Set(["lb-1", "lb-2"]));
        expect(stdout.match(/lb-\d/g)).toHaveLength(24);
    });

    test("takes exactly its own ports of the targets from other clients", async () => {
        expect(await fetchFrom("front", "10.120.0.5:5010")).toBe("exit 28");
        expect(await fetchFrom("front", "10.120.0.5:5012")).toBe("exit 28");
        expect(await fetchFrom("front", `${address}:5010`)).toBe("exit 28");
    });

    test("serves machines whose groups allow its address and the target's port", async () => {
        const fromOther = async (): Promise<number> =>
            (
                await attemptInNamespace(machineNamespace(site, "other"), "curl", [
                    "--silent",
                    "--max-time",
                    "1",
                    `http://${address}:5000/`,
                ])
            ).exitCode;
        expect(await fromOther()).toBe(28);
        const open: NetworkState = structuredClone(network);
        open.securityGroups[1]?.rules.push(tcp("egress", `${address}/32`, 5000, 5001));
        await applyPlan(site, planNetwork(open));
        expect(await fromOther()).toBe(0);
        open.securityGroups[1]?.rules.splice(0, 1);
        await applyPlan(site, planNetwork(open));
        expect(await fromOther()).toBe(28);
        await applyPlan(site, plan);
    });

    test("finds a target unhealthy if its groups block the checks", async () => {
        const closed: NetworkState = structuredClone(network);
        closed.securityGroups[0]?.rules.pop();
        await applyPlan(site, planNetwork(closed));
        await until(() => !healthy("10.120.1.6"));
        await applyPlan(site, plan);
        await until(() => healthy("10.120.0.5") && healthy("10.120.1.6"));
    });

    test("loses a zone's connections while its routes converge, and then sends them to another zone", async () => {
        await kill("lb-1");
        await until(() => !healthy("10.120.0.5"));
        expect(await fetchFrom("front")).toBe("exit 28");
        expect(await fetchFrom("back")).toBe("lb-2 5010 10.120.1.254");
        expect(
            await waitFor(10, async () => ((await fetchFrom("front")).startsWith("lb-2 5010 ") ? true : undefined)),
        ).toBe(true);
        await serve("lb-1");
        await until(() => healthy("10.120.0.5"));
        expect(await fetchFrom("front")).toMatch(/^lb-1 /);
    });

    test("notices a target that gives no answer", async () => {
        await setSilent(site, "10.120.1.6", true);
        await until(() => !healthy("10.120.1.6"));
        await setSilent(site, "10.120.1.6", false);
        await until(() => healthy("10.120.1.6"));
    });

    test("works without the checking process, and the next process knows the last results", async () => {
        await balancing.close();
        expect(await fetchFrom("front")).toMatch(/^lb-1 /);
        await kill("lb-1");
        balancing = new Balancing(site, convergenceSeconds);
        expect(healthy("10.120.0.5")).toBe(true);
        await balancing.apply(plan);
        await until(() => !healthy("10.120.0.5"));
        await serve("lb-1");
        await until(() => healthy("10.120.0.5"));
    });

    test("leaves nothing when it is deleted", async () => {
        const without = planNetwork({ ...network, networkLoadBalancers: [] });
        await applyPlan(site, without);
        await balancing.apply(without);
        expect(await fetchFrom("front")).toBe("exit 28");
        expect(readBalancing(site)).toEqual({});
        expect(await fetchFrom("front", "10.120.0.5:5010")).toBe("lb-1 5010 10.120.0.254");
    });
});
