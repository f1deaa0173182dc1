/** Three real etcd members with the rendered configuration, and what the program does with them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";

import { programPath } from "../../cloud-init/machine/program.ts";
import {
    authority,
    fileOf,
    machineOf,
    passwords,
    renderCluster,
    writeUserDataFiles,
} from "../support/rendered-cluster.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

const cluster = renderCluster();
const machine = machineOf(cluster, "database");
const addresses = cluster.plan.nodes.database.map(({ address }) => address);
const scratch = new ScratchMachine("machine", addresses);
const program = (...words: readonly string[]) => scratch.run(programPath, words);

/** What Patroni says of this node: that it leads where there is /tmp/leads. */
const patroni = `
import http.server, json, os, ssl
class Patroni(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"role": "primary" if os.path.exists("/tmp/leads") else "replica"}).encode())
server = http.server.HTTPServer(("127.0.0.1", 8008), Patroni)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("/etc/postgres-ha/tls/node.crt", "/etc/postgres-ha/tls/node.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;

beforeAll(async () => {
    writeUserDataFiles(scratch, parse(machine.userData).write_files);
    // All three run on one machine here: one certificate for all, a folder of data for each, one of them on the loopback.
    const certificate = authority.issue(["localhost"], [...addresses, "127.0.0.1"]);
    scratch.write(
        { path: "/etc/postgres-ha/tls/node.crt", content: certificate.certificatePem },
        { path: "/etc/postgres-ha/tls/node.key", content: certificate.privateKeyPem, mode: "0600" },
    );
    const members = cluster.machines.filter(({ role }) => role === "database");
    for (const [index, member] of members.entries()) {
        const config = parse(fileOf(member, "/etc/postgres-ha/etcd.yaml").content);
        const clients = index === 0 ? config["listen-client-urls"] : config["advertise-client-urls"];
        scratch.write({
            path: `/tmp/etcd-${index}.yaml`,
            content: stringify({ ...config, "data-dir": `/tmp/etcd-${index}`, "listen-client-urls": clients }),
        });
    }
    // The unit is there, and a restart takes a while.
    scratch.stub(
        "/usr/local/bin/systemctl",
        "[ $1 != restart ] || { echo in >>/tmp/order; sleep 0.5; echo out >>/tmp/order; }",
    );
    scratch.write({ path: "/tmp/patroni.py", content: patroni });
    await scratch.boot();
    await scratch.bash("python3 /tmp/patroni.py >/tmp/patroni.log 2>&1 </dev/null &");
    await start(0, 1);
    await healthy(addresses.slice(0, 2));
});
afterAll(() => scratch.remove());

/** Starts members of the cluster. */
async function start(...indices: readonly number[]): Promise<void> {
    await scratch.bash(
        indices
            .map(
                (index) =>
                    `etcd --config-file /tmp/etcd-${index}.yaml >/tmp/etcd-${index}.log 2>&1 </dev/null & echo $! >/tmp/etcd-${index}.pid`,
            )
            .join("\n"),
    );
}

async function healthy(members: readonly string[]): Promise<void> {
    const env = { ...environment(), ETCDCTL_ENDPOINTS: members.map((address) => `https://${address}:2379`).join(",") };
    const health = await scratch.bash(
        "for i in {1..60}; do etcdctl endpoint health && exit 0; sleep 0.5; done; cat /tmp/etcd-0.log; exit 1",
        { env },
    );
    expect(health.status, health.output).toBe(0);
}

/** What a login shell has. */
function environment(): Record<string, string> {
    const lines = fileOf(machine, "/etc/profile.d/postgres-ha-etcd.sh").content.trimEnd().split("\n");
    return Object.fromEntries(lines.map((line) => line.replace(/^export /, "").split("=", 2) as [string, string]));
}

/** The endpoint of etcd's leader. */
async function leader(): Promise<string> {
    const { stdout } = await scratch.run("etcdctl", ["endpoint", "status", "--write-out=json"], { env: environment() });
    const status = JSON.parse(stdout.replaceAll(/:(\d{16,})/g, ':"$1"')) as {
        Endpoint: string;
        Status: { header: { member_id: string }; leader: string };
    }[];
    return status.find(({ Status }) => Status.header.member_id === Status.leader)!.Endpoint;
}

const own = `https://${addresses[0]}:2379`;

/** Makes the first node etcd's leader. */
async function leadHere(): Promise<void> {
    const env = environment();
    const { stdout } = await scratch.run("etcdctl", ["member", "list"], { env });
    const id = stdout
        .split("\n")
        .find((line) => line.includes(own))!
        .split(",")[0]!;
    if ((await leader()) !== own)
        expect(await scratch.run("etcdctl", ["move-leader", id], { env })).toMatchObject({ status: 0 });
    expect(await leader()).toBe(own);
}

describe("etcd-settle-version", () => {
    const version = async () => {
        const { ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY } = environment();
        const { stdout } = await scratch.run("/usr/bin/curl", [
            "--silent",
            "--cacert",
            ETCDCTL_CACERT!,
            "--cert",
            ETCDCTL_CERT!,
            "--key",
            ETCDCTL_KEY!,
            `${own}/version`,
        ]);
        return (JSON.parse(stdout) as { etcdcluster: string }).etcdcluster;
    };

    it("has the version decided as soon as the last member is there, by another leader", async () => {
        await leadHere();
        expect(await version()).toBe("3.0.0");
        await start(2);
        expect(await program("etcd-settle-version")).toMatchObject({ status: 0, stderr: "" });
        expect(await version()).toMatch(/^3\.[4-9]\.0$/);
        expect(await leader()).not.toBe(own);
    });

    it("leaves a cluster alone that has decided", async () => {
        await healthy(addresses);
        await leadHere();
        expect(await program("etcd-settle-version")).toMatchObject({ status: 0, stderr: "" });
        expect(await leader()).toBe(own);
    });
});

describe("etcd", () => {
    it("answers only clients with a certificate of the cluster's authority", async () => {
        const { ETCDCTL_CACERT } = environment();
        const refused = await scratch.run("etcdctl", [
            "--endpoints",
            own,
            "--cacert",
            ETCDCTL_CACERT!,
            "--command-timeout=2s",
            "endpoint",
            "health",
        ]);
        expect(refused.status).not.toBe(0);
        const plain = await scratch.run("etcdctl", [
            "--endpoints",
            own.replace("https", "http"),
            "--command-timeout=2s",
            "endpoint",
            "health",
        ]);
        expect(plain.status).not.toBe(0);
        expect((await scratch.run("etcdctl", ["endpoint", "health"], { env: environment() })).status).toBe(0);
    });

    it("takes the timings of the profile", async () => {
        const { heartbeatMilliseconds, electionMilliseconds } = cluster.settings.highAvailability.timings.etcd;
        const log = (await scratch.run("cat", ["/tmp/etcd-0.log"])).stdout;
        expect(log).toContain(`"heartbeat-interval":"${heartbeatMilliseconds}ms"`);
        expect(log).toContain(
            `"election-timeout":"${electionMilliseconds >= 1000 && electionMilliseconds % 1000 === 0 ? `${electionMilliseconds / 1000}s` : `${electionMilliseconds}ms`}"`,
        );
    });

    it("holds no secret of PostgreSQL's in its configuration", () => {
        for (const password of Object.values(passwords))
            expect(fileOf(machine, "/etc/postgres-ha/etcd.yaml").content).not.toContain(password);
    });
});

describe("etcd-leader-away", () => {
    it("leaves the leadership on a node that is not PostgreSQL's leader", async () => {
        await leadHere();
        expect(await program("etcd-leader-away")).toMatchObject({ status: 0 });
        expect(await leader()).toBe(own);
    });

    it("hands it to another member where PostgreSQL's leader is", async () => {
        await leadHere();
        await scratch.run("touch", ["/tmp/leads"]);
        expect(await program("etcd-leader-away")).toMatchObject({ status: 0, stderr: "" });
        expect(await leader()).not.toBe(own);
    });
});

describe("restart-etcd", () => {
    const order = async () => (await scratch.run("cat", ["/tmp/order"])).stdout;

    it("lets one node in at a time", async () => {
        const one = `${programPath} restart-etcd`;
        const result = await scratch.bash(`${one} & ${one} & wait %1 && wait %2`);
        expect(result.status, result.output).toBe(0);
        expect(await order()).toBe("in\nout\nin\nout\n");
        expect(result.stdout).toContain(`waiting for ${cluster.plan.nodes.database[0].hostname}: restart of etcd`);
    });

    it("leaves no lock behind", async () => {
        const { stdout } = await scratch.run("etcdctl", ["get", "--prefix", "/postgres-ha"], { env: environment() });
        expect(stdout).toBe("");
    });

    it("restarts nothing while another member is away", async () => {
        await scratch.bash("kill -9 $(cat /tmp/etcd-2.pid)");
        const result = await scratch.bash(`REMAINING_SECONDS=3 ${programPath} restart-etcd`);
        expect(result.status).toBe(1);
        expect(result.stderr).toMatch(
            /not restarted, because not every other node is well: main-db-3: etcd does not answer/,
        );
        expect(await order()).toBe("in\nout\nin\nout\n");
    });

    it("restarts without a lock where etcd has no quorum", async () => {
        await scratch.bash("kill -9 $(cat /tmp/etcd-1.pid)");
        const result = await program("restart-etcd");
        expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining("etcd has no quorum") });
        expect(await order()).toBe("in\nout\nin\nout\nin\nout\n");
    });
});
