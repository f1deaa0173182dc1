import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectionsBesidePooler, defaultPoolSize, maxDatabaseConnections } from "../../settings/pgbouncer.ts";
import { bytesOf, checkParameter } from "../../settings/postgresql/parameters.ts";
import { hugePages, postgresqlSizing } from "../../settings/postgresql/sizing.ts";
import { parseSettings } from "../../settings/index.ts";
import { minimalConfiguration } from "../support/rendered-cluster.ts";
import { checkTimings, freezeSeconds, profiles, resolveTimings } from "../../cluster/timings.ts";
import { profileNames } from "../../cluster/names.ts";

const size = fc.record({
    memoryGib: fc.integer({ min: 1, max: 640 }),
    cores: fc.integer({ min: 2, max: 96 }),
    dataDiskSizeGib: fc.integer({ min: 10, max: 4096 }),
    dataDiskIsSsd: fc.boolean(),
});

describe("postgresqlSizing", () => {
    it.each([
        [
            1,
            2,
            10,
            {
                shared_buffers: "256MB",
                max_connections: 50,
                work_mem: "4MB",
                maintenance_work_mem: "64MB",
                max_wal_size: "1024MB",
                max_slot_wal_keep_size: "2560MB",
            },
        ],
        [
            2,
            2,
            10,
            {
                shared_buffers: "512MB",
                max_connections: 50,
                work_mem: "6MB",
                maintenance_work_mem: "128MB",
                max_wal_size: "1024MB",
                max_slot_wal_keep_size: "2560MB",
            },
        ],
        [
            16,
            4,
            40,
            {
                shared_buffers: "4096MB",
                max_connections: 400,
                work_mem: "9MB",
                maintenance_work_mem: "1024MB",
                max_wal_size: "4096MB",
                max_slot_wal_keep_size: "10240MB",
            },
        ],
        [
            128,
            32,
            1000,
            {
                shared_buffers: "32768MB",
                max_connections: 500,
                work_mem: "64MB",
                maintenance_work_mem: "2048MB",
                max_wal_size: "16384MB",
                max_slot_wal_keep_size: "256000MB",
            },
        ],
    ])("fits %i GiB, %i cores, %i GiB of disk", (memoryGib, cores, dataDiskSizeGib, expected) => {
        expect(postgresqlSizing({ memoryGib, cores, dataDiskSizeGib, dataDiskIsSsd: true })).toMatchObject(expected);
    });

    it("never uses more than the machine has", () => {
        fc.assert(
            fc.property(size, (machine) => {
                const parameters = postgresqlSizing(machine);
                const bytes = (name: string) => bytesOf(name, parameters[name])!;
                const memory = machine.memoryGib * 1024 ** 3;
                expect(bytes("shared_buffers") + bytes("effective_cache_size")).toBeLessThanOrEqual(memory);
                expect(bytes("shared_buffers") + bytes("maintenance_work_mem") * 2).toBeLessThan(memory);
                expect(bytes("max_wal_size") + bytes("max_slot_wal_keep_size")).toBeLessThan(
                    machine.dataDiskSizeGib * 1024 ** 3 * 0.5,
                );
                expect(bytes("min_wal_size")).toBeLessThan(bytes("max_wal_size"));
                expect(parameters["max_parallel_workers"]).toBeLessThanOrEqual(
                    parameters["max_worker_processes"] as number,
                );
            }),
        );
    });

    it("sets only parameters that PostgreSQL 17 knows, to valid values", () => {
        fc.assert(
            fc.property(size, (machine) => {
                for (const [name, value] of Object.entries(postgresqlSizing(machine)))
                    expect(checkParameter(name, value), name).toBeUndefined();
            }),
        );
    });
});

describe("hugePages", () => {
    it.each([
        ["4GB", 2212],
        ["2048MB", 1106],
        ["1.5GB", 830],
        [262_144, 1106],
        ["1023MB", 0],
    ])("for shared_buffers of %s are %i", (sharedBuffers, pages) => {
        expect(hugePages(bytesOf("shared_buffers", sharedBuffers)!)).toBe(pages);
    });

    it("follow a configured value without a unit", () => {
        const configuration = { ...minimalConfiguration, postgresqlParameters: { shared_buffers: 262_144 } };
        expect(parseSettings(configuration).postgresql.hugePages).toBe(1106);
    });
});

describe("PgBouncer's limits", () => {
    it("stay below max_connections with any number of pools and databases", () => {
        const pooler = fc.record({
            poolMode: fc.constantFrom("session" as const, "transaction" as const, "statement" as const),
            maxConnections: fc.integer({ min: 50, max: 500 }),
            pools: fc.integer({ min: 1, max: 20 }),
            databases: fc.integer({ min: 1, max: 10 }),
            cores: fc.integer({ min: 2, max: 96 }),
        });
        fc.assert(
            fc.property(pooler, (value) => {
                expect(defaultPoolSize(value)).toBeGreaterThanOrEqual(1);
                expect(defaultPoolSize(value) * value.pools).toBeLessThanOrEqual(
                    value.maxConnections - connectionsBesidePooler,
                );
                expect(maxDatabaseConnections(value) * value.databases).toBeLessThanOrEqual(
                    value.maxConnections - connectionsBesidePooler,
                );
            }),
        );
    });

    it("are moderate if transactions share connections", () => {
        const pooler = { maxConnections: 400, pools: 1, databases: 1, cores: 4 };
        expect(defaultPoolSize({ ...pooler, poolMode: "session" })).toBe(387);
        expect(defaultPoolSize({ ...pooler, poolMode: "transaction" })).toBe(40);
    });
});

describe("profiles", () => {
    it.each(profileNames)("%s fulfils the rules", (profile) => {
        expect(checkTimings(profile, profiles[profile])).toEqual([]);
    });

    it("all survive a freeze by live migration, including fast", () => {
        for (const { patroni, tcp, replication } of Object.values(profiles)) {
            expect(patroni.ttlSeconds - patroni.loopWaitSeconds - patroni.watchdogSafetyMarginSeconds).toBeGreaterThan(
                freezeSeconds,
            );
            expect(tcp.userTimeoutMilliseconds).toBeGreaterThan(freezeSeconds * 1000);
            expect(replication.timeoutSeconds).toBeGreaterThan(freezeSeconds);
        }
    });

    it("get slower from fast to safe", () => {
        const { fast, normal, safe } = profiles;
        const leaf = (value: object): number[] =>
            Object.values(value).flatMap((part) => (typeof part === "number" ? [part] : leaf(part as object)));
        const [a, b, c] = [leaf(fast), leaf(normal), leaf(safe)];
        a.forEach((value, index) => {
            expect(value).toBeLessThanOrEqual(b[index]!);
            expect(b[index]!).toBeLessThanOrEqual(c[index]!);
        });
    });

    it("accept single overrides", () => {
        const timings = resolveTimings("normal", { patroni: { ttlSeconds: 30 } });
        expect(timings).toEqual({ ...profiles.normal, patroni: { ...profiles.normal.patroni, ttlSeconds: 30 } });
    });
});
