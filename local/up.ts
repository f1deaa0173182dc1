/**
 * `npm run local`: the whole cluster on this computer. Starts the testbed, creates the stack on it with Pulumi, and
 * prints how to connect. `npm run local -- down` removes everything, even from a half-broken state.
 */
import { spawnSync } from "node:child_process";
import {
    existsSync,
    lstatSync,
    mkdirSync,
    readdirSync,
    readFileSync,
    renameSync,
    rmSync,
    writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { ensureImage } from "../testbed/image/index.ts";
import type { Outputs } from "./outputs.ts";
import { caFile, cloudConfiguration, folder, lockFolder, repository, stackFile, stateFile } from "./this-testbed.ts";

const sshFolder = join(folder, "ssh");
const stack = "local";

async function main(command: string): Promise<void> {
    // Ctrl-C also reaches Pulumi, which then finishes what it has begun. This process must not end before it.
    process.on("SIGINT", () => {});
    if (command === "up") {
        await up();
    } else if (command === "down") {
        down();
        renameOldFolder();
    } else {
        fail(`npm run local -- [up | down], not ${command}`);
    }
}

async function up(): Promise<void> {
    testbed("up");
    const { keyFingerprints } = await ensureImage(() => undefined);
    writeStackFile({ epelKeyFingerprint: keyFingerprints.epel, pgdgKeyFingerprint: keyFingerprints.pgdg });
    selectStack();
    pulumi("up", "--stack", stack, "--yes", "--skip-preview");
    const outputs = JSON.parse(
        capture("pulumi", ["stack", "output", "--json", "--show-secrets", "--stack", stack]),
    ) as Outputs;
    writeClientFiles(outputs);
    console.log(screen(outputs));
}

/** Time limit of `pulumi destroy`. After it the testbed removes everything by itself, which is fast. */
const destroySeconds = 600;

function down(): void {
    const isDestroyed = !existsSync(stateFile) || destroyed();
    if (isDestroyed && cloudIsEmpty()) return testbed("down");
    console.log(
        "Pulumi could not destroy everything. The testbed removes its machines and disks, and the stack's state, without Pulumi.",
    );
    testbed("down", "--erase");
    for (const path of [lockFolder, stateFile, `${stateFile}.attrs`]) {
        rmSync(path, { recursive: true, force: true });
    }
}

/** Renames `.stand`, which tools/env.sh linked as `.testbed`, to `.testbed`. Nothing may run from it any more. */
function renameOldFolder(): void {
    const link = join(repository, ".testbed");
    if (!existsSync(link) || !lstatSync(link).isSymbolicLink()) return;
    rmSync(link);
    renameSync(folder, link);
}

/** Destroys the cluster with Pulumi, for which the testbed must run. @returns whether that succeeded */
function destroyed(): boolean {
    const attempt = (command: string, ...args: string[]) => run(command, args, destroySeconds) === 0;
    writeStackFile({});
    const isLocked = hasDeadLock();
    return (
        attempt(process.execPath, testbedCommand, "up") &&
        (!isLocked || attempt("pulumi", ...cancel)) &&
        (!hasPendingCreates() || attempt(process.execPath, ...recover)) &&
        attempt("pulumi", "destroy", "--stack", stack, "--yes", "--skip-preview")
    );
}

/** Whether the testbed's cloud has no resources, as after a destroy. */
function cloudIsEmpty(): boolean {
    const file = join(folder, "cloud.json");
    if (!existsSync(file)) return true;
    const tables = parsed<{ tables: Record<string, unknown[]> }>(file)?.tables;
    return (
        tables !== undefined &&
        Object.entries(tables).every(([kind, rows]) => kind === "operations" || rows.length === 0)
    );
}

/** Creates the stack and selects it. Later runs keep the stack that a person has selected for `npm run pulumi`. */
function selectStack(): void {
    if (!existsSync(stateFile)) {
        pulumi("stack", "select", "--create", stack);
    }
    if (hasDeadLock()) pulumi(...cancel);
    if (hasPendingCreates()) execute(process.execPath, recover);
}

const cancel = ["cancel", "--yes", "--stack", stack];
/** `--settle 2`: the killed Pulumi's last requests to the testbed's cloud are done within two seconds. */
const recover = [join(repository, "recover/index.ts"), "--stack", stack, "--settle", "2"];

/**
 * Whether a Pulumi that was killed on this computer left its lock of the stack behind.
 * Ends this process if a running Pulumi has the lock.
 */
function hasDeadLock(): boolean {
    const names = existsSync(lockFolder) ? readdirSync(lockFolder).filter((name) => name.endsWith(".json")) : [];
    const owners = names.map((name) => parsed<{ hostname: string; pid: number }>(join(lockFolder, name)));
    const alive = owners.find((owner) => owner && (owner.hostname !== hostname() || isPulumi(owner.pid)));
    if (alive)
        fail(
            `the stack is locked by another Pulumi, process ${alive.pid} on ${alive.hostname}. Wait for it, or end it`,
        );
    return owners.length > 0;
}

/** Whether a process is a Pulumi. The kernel reuses process ids, so the lock's id can belong to another program. */
function isPulumi(pid: number): boolean {
    const file = `/proc/${pid}/comm`;
    return existsSync(file) && readFileSync(file, "utf8").startsWith("pulumi");
}

/** Whether a killed Pulumi had begun to create a resource without recording the result. */
function hasPendingCreates(): boolean {
    const state = parsed<{ checkpoint?: { latest?: { pending_operations?: { type: string }[] } } }>(stateFile);
    return state?.checkpoint?.latest?.pending_operations?.some(({ type }) => type === "creating") ?? false;
}

/** Reads a JSON file; undefined if a kill or a full disk has left it incomplete. */
function parsed<T>(file: string): T | undefined {
    try {
        return JSON.parse(readFileSync(file, "utf8")) as T;
    } catch {
        return undefined;
    }
}

/** The testbed's own package mirror. */
const mirrors = {
    almalinuxMirror: "http://repo.testbed/almalinux",
    epelMirror: "http://repo.testbed/epel",
    pgdgMirror: "http://repo.testbed/pgdg",
};

/**
 * Writes the stack's configuration: the testbed's own cloud, mirror and Internet address, and the smallest machines.
 * A file that exists keeps everything but the endpoint and these keys.
 * @param keys settings with the fingerprints of the mirror's keys, which change when the mirror is rebuilt
 */
function writeStackFile(keys: Readonly<Record<string, string>>): void {
    const { endpoint } = cloudConfiguration;
    if (existsSync(stackFile)) {
        const document = parseDocument(readFileSync(stackFile, "utf8"));
        // The number of the testbed, or the mirror, may have changed since the file was written.
        const oldMirrors = Object.entries(mirrors).filter(([name]) =>
            String(document.getIn(["config", `postgres-ha:${name}`])).startsWith("http://repo.stand/"),
        );
        const current = {
            "yandex:endpoint": endpoint,
            ...inNamespace("postgres-ha", { ...Object.fromEntries(oldMirrors), ...keys }),
        };
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
        ...mirrors,
        ...keys,
        databaseCores: 2,
        databaseMemoryGib: 2,
        databaseDataDiskSizeGib: 10,
        jumpHostCoreFraction: 20,
        loadBalancerCoreFraction: 20,
        deletionProtection: false,
        securityUpdates: false,
    };
    const config = { ...inNamespace("yandex", cloudConfiguration), ...inNamespace("postgres-ha", settings) };
    writeFileSync(
        stackFile,
        `# Written by npm run local. Change it as you like: the next npm run local applies it.\n${stringify({ config })}`,
    );
}

function inNamespace(namespace: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${namespace}:${name}`, value]));
}

/** The administrator's SSH key, created at the first run. @returns the public key */
function administratorKey(): string {
    const file = join(sshFolder, "id_ed25519");
    if (!existsSync(file)) {
        mkdirSync(sshFolder, { recursive: true, mode: 0o700 });
        capture("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f", file]);
    }
    return readFileSync(`${file}.pub`, "utf8").trim();
}

/** Writes files for ssh, psql and an application's shell, so that the printed commands are short. */
function writeClientFiles(outputs: Outputs): void {
    const own = `Host *\n    IdentityFile ${join(sshFolder, "id_ed25519")}\n    UserKnownHostsFile ${join(sshFolder, "known_hosts")}\n`;
    writeFileSync(join(sshFolder, "config"), `${outputs.sshConfig}\n${own}`);
    writeFileSync(join(sshFolder, "known_hosts"), outputs.sshKnownHosts);
    writeFileSync(caFile, outputs.caCertificate);
    const passwords = outputs.connections.map(({ user, password }) => `*:*:*:${user}:${password}\n`);
    writeFileSync(join(folder, "pgpass"), passwords.join(""), { mode: 0o600 });
    const [connection] = outputs.connections;
    if (connection) {
        writeFileSync(join(folder, "client.sh"), clientEnvironment(connection));
    }
}

/** Lines for a shell: the connection strings without their password, which is in a file of its own. */
function clientEnvironment({ readWrite, readOnly, multiHost, user, password }: Outputs["connections"][number]): string {
    const variables = {
        PS1: "client$ ",
        PGPASSFILE: join(folder, "pgpass"),
        PGSSLROOTCERT: caFile,
        READ_WRITE: readWrite,
        READ_ONLY: readOnly,
        MULTI_HOST: multiHost,
    };
    const lines = Object.entries(variables).map(
        ([name, value]) => `export ${name}='${value.replace(`${user}:${password}@`, `${user}@`)}'\n`,
    );
    return lines.join("");
}

function screen({
    leaderEndpoint,
    replicaEndpoint,
    statisticsUrl,
    connections,
    nodes,
    jumpHostAddress,
}: Outputs): string {
    const [connection] = connections;
    const ssh = "ssh -F .testbed/ssh/config";
    const psql = `PGPASSFILE=.testbed/pgpass psql "host=${leaderEndpoint.host} port=${leaderEndpoint.port} dbname=${connection?.database} user=${connection?.user} sslmode=verify-full sslrootcert=.testbed/cluster-ca.pem"`;
    return `
The cluster is up, and every promise was checked.

  Leader      ${leaderEndpoint.host}:${leaderEndpoint.port}
  Replicas    ${leaderEndpoint.host}:${replicaEndpoint.port}
  Statistics  ${statisticsUrl.join(" ")}
  Machines    ${nodes.map(({ hostname }) => hostname).join(" ")} behind the jump host ${jumpHostAddress}

  Write, as an application inside the network:
    npm run --silent testbed -- client -- env ${psql}
  An application's shell there, with READ_WRITE, READ_ONLY and MULTI_HOST for psql:
    npm run --silent testbed -- client -- bash --rcfile .testbed/client.sh
  A shell on a machine:
    npm run testbed -- shell db-1         or     ${ssh} ${nodes[0]?.hostname}
  The endpoints on this computer's loopback, through the jump host:
    ${ssh} -N -L 5000:${leaderEndpoint.address}:${leaderEndpoint.port} -L 7000:${new URL(statisticsUrl[0] ?? "").host} ${nodes[0]?.hostname.replace(/db-1$/, "jump")}
  Machines, addresses, memory, roles:
    npm run testbed -- status
  Take it all down:
    npm run local -- down
`;
}

const testbedCommand = join(import.meta.dirname, "testbed.ts");

function testbed(...args: string[]): void {
    execute(process.execPath, [testbedCommand, ...args]);
}

function pulumi(...args: string[]): void {
    execute("pulumi", args);
}

function execute(command: string, args: string[]): void {
    const status = run(command, args);
    if (status !== 0) {
        process.exit(status ?? 1);
    }
}

/** @returns the exit status; null if the command was killed, as after its time limit */
function run(command: string, args: string[], timeoutSeconds?: number): number | null {
    const limit =
        timeoutSeconds === undefined ? {} : { timeout: timeoutSeconds * 1000, killSignal: "SIGKILL" as const };
    const { status, error } = spawnSync(command, args, {
        cwd: repository,
        stdio: ["ignore", "inherit", "inherit"],
        ...limit,
    });
    if (error && (error as NodeJS.ErrnoException).code !== "ETIMEDOUT") {
        throw error;
    }
    return status;
}

function capture(command: string, args: string[]): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
        cwd: repository,
        encoding: "utf8",
        maxBuffer: 16 * 1024 ** 2,
    });
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
