/** Which PostgreSQL parameters a stack may set, and to what. */
import { nearest } from "../mistakes.ts";
import { baseUnitInBytes, parseAmount, showAmount, unitsBeside } from "./amounts.ts";
import { postgresqlParameters17, preloadableLibraries17, type PostgresqlParameter } from "./parameters-17.ts";
import type { ParameterValue } from "./sizing.ts";

/** Canonical names by their lower-case form. PostgreSQL ignores case. */
const canonicalNames = new Map(Object.keys(postgresqlParameters17).map((name) => [name.toLowerCase(), name]));

const setByPatroni = "is set by Patroni";
const setByProgram = "is set by the program";
const useTimings = "follows the profile; use timingOverrides";

/** Parameters that a stack cannot set, and why. */
const owned: readonly (readonly [names: RegExp, reason: string])[] = [
    [
        /^(listen_addresses|port|cluster_name|hot_standby|wal_log_hints|primary_conninfo|primary_slot_name|recovery_.*|hba_file|ident_file|data_directory|external_pid_file|unix_socket_directories)$/,
        setByPatroni,
    ],
    [/^synchronous_standby_names$/, "is set by Patroni; use synchronousMode"],
    [/^(ssl|ssl_.*|password_encryption|krb_.*)$/, setByProgram],
    [
        /^unix_socket_(group|permissions)$/,
        "is set by the program: Patroni, PgBouncer and administrators use the socket",
    ],
    [/^(fsync|full_page_writes)$/, "must stay on, or a power loss destroys data"],
    [/^(tcp_keepalives_.*|tcp_user_timeout|wal_sender_timeout|wal_receiver_timeout)$/, useTimings],
    [/^(timezone|log_timezone)$/, "follows timeZone"],
    [
        /^(log_destination|logging_collector|log_directory|log_filename|log_file_mode|log_rotation_.*|log_truncate_on_rotation)$/,
        "is set by the program: the log is in the journal",
    ],
];

/**
 * Minimum values, in the parameter's unit, that are higher than PostgreSQL's own. Patroni ignores lower values of
 * max_connections (25), max_locks_per_transaction (32), wal_keep_size (16MB) and max_worker_processes (2). Replicas and
 * their base backups need senders and slots. PostgreSQL does not start with a WAL size below two segments, and it raises
 * autovacuum_work_mem itself.
 */
const leastValues: Readonly<Record<string, number>> = {
    max_connections: 25,
    max_wal_senders: 6,
    max_replication_slots: 6,
    max_worker_processes: 2,
    max_locks_per_transaction: 32,
    wal_keep_size: 16,
    min_wal_size: 32,
    max_wal_size: 32,
    autovacuum_work_mem: 64,
    vacuum_buffer_usage_limit: 128,
    authentication_timeout: 5,
};

/** Values below the minimum that have a meaning of their own: no limit, or the value of another parameter. */
const specialValues: Readonly<Record<string, number>> = { autovacuum_work_mem: -1, vacuum_buffer_usage_limit: 0 };

/** Minimum timeouts of statements, transactions and sessions. They also end those of Patroni and of the health checks. */
const leastTimeouts: Readonly<Record<string, readonly [milliseconds: number, reason: string]>> = {
    // Patroni's own limit for a statement of its own is 2 s (postgresql/__init__.py, connect options).
    statement_timeout: [2000, "Patroni gives its own statements 2 s"],
    transaction_timeout: [2000, "Patroni gives its own statements 2 s"],
    lock_timeout: [2000, "Patroni gives its own statements 2 s"],
    idle_in_transaction_session_timeout: [2000, "a client that is busy for a moment would lose its session"],
    // The longest possible loop_wait. Patroni's connection is idle between two rounds.
    idle_session_timeout: [60_000, "Patroni's connection is idle for up to 60 s between its rounds"],
};

/** The only values that work in a cluster, although PostgreSQL accepts others. */
const allowedValues: Readonly<Record<string, readonly string[]>> = {
    wal_level: ["replica", "logical"],
    default_table_access_method: ["heap"],
    timezone_abbreviations: ["Default", "Australia", "India"],
    // Locales of glibc and of AlmaLinux's glibc-langpack-en. No other package of locales is installed.
    ...Object.fromEntries(
        ["messages", "monetary", "numeric", "time"].map((kind) => [
            `lc_${kind}`,
            ["C", "POSIX", "C.UTF-8", "en_US.UTF-8"],
        ]),
    ),
    // It also applies to Patroni's connections, and not every driver supports every encoding. Clients can choose their own.
    client_encoding: ["UTF8"],
    // The packages have no folder `plugins`, from which these libraries are loaded.
    local_preload_libraries: [""],
};

/** Numbers of pages that PostgreSQL requires to be multiples of 16. */
const inSixteens =
    /^(commit_timestamp|multixact_member|multixact_offset|notify|serializable|subtransaction|transaction)_buffers$/;

/** Reads Patroni's spellings of a boolean. PostgreSQL also accepts abbreviations (`t`, `of`), but Patroni ignores those. */
function asBoolean(text: string): boolean | undefined {
    if (/^(on|true|yes|1)$/i.test(text)) return true;
    return /^(off|false|no|0)$/i.test(text) ? false : undefined;
}

/** The rule that a parameter breaks, or undefined. */
export function checkParameter(name: string, value: ParameterValue): string | undefined {
    const reason = owned.find(([names]) => names.test(name.toLowerCase()))?.[1];
    if (reason !== undefined) return `cannot be set: ${name} ${reason}`;

    const canonical = canonicalNames.get(name.toLowerCase());
    const text = String(value);
    if (/[\r\n\0]/.test(text)) return "must be one line";
    if (canonical === undefined) return unknownName(name);
    return checkValue(canonical, text) ?? checkText(canonical, text);
}

/** A name with a dot may belong to an extension that is in none of the packages. Parameters of the packages are known. */
function unknownName(name: string): string | undefined {
    const [, prefix] = /^([a-z_][a-z0-9_]*)\.[a-z_][a-z0-9_]*$/i.exec(name) ?? [];
    const names = [...canonicalNames.values()];
    if (prefix !== undefined && !names.some((known) => known.startsWith(`${prefix.toLowerCase()}.`))) return undefined;
    const hint = nearest(name, names);
    return `cannot be set: PostgreSQL 17 has no parameter ${name}${hint === undefined ? "" : `; did you mean ${hint}?`}`;
}

/** Checks type, unit, range and list of values against PostgreSQL's own table. */
function checkValue(name: string, text: string): string | undefined {
    const parameter = postgresqlParameters17[name]!;
    const allowed = allowedValues[name];
    if (allowed !== undefined) return includes(allowed, text) ? undefined : `must be ${choice(allowed)}`;
    switch (parameter.type) {
        case "boolean":
            return asBoolean(text) !== undefined ? undefined : "must be on or off";
        case "enum": {
            const values = parameter.values!;
            return includes(values, text) || enumBoolean(values, text) !== undefined
                ? undefined
                : `must be ${choice(values)}`;
        }
        case "integer":
        case "real":
            return checkNumber(name, text, parameter);
        case "string":
            return undefined;
    }
}

function checkNumber(name: string, text: string, parameter: PostgresqlParameter): string | undefined {
    const { unit, max } = parameter;
    const [leastMilliseconds, reason] = leastTimeouts[name] ?? [];
    const special = leastMilliseconds === undefined ? specialValues[name] : 0;
    const min = leastMilliseconds ?? Math.max(leastValues[name] ?? -Infinity, parameter.min!);
    const value = parseAmount(text, parameter);
    const inRange = value !== undefined && ((value >= min && value <= max!) || value === special);
    if (inRange && !(inSixteens.test(name) && value % 16 !== 0)) return undefined;

    // The largest double is no limit in practice, so the message leaves it out.
    const upTo = max! > 1e300 ? undefined : showAmount(max!, unit);
    const range =
        upTo === undefined ? `of at least ${showAmount(min, unit)}` : `from ${showAmount(min, unit)} to ${upTo}`;
    const kind = parameter.type === "integer" ? "a whole number" : "a number";
    const units =
        unit === undefined ? "" : `, with a unit (${unitsBeside(unit).join(", ")}; without one it counts ${unit})`;
    const what = unit === undefined ? kind : "an amount";
    const besides = special === undefined ? "" : ` or ${special}`;
    const sixteens = inSixteens.test(name) ? ", in multiples of 16 pages" : "";
    return `must be ${what} ${range}${besides}${units}${sixteens}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Checks texts that PostgreSQL parses. Free text and names of objects in a database are not checked. */
function checkText(name: string, text: string): string | undefined {
    switch (name) {
        case "DateStyle": {
            const words = text.split(",").map((word) => word.trim());
            const [styles, orders] = [
                words.filter((word) => dateStyles.test(word)),
                words.filter((word) => dateOrders.test(word)),
            ];
            const right = styles.length <= 1 && orders.length <= 1 && styles.length + orders.length === words.length;
            return right
                ? undefined
                : "must be ISO, SQL, Postgres or German, and behind a comma, or alone, DMY, MDY or YMD";
        }
        case "shared_preload_libraries":
        case "session_preload_libraries":
        case "archive_library": {
            const names =
                text.trim() === "" ? [] : text.split(",").map((library) => library.trim().replace(/^"(.*)"$/, "$1"));
            const known = names.every((library) => preloadableLibraries17.includes(library));
            return known
                ? undefined
                : `must be names, with commas between them, of libraries that the packages bring: ${preloadableLibraries17.join(", ")}`;
        }
        default:
            return undefined;
    }
}

const dateStyles = /^(ISO|SQL|Postgres|German)$/i;
const dateOrders = /^(DMY|MDY|YMD)$/i;

const includes = (values: readonly string[], text: string) =>
    values.some((value) => value.toLowerCase() === text.toLowerCase());
const choice = (values: readonly string[]) =>
    values
        .map((value) => (value === "" ? "empty" : value))
        .join(" or ")
        .replace(/ or (?=.* or )/g, ", ");

/** An enum with the values on and off accepts every spelling of them. */
function enumBoolean(values: readonly string[], text: string): boolean | undefined {
    return values.includes("on") && values.includes("off") ? asBoolean(text) : undefined;
}

/** Whether a commit waits for a standby's disk with this value of `synchronous_commit`. */
export function waitsForStandby(value: ParameterValue): boolean {
    return includes(["remote_apply"], String(value)) || asBoolean(String(value)) === true;
}

/** A parameter's number in the parameter's unit; undefined if the value is not a number that PostgreSQL accepts. */
export function numberOf(name: string, value: ParameterValue | undefined): number | undefined {
    const parameter = postgresqlParameters17[name];
    return parameter === undefined || value === undefined ? undefined : parseAmount(String(value), parameter);
}

/** An amount of memory or disk in bytes; undefined when it is none. */
export function bytesOf(name: string, value: ParameterValue | undefined): number | undefined {
    const unit = postgresqlParameters17[name]?.unit;
    const number = numberOf(name, value);
    return number === undefined || unit === undefined || !unit.endsWith("B")
        ? undefined
        : number * baseUnitInBytes(unit);
}

/** The computed parameters, overridden by the configured ones. Names are compared as PostgreSQL does. */
export function mergeParameters(
    computed: Readonly<Record<string, ParameterValue>>,
    configured: Readonly<Record<string, ParameterValue>>,
): Readonly<Record<string, ParameterValue>> {
    const canonical = Object.entries(configured).map(
        ([name, value]) => [canonicalNames.get(name.toLowerCase()) ?? name, value] as const,
    );
    return { ...computed, ...Object.fromEntries(canonical) };
}
