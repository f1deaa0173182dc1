/**
 * `npm run local`: the whole cluster on this machine. Starts the stand, lets Pulumi make the stack on
 * it, and ends with what one needs to connect. `npm run local -- down` takes everything away.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { ensureImage } from "./image/index.ts";
import type { Outputs } from "./stack-outputs.ts";
import { apiPort, lockFolder, site, stackFile, stateFile } from "./this-stand.ts";

const repository = join(import.meta.dirname, "..");
const { folder } = site;
const sshFolder = join(folder, "ssh");
const stack = "local";

async function main(command: string): Promise<void> {
    // Ctrl-C reaches Pulumi, too, which then ends what it has begun: this process goes after it, not before.
    process.on("SIGINT", () => {});
    if (command === "up") {
        await up();
    } else if (command === "down") {
        down();
    } else {
        fail(`npm run local -- [up | down], not ${command}`);
    }
}

async function up(): Promise<void> {
    stand("up");
    const { keyFingerprints } = await ensureImage(() => undefined);
    writeStackFile({ epelKeyFingerprint: keyFingerprints.epel, pgdgKeyFingerprint: keyFingerprints.pgdg });
    selectStack();
    pulumi("up", "--stack", stack, "--yes", "--skip-preview");
    const outputs = JSON.parse(capture("pulumi", ["stack", "output", "--json", "--show-secrets", "--stack", stack])) as Outputs;
    writeClientFiles(outputs);
    console.log(screen(outputs));
}

function down(): void {
    if (existsSync(stackFile) && existsSync(folder)) {
        // The provider answers to the stand: it has to run while the stack goes.
        stand("up");
        selectStack();
        pulumi("destroy", "--stack", stack, "--yes", "--skip-preview");
    }
    stand("down");
}

/** Makes the stack and selects it, once: afterwards a person's choice for `npm run pulumi` stays. */
function selectStack(): void {
    if (!existsSync(stateFile)) {
        pulumi("stack", "select", "--create", stack);
    }
    releaseDeadLock();
}

/** A Pulumi that was killed on this computer leaves its lock behind; nobody would release it. */
function releaseDeadLock(): void {
    const owners = existsSync(lockFolder) ? readdirSync(lockFolder).filter((name) => name.endsWith(".json")).map((name) => readFileSync(join(lockFolder, name), "utf8")) : [];
    const isDead = ({ hostname: host, pid }: { hostname: string; pid: number }) => host === hostname() && !existsSync(`/proc/${pid}`);
    if (owners.length > 0 && owners.every((owner) => isDead(JSON.parse(owner)))) {
        pulumi("cancel", "--yes", "--stack", stack);
    }
}

/**
 * The stack's configuration: the stand's own cloud, mirror and Internet address, machines as small as they go.
 * @param keys settings that name the mirror's keys, which are others whenever the mirror was built anew
 */
function writeStackFile(keys: Readonly<Record<string, string>>): void {
    const endpoint = `localhost:${apiPort}`;
    if (existsSync(stackFile)) {
        const document = parseDocument(readFileSync(stackFile, "utf8"));
        // Another number of STAND than last time, or another mirror.
        const current = { "yandex:endpoint": endpoint, ...Object.fromEntries(Object.entries(keys).map(([name, value]) => [`postgres-ha:${name}`, value])) };
        const changed = Object.entries(current).filter(([name, value]) => document.getIn(["config", name]) !== value);
        if (changed.length > 0) {
            for (const [name, value] of changed) document.setIn(["config", name], value);
            writeFileSync(stackFile, document.toString());
        }
        return;
    }
    const key = administratorKey();
    const settings = {
        adminCidrs: ["203.0.113.10/32"],
        sshPublicKeys: [key],
        almalinuxMirror: "http://repo.stand/almalinux",
        epelMirror: "http://repo.stand/epel",
        pgdgMirror: "http://repo.stand/pgdg",
        ...keys,
        databaseCores: 2,
        databaseMemoryGib: 2,
        databaseDataDiskSizeGib: 10,
        jumpHostCoreFraction: 20,
        loadBalancerCoreFraction: 20,
        deletionProtection: false,
        securityUpdates: false,
    };
    const cloud = {
        endpoint,
        cloudId: "b1gstand000000000000",
        folderId: "b1gstand000000000001",
        token: "t1.stand.local",
        zone: "ru-central1-a",
    };
    const config = Object.fromEntries([
        ...Object.entries(cloud).map(([name, value]) => [`yandex:${name}`, value]),
        ...Object.entries(settings).map(([name, value]) => [`postgres-ha:${name}`, value]),
    ]);
    writeFileSync(stackFile, `# Written by npm run local; yours to change: the next npm run local applies it.\n${stringify({ config })}`);
}

/** The key of whoever sits at this computer, made once. */
function administratorKey(): string {
    const file = join(sshFolder, "id_ed25519");
    if (!existsSync(file)) {
        mkdirSync(sshFolder, { recursive: true, mode: 0o700 });
        capture("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "stand", "-f", file]);
    }
    return readFileSync(`${file}.pub`, "utf8").trim();
}

/** Files for ssh, psql and an application's shell, so that the lines on the screen are short. */
function writeClientFiles(outputs: Outputs): void {
    const own = `Host *\n    IdentityFile ${join(sshFolder, "id_ed25519")}\n    UserKnownHostsFile ${join(sshFolder, "known_hosts")}\n`;
    writeFileSync(join(sshFolder, "config"), `${outputs.sshConfig}\n${own}`);
    writeFileSync(join(sshFolder, "known_hosts"), outputs.sshKnownHosts);
    writeFileSync(join(folder, "cluster-ca.pem"), outputs.caCertificate);
    const passwords = outputs.connections.map(({ user, password }) => `*:*:*:${user}:${password}\n`);
    writeFileSync(join(folder, "pgpass"), passwords.join(""), { mode: 0o600 });
    const [connection] = outputs.connections;
    if (connection) {
        writeFileSync(join(folder, "client.sh"), clientEnvironment(connection));
    }
}

/** For a shell: the connection strings, whose password is in a file of its own. */
function clientEnvironment({ readWrite, readOnly, multiHost, user, password }: Outputs["connections"][number]): string {
    const variables = {
        PS1: "client$ ",
        PGPASSFILE: join(folder, "pgpass"),
        PGSSLROOTCERT: join(folder, "cluster-ca.pem"),
        READ_WRITE: readWrite,
        READ_ONLY: readOnly,
        MULTI_HOST: multiHost,
    };
    const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value.replace(`${user}:${password}@`, `${user}@`)}'\n`);
    return lines.join("");
}

function screen({ leaderEndpoint, replicaEndpoint, statisticsUrl, connections, nodes, jumpHostAddress }: Outputs): string {
    const [connection] = connections;
    const ssh = "ssh -F .stand/ssh/config";
    const psql = `PGPASSFILE=.stand/pgpass psql "host=${leaderEndpoint.host} port=${leaderEndpoint.port} dbname=${connection?.database} user=${connection?.user} sslmode=verify-full sslrootcert=.stand/cluster-ca.pem"`;
    return `
The cluster is up, and every promise was checked.

  Leader      ${leaderEndpoint.host}:${leaderEndpoint.port}
  Replicas    ${leaderEndpoint.host}:${replicaEndpoint.port}
  Statistics  ${statisticsUrl.join(" ")}
  Machines    ${nodes.map(({ hostname }) => hostname).join(" ")} behind the jump host ${jumpHostAddress}

  Write, as an application inside the network:
    npm run --silent stand -- client -- env ${psql}
  An application's shell there, with READ_WRITE, READ_ONLY and MULTI_HOST for psql:
    npm run --silent stand -- client -- bash --rcfile .stand/client.sh
  A shell on a machine:
    npm run stand -- shell db-1         or     ${ssh} ${nodes[0]?.hostname}
  The endpoints on this computer's loopback, through the jump host:
    ${ssh} -N -L 5000:${leaderEndpoint.address}:${leaderEndpoint.port} -L 7000:${new URL(statisticsUrl[0] ?? "").host} ${nodes[0]?.hostname.replace(/db-1$/, "jump")}
  Machines, addresses, memory, roles:
    npm run stand -- status
  Take it all down:
    npm run local -- down
`;
}

function stand(...args: string[]): void {
    execute(process.execPath, [join(import.meta.dirname, "cli.ts"), ...args]);
}

function pulumi(...args: string[]): void {
    execute("pulumi", args);
}

function execute(command: string, args: string[]): void {
    const { status, error } = spawnSync(command, args, { cwd: repository, stdio: ["ignore", "inherit", "inherit"] });
    if (error) {
        throw error;
    }
    if (status !== 0) {
        process.exit(status ?? 1);
    }
}

function capture(command: string, args: string[]): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: repository, encoding: "utf8", maxBuffer: 16 * 1024 ** 2 });
    if (error) {
        throw error;
    }
    if (status !== 0) {
        fail(`${command} ${args.join(" ")}: ${stderr}`);
    }
    return stdout;
}

function fail(message: string): never {
    console.error(message);
    process.exit(1);
}

await main(process.argv[2] ?? "up");
