/** The texts among the stack's outputs, read by the programs that will use them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Client } from "pg";

import { addressPlan } from "../../cluster/address-plan.ts";
import { connectionStrings } from "../../cluster/connection-strings.ts";
import { knownHosts, sshConfiguration } from "../../cluster/ssh-configuration.ts";
import { sshKeyPair } from "../support/certificates.ts";
import { machineCounts } from "../support/machine-counts.ts";

const cluster = {
    clusterName: "main",
    zones: ["ru-central1-a", "ru-central1-b"],
    network: { cidr: "10.10.0.0/16" },
    machines: machineCounts({ database: 3, loadBalancer: 2 }),
};
const plan = addressPlan(cluster);

describe("connection strings", () => {
    const strings = connectionStrings(plan, "orders", "app", "Password0123");
    const limits =
        "connect_timeout=3&keepalives_idle=5&keepalives_interval=3&keepalives_count=3&tcp_user_timeout=10000";

    it("lead to the load balancers' common address, and from there on to each: writes to 5000, reads to 5001", () => {
        const hosts = (port: number) =>
            ["10.10.0.9", "main-lb-1.ru-central1.internal", "main-lb-2.ru-central1.internal"]
                .map((host) => `${host}:${port}`)
                .join(",");
        expect(strings.readWrite).toBe(
            `postgresql://app:Password0123@${hosts(5000)}/orders?sslmode=verify-full&${limits}`,
        );
        expect(strings.readOnly).toBe(
            `postgresql://app:Password0123@${hosts(5001)}/orders?sslmode=verify-full&${limits}`,
        );
    });

    it("or to every node's PgBouncer, for clients that look for the leader themselves", () => {
        const url = new URL(strings.multiHost.replace(/@[^/]*/, "@hosts"));
        expect(strings.multiHost.split("@")[1]!.split("/")[0]).toBe(
            plan.nodes.database.map(({ fqdn }) => `${fqdn}:6432`).join(","),
        );
        expect(Object.fromEntries(url.searchParams)).toEqual({
            sslmode: "verify-full",
            target_session_attrs: "read-write",
            ...Object.fromEntries(new URLSearchParams(limits)),
        });
    });

    it("can be read by a driver that knows one host", () => {
        const one = connectionStrings(
            addressPlan({ ...cluster, machines: { ...cluster.machines, loadBalancer: { count: 1 } } }),
            "orders",
            "app",
            "Password0123",
        ).readWrite;
        const { host, port, user, password, database } = new Client(one);
        expect({ host, port, user, password, database }).toEqual({
            host: "main-lb-1.ru-central1.internal",
            port: 5000,
            user: "app",
            password: "Password0123",
            database: "orders",
        });
    });

    it.each(["readWrite", "readOnly", "multiHost"] as const)("%s is one that libpq parses", (kind) => {
        // No such hosts: libpq gets as far as looking the names up.
        const attempt = () =>
            execFileSync("psql", [strings[kind].replace("10.10.0.9", "main-lb-0.ru-central1.internal"), "-c", ""], {
                encoding: "utf8",
                stdio: "pipe",
                env: { PATH: process.env.PATH, PGSSLROOTCERT: "/dev/null", PGCONNECT_TIMEOUT: "2" },
            });
        expect(attempt).toThrow(/could not translate host name "main-(lb|db)-[01]\.ru-central1\.internal"/);
    });
});

describe("SSH configuration", () => {
    let folder: string;
    let file: string;
    beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), "postgres-ha-ssh-"));
        file = join(folder, "config");
        writeFileSync(file, sshConfiguration({ plan, user: "pgadmin", jumpHostPublicAddress: "198.51.100.7" }));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    /** What ssh itself would do. */
    const effective = (host: string) =>
        Object.fromEntries(
            execFileSync("ssh", ["-G", "-F", file, host], { encoding: "utf8" })
                .trimEnd()
                .split("\n")
                .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
        );

    it("reaches the jump host at its public address", () => {
        expect(effective("main-jump")).toMatchObject({
            hostname: "198.51.100.7",
            user: "pgadmin",
            stricthostkeychecking: "true",
            hostkeyalias: "main-jump",
        });
        expect(effective("main-jump")["proxyjump"]).toBeUndefined();
    });

    it.each([...plan.nodes.database, ...plan.nodes.loadBalancer].map(({ hostname, address }) => [hostname, address]))(
        "reaches %s through it, and asks for that machine's key",
        (hostname, address) => {
            expect(effective(hostname)).toMatchObject({
                hostname: address,
                user: "pgadmin",
                proxyjump: "main-jump",
                stricthostkeychecking: "true",
                hostkeyalias: hostname,
                serveraliveinterval: "30",
            });
        },
    );

    it("has known hosts under the names that it asks for", () => {
        const key = sshKeyPair().publicKeyOpenssh;
        const known = join(folder, "known_hosts");
        writeFileSync(
            known,
            knownHosts([
                { hostname: "main-jump", hostKey: key },
                { hostname: "main-db-1", hostKey: key },
            ]),
        );
        for (const name of ["main-jump", "main-db-1"]) {
            expect(
                execFileSync("ssh-keygen", ["-F", effective(name)["hostkeyalias"]!, "-f", known], { encoding: "utf8" }),
            ).toContain(key.split(" ")[1]);
        }
    });
});
