/** What HAProxy believes of its servers after a start and a reload, and what becomes of older sessions: the real one, with nodes that only accept connections. */
import { afterEach, beforeEach, expect, it } from "vitest";

import { serversDown } from "../../cloud-init/services/haproxy.ts";
import { eventually } from "../../local/eventually.ts";
import { fileOf, machineOf, renderCluster, type RenderedMachine } from "../support/rendered-cluster.ts";
import { installed, installedScript } from "../support/scripts.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

const cluster = renderCluster();
const balancer = machineOf(cluster, "loadBalancer");
const nodes = cluster.plan.nodes.database.map(({ hostname, fqdn, address }) => ({ name: hostname, fqdn, address }));
const [one, two, three] = nodes.map(({ name }) => name) as [string, string, string];

/** haproxy.cfg without TLS, and without the statistics page, which needs it. */
const withoutTls = (content: string) =>
    content
        .replace(/^( {4}tcp-check connect port \d+) ssl/gm, "$1")
        .replace(/ check-ssl verify required ca-file \S+/g, "")
        .replace(/ verifyhost \S+/g, "")
        .replace(/\nfrontend statistics[^]*/, "\n");
const configurationOf = (machine: RenderedMachine) => withoutTls(fileOf(machine, "/etc/haproxy/haproxy.cfg").content);
const configuration = configurationOf(balancer);

const unit = fileOf(balancer, "/etc/systemd/system/haproxy.service.d/50-postgres-ha.conf").content;
/** What systemd would run, the empty lines that reset the package's aside. */
const commands = (key: string) =>
    [...unit.matchAll(new RegExp(`^${key}=-?(.+)$`, "gm"))].map(([, command]) => command!);

/**
 * A node's Patroni and PgBouncer: they answer HAProxy's check by the role in a file. To any other client PgBouncer gives
 * the node's name, and keeps the connection.
 */
const NODE = `
import socket, sys, threading
address, name = sys.argv[1:]
kept = []
def patroni(question):
    with open(f"/tmp/role-{name}") as source:
        role = source.read().strip()
    path = question.split()[1].decode()
    good = {"/primary": ["primary"], "/replica": ["replica", "lagging"]}.get(path, ["replica"])
    return b"HTTP/1.0 200 OK\\r\\n\\r\\n" if role in good else b"HTTP/1.0 503 No\\r\\n\\r\\n"
def pgbouncer(question):
    return b"N" if question == bytes.fromhex("0000000804d21630") else name.encode()
def serve(port, answer):
    listener = socket.create_server((address, port), backlog=64)
    while True:
        connection, _ = listener.accept()
        question = connection.recv(1000)
        if question:
            connection.sendall(answer(question))
        if port == 6432 and question == b"hello":
            kept.append(connection)
        else:
            connection.close()
threading.Thread(target=serve, args=(8008, patroni), daemon=True).start()
serve(6432, pgbouncer)
`;
/** Writes to a file which node a session leads to, and then how it ended. */
const SESSION = `
import socket, sys
def note(text):
    with open(sys.argv[1], "a") as output:
        output.write(text)
connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
connection.sendall(b"hello")
note(connection.recv(100).decode())
connection.recv(1)
note(" ended")
`;

let scratch: ScratchMachine;
beforeEach(async () => {
    scratch = new ScratchMachine(
        "machine",
        nodes.map(({ address }) => address),
    );
    scratch.write(
        { path: "/etc/haproxy/haproxy.cfg", content: configuration },
        { path: "/etc/haproxy/conf.d/.keep", content: "" },
        fileOf(balancer, "/etc/postgres-ha/haproxy-servers"),
        installedScript("haproxy-servers.py"),
        { path: "/tmp/node.py", content: NODE },
        { path: "/tmp/session.py", content: SESSION },
    );
    await scratch.boot();
});
afterEach(() => scratch.remove());

async function bash(script: string): Promise<string> {
    const env = {
        CONFIG: "/etc/haproxy/haproxy.cfg",
        CFGDIR: "/etc/haproxy/conf.d",
        PIDFILE: "/run/haproxy.pid",
        OPTIONS: "",
    };
    const { status, stdout, output } = await scratch.bash(script, { env });
    expect(status, output).toBe(0);
    return stdout;
}
const background = (command: string) => bash(`nohup ${command} </dev/null >>/tmp/log 2>&1 & echo $!`);
const mainProcess = "$(cat /run/haproxy.pid)";

async function startHaproxy(): Promise<void> {
    for (const command of commands("ExecStartPre")) await bash(command);
    await background(commands("ExecStart")[0]!);
    await bash("until [ -S /run/haproxy.sock ] && [ -s /run/haproxy.pid ]; do sleep 0.02; done");
}

async function reloadHaproxy(): Promise<void> {
    const before = await presentProcess();
    for (const command of commands("ExecReload")) await bash(command.replace("$MAINPID", mainProcess));
    await eventually(10, presentProcess, (process) => process !== before, 0.02);
}

const ask = async (command: string) =>
    bash(
        `python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect("/run/haproxy.sock"); s.sendall(sys.argv[1].encode() + b"\\n"); print(s.makefile().read())' '${command}'`,
    );
const presentProcess = async () => /^Pid: (\d+)$/m.exec(await ask("show info"))![1]!;

/** The servers of a backend that HAProxy takes as up. */
const serversUp = async (backend = "leader") => {
    const rows = (await ask("show stat -1 4 -1")).split("\n").map((line) => line.split(","));
    const servers = rows.filter(([name]) => name === backend);
    expect(servers.length).toBeGreaterThan(1);
    return servers.filter((fields) => fields[17]!.startsWith("UP")).map((fields) => fields[1]);
};
const untilUp = (backend: string, ...names: string[]) =>
    eventually(
        10,
        () => serversUp(backend),
        (up) => up.join() === names.join(),
        0.05,
    );

type NodeRole = "primary" | "replica" | "lagging" | "gone";
const setRole = (name: string, role: NodeRole) => bash(`echo ${role} >/tmp/role && mv /tmp/role /tmp/role-${name}`);

/** @returns the process ids */
async function startNodes(...roles: readonly NodeRole[]): Promise<string> {
    const processes: string[] = [];
    for (const [index, { name, address }] of nodes.entries()) {
        await setRole(name, roles[index]!);
        processes.push((await background(`python3 /tmp/node.py ${address} ${name}`)).trim());
    }
    return processes.join(" ");
}

/** Nodes accept connections and say nothing. So no check ends before its time limit, and what is up is what HAProxy assumed. */
async function withoutAnswers(processes: string, work: () => Promise<void>): Promise<void> {
    await bash(`kill -STOP ${processes}`);
    await work();
    await bash(`kill -CONT ${processes}`);
}

interface Session {
    readonly node: string;
    readonly hasEnded: () => Promise<boolean>;
}

async function openSession(port: number): Promise<Session> {
    const file = `/tmp/session-${sessionCount++}`;
    await background(`python3 /tmp/session.py ${file} ${port}`);
    const text = () => bash(`cat ${file}`);
    const node = await eventually(10, text, (found) => found !== "", 0.05);
    return { node, hasEnded: async () => (await text()) === `${node} ended` };
}
let sessionCount = 0;
const untilEnded = ({ hasEnded }: Session) => eventually(10, hasEnded, (ended) => ended, 0.05);

it("believes in no server after a start, until it has checked", async () => {
    const processes = await startNodes("replica", "primary", "gone");
    await withoutAnswers(processes, async () => {
        await startHaproxy();
        expect(await serversUp("leader")).toEqual([]);
        expect(await serversUp("replicas")).toEqual([]);
    });
    await untilUp("leader", two);
    await untilUp("replicas", one);
});

it("knows nothing of a former leader after a crash", async () => {
    const processes = await startNodes("primary", "replica", "replica");
    await startHaproxy();
    await untilUp("leader", one);
    await reloadHaproxy();
    await bash(
        'for each in /proc/[0-9]*; do [ "$(cat "$each/comm")" != haproxy ] || kill -KILL "${each#/proc/}"; done; rm -f /run/haproxy.*',
    );
    await withoutAnswers(processes, async () => {
        await startHaproxy();
        expect(await serversUp()).toEqual([]);
    });
});

it("goes on with what it knew after a reload, except for a server that is new", async () => {
    const processes = await startNodes("primary", "replica", "replica");
    await bash(`sed -i '/^    server ${three} /d' /etc/haproxy/haproxy.cfg`);
    await startHaproxy();
    await untilUp("leader", one);
    await untilUp("replicas", two);
    await scratch.run("tee", ["/etc/haproxy/haproxy.cfg"], { input: configuration });
    await withoutAnswers(processes, async () => {
        await reloadHaproxy();
        expect(await serversUp("leader")).toEqual([one]);
        expect(await serversUp("replicas")).toEqual([two]);
    });
});

it("takes every server as down after a reload if the process before did not answer", async () => {
    const result = await scratch.run(installed("haproxy-servers"), ["remember"]);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).toMatch(/^every server is down until it is checked/);
    expect(await bash("cat /var/lib/haproxy/servers")).toBe(serversDown(nodes));
});

it("closes sessions from before a reload when their server goes down or is removed, and no others", async () => {
    await startNodes("primary", "replica", "replica");
    await startHaproxy();
    await background(`${installed("haproxy-servers")} watch 0.1`);
    await untilUp("leader", one);
    await untilUp("replicas", two, three);
    const write = await openSession(5000);
    // They lead to different servers, because HAProxy chooses the one with the fewest connections.
    const reads = [await openSession(5001), await openSession(5001)] as const;
    expect([write, ...reads].map(({ node }) => node).sort()).toEqual([one, two, three]);

    await reloadHaproxy();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const ended = () => Promise.all([write, ...reads].map(({ hasEnded }) => hasEnded()));
    expect(await ended()).toEqual([false, false, false]);

    await setRole(write.node, "replica");
    await untilEnded(write);
    expect(await ended()).toEqual([true, false, false]);

    await bash(`sed -i '/ ${reads[0].node} /d' /etc/haproxy/haproxy.cfg /etc/postgres-ha/haproxy-servers`);
    await reloadHaproxy();
    await untilEnded(reads[0]);
    expect(await ended()).toEqual([true, true, false]);
});

it.each([false, true])(
    "with keepReadsOnLaggingReplica %s keeps sessions accordingly; a replica that fails loses them",
    async (keep) => {
        const keeping = machineOf(renderCluster({ keepReadsOnLaggingReplica: keep }), "loadBalancer");
        await scratch.run("tee", ["/etc/haproxy/haproxy.cfg"], { input: configurationOf(keeping) });
        await startNodes("primary", "replica", "gone");
        await startHaproxy();
        await untilUp("replicas", two);
        const session = await openSession(5001);
        expect(session.node).toBe(two);

        await setRole(two, "lagging");
        await untilUp("replicas");
        // Reads go to the leader while no replica can take them.
        await untilUp("leader", one);
        expect((await openSession(5001)).node).toBe(one);
        await new Promise((resolve) => setTimeout(resolve, 2000));
        expect(await session.hasEnded()).toBe(!keep);

        await setRole(two, "gone");
        await untilEnded(session);
        // A replica that comes back and lags gets none, either.
        await setRole(two, "lagging");
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect(await serversUp("replicas")).toEqual([]);
        await setRole(two, "replica");
        await untilUp("replicas", two);
        expect((await openSession(5001)).node).toBe(two);
    },
);
