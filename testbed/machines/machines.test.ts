import { execFile } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureImage } from "../image/index.ts";
import { groupsBelow } from "./cgroups.ts";
import { captureAsClient } from "./client.ts";
import type { NetworkState } from "./driver.ts";
import { addFault, healAll } from "./fault-control.ts";
import { executeInGuest } from "./guest.ts";
import { freeze, powerOff, start, stateOf, thaw } from "./machine.ts";
import { Machines } from "./machines.ts";
import { namespacesWithPrefix } from "./namespaces.ts";
import { type Result, waitFor } from "./run.ts";
import { machineStatuses } from "./status.ts";
import { tearDown } from "./teardown.ts";
import { testNetwork, testPublicAddress, testSite, testSpec } from "./testing.ts";

/** Two machines of the real image, in namespaces of their own. */
describe.runIf(process.getuid?.() === 0)("machines", { timeout: 60_000 }, () => {
    const site = testSite();
    const jump = "jump-id";
    const database = "db-id";
    const network: NetworkState = structuredClone(testNetwork);
    (network.interfaces[0] as NetworkState["interfaces"][number]).publicAddress = testPublicAddress;
    let machines: Machines;

    const inGuest = (id: string, command: string): Promise<Result> => executeInGuest(site, id, ["sh", "-c", command]);
    /** Whether a connection from a machine is answered; "timed out" where it is dropped. */
    const dial = async (id: string, address: string, port: number): Promise<string> => {
        const result = await inGuest(id, `timeout 2 bash -c 'exec 3<>/dev/tcp/${address}/${port}' 2>&1`);
        if (result.exitCode === 0) return "connected";
        return result.exitCode === 124 ? "timed out" : result.stdout.includes("refused") ? "refused" : result.stdout;
    };
    const isBooted = async (id: string): Promise<true | undefined> => {
        const result = await inGuest(
            id,
            "test -s /run/cloud-init/result.json && systemctl is-active sshd || systemctl is-active ssh",
        ).catch(() => undefined);
        return result?.exitCode === 0 ? true : undefined;
    };
    const booted = async (...ids: string[]): Promise<void> => {
        for (const id of ids) expect(await waitFor(90, () => isBooted(id))).toBe(true);
    };

    beforeAll(async () => {
        const image = await ensureImage((line) => console.log(line));
        machines = await Machines.open(site, image);
        await machines.applyNetwork(network);
        await machines.createDisk("data-disk", 2 ** 28);
        const spec = testSpec(database, "main-db-1");
        await Promise.all([
            machines.createMachine(testSpec(jump, "main-jump")),
            machines.createMachine({
                ...spec,
                userData:
                    "#cloud-config\nfs_setup: [{device: /dev/vdb, filesystem: ext4, overwrite: false}]\nmounts: [[/dev/vdb, /data]]\n",
                disks: [...spec.disks, { diskId: "data-disk", deviceName: "data", sizeBytes: 2 ** 28, boot: false }],
            }),
        ]);
        await booted(jump, database);
    }, 300_000);

    afterAll(async () => {
        await machines?.close();
        await tearDown(site);
        rmSync(site.folder, { recursive: true, force: true });
    });

    test("cloud-init took host name, address and disk from the seed", async () => {
        const result = await inGuest(
            database,
            "hostname -f; ip -4 -o address show eth0; findmnt -no SOURCE /data; readlink -f /dev/disk/by-id/virtio-data",
        );
        expect(result.stdout).toMatch(
            /^main-db-1\.ru-central1\.internal\n.*10\.120\.1\.10\/24.*\n\/dev\/vdb\n\/dev\/vdb\n$/,
        );
    });

    test("names of instances and of the repository resolve, others do not exist", async () => {
        expect((await inGuest(jump, "getent hosts main-db-1.ru-central1.internal")).stdout).toMatch(/^10\.120\.1\.10 /);
        expect((await inGuest(jump, "getent hosts repo.testbed")).stdout).toMatch(/^203\.0\.113\.80 /);
        expect((await inGuest(jump, "getent hosts example.com")).exitCode).not.toBe(0);
    });

    test("the repository is reachable with an Internet route only", async () => {
        const fetch =
            "curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' http://repo.testbed/almalinux/9/BaseOS/x86_64/os/repodata/repomd.xml";
        expect((await inGuest(jump, fetch)).stdout).toBe("200");
        expect(await inGuest(database, fetch)).toMatchObject({ exitCode: 28, stdout: "000" });
    });

    test("groups allow by block and by group, in one direction", async () => {
        expect(await dial(jump, "10.120.1.10", 22)).toBe("connected");
        expect(await dial(jump, "10.120.1.10", 5432)).toBe("refused"); // allowed, but there is no listener
        expect(await dial(jump, "10.120.1.10", 2379)).toBe("timed out");
        expect(await dial(database, "10.120.0.4", 22)).toBe("timed out");
    });

    test("a machine cannot take another's address", async () => {
        await inGuest(jump, "ip address add 10.120.1.10/32 dev lo");
        const result = await inGuest(jump, "timeout 2 ping -c 1 -W 1 -I 10.120.1.10 10.120.0.1");
        await inGuest(jump, "ip address delete 10.120.1.10/32 dev lo");
        expect(result.exitCode).toBe(1);
    });

    test("the host reaches the public address, as an administrator", async () => {
        expect(await readBanner(testPublicAddress, 22)).toMatch(/^SSH-2\.0-/);
        const closed = structuredClone(network);
        closed.securityGroups[0]?.rules.splice(0, 1);
        await machines.applyNetwork(closed);
        // The testbed's listener accepts the connection and resets it after 10 s without an answer.
        await expect(readBanner(testPublicAddress, 22)).rejects.toThrow("ECONNRESET");
        await machines.applyNetwork(network);
        expect(await readBanner(testPublicAddress, 22)).toMatch(/^SSH-2\.0-/);
    });

    test("a client has an address of its own, names, and what its address admits", async () => {
        const result = await captureAsClient(
            site,
            [
                "bash",
                "-c",
                'ip -4 -o address show eth0; getent hosts main-jump; for p in 5432 22; do timeout 2 bash -c "</dev/tcp/10.120.1.10/$p" 2>&1 | grep -o refused; echo $?; done; exit 7',
            ],
            { subnetId: "front" },
        );
        expect(result.exitCode).toBe(7);
        expect(result.stdout).toContain("10.120.0.254/24");
        expect(result.stdout).toContain("main-jump.ru-central1.internal");
        expect(result.stdout).toMatch(/refused\n0\n1\n$/);
        expect(namespacesWithPrefix(site.prefix)).toHaveLength(4);
    });

    test("root in a guest cannot set the host's clock", async () => {
        expect((await inGuest(jump, "date --set=2020-01-01")).stderr).toContain("not permitted");
        expect(new Date().getFullYear()).toBeGreaterThan(2020);
    });

    test("a frozen machine is silent, and continues when it is thawed", async () => {
        await freeze(site, database);
        expect(stateOf(site, database)).toBe("frozen");
        expect(await dial(jump, "10.120.1.10", 22)).toBe("timed out");
        await thaw(site, database);
        expect(await dial(jump, "10.120.1.10", 22)).toBe("connected");
    });

    test("cuts by direction and port, and losses, until they are healed", async () => {
        await addFault(site, {
            kind: "cut",
            from: ["10.120.0.4"],
            to: ["10.120.1.10"],
            protocol: "tcp",
            port: 22,
            direction: "to-from",
        });
        expect(await dial(jump, "10.120.1.10", 22)).toBe("timed out");
        expect(await dial(jump, "10.120.1.10", 5432)).toBe("refused");
        await healAll(site);
        expect(await dial(jump, "10.120.1.10", 22)).toBe("connected");
        await addFault(site, { kind: "loss", from: ["10.120.0.4"], percent: 30 });
        const { stdout } = await inGuest(jump, "ping -q -i 0.01 -c 200 10.120.0.1");
        await healAll(site);
        const lost = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1]);
        expect(lost).toBeGreaterThan(15);
        expect(lost).toBeLessThan(45);
    });

    test("a packet is late by the fault's latency in each direction", async () => {
        await addFault(site, { kind: "latency", from: ["10.120.0.4"], to: ["10.120.1.10"], milliseconds: 100 });
        const { stdout } = await inGuest(
            jump,
            'python3 -c \'import socket, time; t = time.time(); s = socket.create_connection(("10.120.1.10", 22)); print("ms", (time.time() - t) * 1000)\'',
        );
        await healAll(site);
        const milliseconds = Number(/ms ([\d.]+)/.exec(stdout)?.[1]);
        expect(milliseconds).toBeGreaterThan(200);
        expect(milliseconds).toBeLessThan(5000);
    });

    test("after a reboot from inside, a machine has its disk again", async () => {
        const reboot = await inGuest(database, "echo kept > /data/file; echo kept > /root/file; systemctl reboot");
        expect(reboot.exitCode, reboot.stderr).toBe(0);
        expect(await waitFor(60, async () => ((await isBooted(database)) ? undefined : true))).toBe(true);
        await booted(database);
        expect((await inGuest(database, "cat /data/file /root/file")).stdout).toBe("kept\nkept\n");
    });

    test("after a power loss a machine is off, and starts with its disks", async () => {
        const connection = inGuest(jump, "timeout 8 bash -c 'exec 3<>/dev/tcp/10.120.1.10/22; head -1 <&3; cat <&3'");
        await waitFor(1, () => undefined);
        await powerOff(site, database);
        expect(stateOf(site, database)).toBe("off");
        // No FIN or RST was sent, so the other side waits until its time limit.
        expect((await connection).exitCode).toBe(124);
        await start(site, database);
        await booted(database);
        expect((await inGuest(database, "cat /data/file /root/file")).stdout).toBe("kept\nkept\n");
    });

    test("a graceful stop lets programs end", async () => {
        await inGuest(
            database,
            `systemd-run --unit=witness --property=ExecStop='/bin/sh -c "echo ended > /root/witness"' sleep 1000`,
        );
        await machines.stopMachine(database);
        expect(stateOf(site, database)).toBe("off");
        await machines.startMachine(database);
        await booted(database);
        expect((await inGuest(database, "cat /root/witness")).stdout).toBe("ended\n");
    });

    test("disks grow, are attached and are detached while the machine runs", async () => {
        await machines.resizeDisk("data-disk", 2 ** 29);
        expect((await inGuest(database, "blockdev --getsize64 /dev/vdb")).stdout).toBe(`${2 ** 29}\n`);
        await machines.createDisk("more", 2 ** 26);
        await machines.attachDisk(database, { diskId: "more", deviceName: "more", sizeBytes: 2 ** 26, boot: false });
        expect((await inGuest(database, "blockdev --getsize64 /dev/disk/by-id/virtio-more")).stdout).toBe(
            `${2 ** 26}\n`,
        );
        await expect(machines.detachDisk(database, "data-disk")).rejects.toThrow("main-db-1: /dev/vdb is mounted");
        await machines.detachDisk(database, "more");
        expect((await inGuest(database, "ls /dev/vdc")).exitCode).not.toBe(0);
        await machines.deleteDisk("more");
    });

    test("machines outlive the process that started them, and another one takes them over", async () => {
        await machines.close();
        expect(stateOf(site, database)).toBe("running");
        await powerOff(site, jump);
        machines = await Machines.open(site, await ensureImage(() => undefined));
        await booted(jump); // should run and did not
        expect(await readBanner(testPublicAddress, 22)).toMatch(/^SSH-2\.0-/);
    });

    test("the status has addresses and memory", async () => {
        const [first] = await machineStatuses(site);
        expect(first).toMatchObject({ hostname: "main-db-1", state: "running", address: "10.120.1.10" });
        expect(first?.memory.programs).toBeGreaterThan(2 ** 20);
    });

    test("a machine that cannot start reports the reason", async () => {
        const broken = {
            ...testSpec("broken-id", "main-broken"),
            disks: [{ diskId: "none", deviceName: "none", sizeBytes: 1, boot: false }],
        };
        await expect(machines.createMachine(broken)).rejects.toThrow("the network has no interface for main-broken");
        await machines.deleteMachine("broken-id");
    });

    test("deleted machines and a torn down testbed leave nothing", async () => {
        await machines.deleteMachine(database);
        await machines.deleteMachine(database);
        await machines.deleteDisk("data-disk");
        expect(readdirSync(`${site.folder}/machines`)).toEqual([jump]);
        await machines.close();
        await tearDown(site);
        expect(namespacesWithPrefix(site.prefix)).toEqual([]);
        expect(groupsBelow(site.prefix)).toEqual([]);
        expect(existsSync(`/sys/fs/cgroup/memory/${site.prefix}`)).toBe(false);
        const listings = await Promise.all(
            [
                ["losetup", "--list"],
                ["findmnt", "--list"],
                ["ps", "axww"],
            ].map(([file = "", ...args]) => promisify(execFile)(file, args)),
        );
        for (const { stdout } of listings) expect(stdout).not.toContain(site.folder);
    });
});

/** The first bytes that a server sends. */
function readBanner(address: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
        const socket = connect(port, address);
        socket.once("data", (data) => {
            resolve(data.toString());
            socket.destroy();
        });
        socket.once("error", reject);
        socket.once("end", () => reject(new Error("closed")));
    });
}
