/** Values of PostgreSQL's parameters, judged before any resource exists. What the server says of each was seen with `postgres -C`. */
import { describe, expect, it } from "vitest";

import { parseAmount } from "../../settings/postgresql/amounts.ts";
import { bytesOf, checkParameter, numberOf } from "../../settings/postgresql/parameters.ts";
import { preloadableLibraries17 } from "../../settings/postgresql/parameters-17.ts";
import { parseSettings } from "../../settings/index.ts";
import { minimalConfiguration } from "../support/rendered-cluster.ts";

const memory = "with a unit (TB, GB, MB, kB, B; without one it counts kB)";
const milliseconds = "with a unit (d, h, min, s, ms, us; without one it counts ms)";
const patroniLimit = "Patroni gives its own statements 2 s";
const libraries = `must be names, with commas between them, of libraries that the packages bring: ${preloadableLibraries17.join(", ")}`;

describe("a value that PostgreSQL does not accept is refused", () => {
    it.each<[string, string | number | boolean, string]>([
        // By type, list, unit and range.
        ["log_statement", "everything", "must be none, ddl, mod or all"],
        ["jit", "maybe", "must be on or off"],
        ["jit", "t", "must be on or off"],
        ["wal_compression", "gzip", "must be pglz, lz4, zstd, on or off"],
        ["IntervalStyle", "iso", "must be postgres, postgres_verbose, sql_standard or iso_8601"],
        ["work_mem", "4ms", `must be an amount from 64kB to 2147483647kB, ${memory}`],
        ["work_mem", "64mb", `must be an amount from 64kB to 2147483647kB, ${memory}`],
        ["work_mem", "0x10000", `must be an amount from 64kB to 2147483647kB, ${memory}`],
        ["work_mem", 63, `must be an amount from 64kB to 2147483647kB, ${memory}`],
        [
            "effective_cache_size",
            "1000TB",
            "must be an amount from 8kB to 17179869176kB, with a unit (TB, GB, MB, kB, B; without one it counts 8kB)",
        ],
        ["random_page_cost", -1, "must be a number of at least 0"],
        ["random_page_cost", "1.1ms", "must be a number of at least 0"],
        ["checkpoint_completion_target", 1.1, "must be a number from 0 to 1"],
        ["max_parallel_workers", 2000, "must be a whole number from 0 to 1024"],
        ["max_connections", "1e2", "must be a whole number from 25 to 262143"],
        ["pg_stat_statements.max", 10, "must be a whole number from 100 to 1073741823"],
        ["auto_explain.log_format", "pdf", "must be text, xml, json or yaml"],
        [
            "pg_stat_statements.maxx",
            5000,
            "cannot be set: PostgreSQL 17 has no parameter pg_stat_statements.maxx; did you mean pg_stat_statements.max?",
        ],
        // By its own rules for texts.
        ["DateStyle", "foo", "must be ISO, SQL, Postgres or German, and behind a comma, or alone, DMY, MDY or YMD"],
        [
            "DateStyle",
            "ISO, German",
            "must be ISO, SQL, Postgres or German, and behind a comma, or alone, DMY, MDY or YMD",
        ],
        ["lc_messages", "ru_RU.UTF-8", "must be C, POSIX, C.UTF-8 or en_US.UTF-8"],
        ["lc_time", "", "must be C, POSIX, C.UTF-8 or en_US.UTF-8"],
        ["client_encoding", "MULE_INTERNAL", "must be UTF8"],
        ["default_table_access_method", "columnar", "must be heap"],
        ["session_preload_libraries", "nonexistent", libraries],
        ["shared_preload_libraries", "pg_stat_statements, timescaledb", libraries],
        ["local_preload_libraries", "pg_stat_statements", "must be empty"],
        [
            "vacuum_buffer_usage_limit",
            "64kB",
            "must be an amount from 128kB to 16777216kB or 0, with a unit (TB, GB, MB, kB, B; without one it counts kB)",
        ],
        [
            "transaction_buffers",
            17,
            "must be an amount from 0 to 1048576kB, with a unit (TB, GB, MB, kB, B; without one it counts 8kB), in multiples of 16 pages",
        ],
    ])("%s: %j", (name, value, rule) => {
        expect(checkParameter(name, value)).toBe(rule);
    });

    it.each<[string, string | number, string]>([
        [
            "transaction_timeout",
            "1ms",
            `must be an amount from 2000ms to 2147483647ms or 0, ${milliseconds}: ${patroniLimit}`,
        ],
        [
            "statement_timeout",
            500,
            `must be an amount from 2000ms to 2147483647ms or 0, ${milliseconds}: ${patroniLimit}`,
        ],
        [
            "idle_session_timeout",
            "5s",
            `must be an amount from 60000ms to 2147483647ms or 0, ${milliseconds}: Patroni's connection is idle for up to 60 s between its rounds`,
        ],
        ["max_locks_per_transaction", 16, "must be a whole number from 32 to 2147483647"],
        [
            "min_wal_size",
            "16MB",
            "must be an amount from 32MB to 2147483647MB, with a unit (TB, GB, MB, kB, B; without one it counts MB)",
        ],
        [
            "unix_socket_group",
            "wheel",
            "cannot be set: unix_socket_group is set by the program: Patroni, PgBouncer and administrators use the socket",
        ],
    ])("and one that would harm the cluster: %s: %j", (name, value, rule) => {
        expect(checkParameter(name, value)).toBe(rule);
    });
});

describe("a value that PostgreSQL accepts is valid", () => {
    it.each<[string, string | number | boolean]>([
        ["jit", false],
        ["jit", "OFF"],
        ["jit", "yes"],
        ["log_statement", "DDL"],
        ["wal_compression", true],
        ["huge_pages", "1"],
        ["backslash_quote", "safe_encoding"],
        ["work_mem", "1.5GB"],
        ["work_mem", " 16 MB "],
        ["log_temp_files", -1],
        ["autovacuum_work_mem", -1],
        ["vacuum_buffer_usage_limit", 0],
        ["statement_timeout", 0],
        ["transaction_timeout", "30s"],
        ["random_page_cost", "1.1"],
        ["vacuum_cost_delay", "500us"],
        ["DateStyle", "german, dmy"],
        ["datestyle", "YMD"],
        ["lc_messages", "en_US.UTF-8"],
        ["shared_preload_libraries", 'pg_stat_statements,"auto_explain"'],
        ["session_preload_libraries", ""],
        ["transaction_buffers", 32],
        ["search_path", "anything, they like"],
        ["pg_cron.database", "app"],
    ])("%s: %j", (name, value) => {
        expect(checkParameter(name, value)).toBeUndefined();
    });
});

describe("amounts", () => {
    it.each<[string, string | number, number | undefined]>([
        ["work_mem", "1.5GB", 1_572_864],
        ["work_mem", "30.1GB", 31_561_728], // rounded to whole MB first
        ["work_mem", "16777216B", 16_384],
        ["work_mem", "1e2MB", 102_400],
        ["shared_buffers", "20.5kB", 3],
        ["max_wal_size", "1048577kB", 1024],
        ["checkpoint_timeout", "1500ms", 2], // a half goes to the even neighbour
        ["checkpoint_timeout", "2500ms", 2],
        ["vacuum_cost_delay", "2.5ms", 2.5],
        ["work_mem", "4 apples", undefined],
        ["work_mem", "", undefined],
    ])("%s: %j is %d in the parameter's unit", (name, value, number) => {
        expect(numberOf(name, value)).toBe(number);
    });

    it("without a unit count the parameter's unit", () => {
        expect(bytesOf("shared_buffers", 26_214_400)).toBe(26_214_400 * 8192);
        expect(bytesOf("max_wal_size", "500000")).toBe(500_000 * 1024 ** 2);
        expect(bytesOf("work_mem", 2048)).toBe(2 * 1024 ** 2);
        expect(bytesOf("statement_timeout", "1s")).toBeUndefined();
    });

    it("of memory are bytes for every unit of a parameter", () => {
        expect(bytesOf("shared_buffers", "2GB")).toBe(2 * 1024 ** 3);
        expect(bytesOf("work_mem", " 64 kB ")).toBe(64 * 1024);
        expect(bytesOf("max_wal_size", "1TB")).toBe(1024 ** 4);
        expect(bytesOf("autovacuum_work_mem", "1000B")).toBe(1024); // rounded to whole kB
        expect(bytesOf("shared_buffers", "2 gb")).toBeUndefined();
        expect(bytesOf("shared_buffers", undefined)).toBeUndefined();
    });

    it("have no unit if the parameter has none", () => {
        expect(parseAmount("5MB", { type: "integer" })).toBeUndefined();
    });
});

describe("rules between parameters", () => {
    const message = (postgresqlParameters: object): string => {
        try {
            parseSettings({ ...minimalConfiguration, postgresqlParameters });
        } catch (error) {
            return (error as Error).message;
        }
        return "";
    };
    const tooMuch = "it would be more than 75 % of databaseDataDiskSizeGib";

    it.each<[object, string]>([
        [
            { shared_buffers: 26_214_400 },
            "postgresqlParameters.shared_buffers: 26214400 must be at most 60 % of databaseMemoryGib: 9830MB",
        ],
        [{ max_wal_size: 500_000 }, `postgresqlParameters.max_wal_size: 500000 must leave room: ${tooMuch}`],
        [{ min_wal_size: "400GB" }, `postgresqlParameters.min_wal_size: "400GB" must leave room: ${tooMuch}`],
        [
            { wal_keep_size: "29.9GB" },
            `postgresqlParameters.wal_keep_size: "29.9GB" must leave room: with max_wal_size 4096MB ${tooMuch}`,
        ],
        [
            { max_connections: 50, superuser_reserved_connections: 600 },
            "postgresqlParameters.superuser_reserved_connections: 600 must be, with reserved_connections, less than max_connections 50",
        ],
    ])("%j", (parameters, line) => {
        expect(message(parameters).split("\n").slice(1)).toEqual([`  ${line}`]);
    });

    it("accept every spelling of a synchronous commit that waits", () => {
        expect(message({ synchronous_commit: "ON" })).toBe("");
        expect(message({ synchronous_commit: true })).toBe("");
        expect(message({ synchronous_commit: "no" })).toContain("must be on or remote_apply");
    });
});
