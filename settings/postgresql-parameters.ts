/** Which PostgreSQL parameters a stack may set, and to what. */
import { postgresqlParameters17 } from "./postgresql-parameters-17.ts";
import { nearest } from "./mistakes.ts";
import type { ParameterValue } from "./postgresql-sizing.ts";

/** Canonical names by their lower-case form: PostgreSQL ignores case. */
const canonicalNames = new Map(Object.keys(postgresqlParameters17).map((name) => [name.toLowerCase(), name]));

const setByPatroni = "is set by Patroni";
const setByProgram = "is set by the program";
const useTimings = "follows the profile; use timingOverrides";

/** Parameters that are not the stack's to set, and why. */
const owned: readonly (readonly [names: RegExp, reason: string])[] = [
    [
        /^(listen_addresses|port|cluster_name|hot_standby|wal_log_hints|primary_conninfo|primary_slot_name|recovery_.*|hba_file|ident_file|data_directory|external_pid_file|unix_socket_directories)$/,
        setByPatroni,
    ],
    [/^synchronous_standby_names$/, "is set by Patroni; use synchronousMode"],
    [/^(ssl|ssl_.*|password_encryption|krb_.*)$/, setByProgram],
    [/^(fsync|full_page_writes)$/, "must stay on, or a power loss destroys data"],
    [/^(tcp_keepalives_.*|tcp_user_timeout|wal_sender_timeout|wal_receiver_timeout)$/, useTimings],
    [/^(timezone|log_timezone)$/, "follows timeZone"],
    [
        /^(log_destination|logging_collector|log_directory|log_filename|log_file_mode|log_rotation_.*|log_truncate_on_rotation)$/,
        "is set by the program: the log is in the journal",
    ],
];

/** Least values: Patroni ignores max_connections below 25; replicas and their base backups need their senders and slots. */
const leastValues: Readonly<Record<string, number>> = {
    max_connections: 25,
    max_wal_senders: 6,
    max_replication_slots: 6,
    max_worker_processes: 2,
};

/** Values that PostgreSQL takes and a cluster cannot. */
const allowedValues: Readonly<Record<string, readonly string[]>> = { wal_level: ["replica", "logical"] };

const booleans = /^(on|off|true|false|yes|no|1|0)$/i;
const integer = /^-?\d+\s*(B|kB|MB|GB|TB|us|ms|s|min|h|d)?$/;
const real = /^-?\d+(\.\d+)?([eE][-+]?\d+)?\s*(kB|MB|GB|TB|us|ms|s|min|h|d)?$/;

/** What is wrong with a parameter, or undefined. */
export function checkParameter(name: string, value: ParameterValue): string | undefined {
    const reason = owned.find(([names]) => names.test(name.toLowerCase()))?.[1];
    if (reason !== undefined) return `cannot be set: ${name} ${reason}`;
    if (/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/i.test(name)) return undefined; // an extension's

    const canonical = canonicalNames.get(name.toLowerCase());
    if (canonical === undefined) {
        const hint = nearest(name, [...canonicalNames.values()]);
        return `cannot be set: PostgreSQL 17 has no parameter ${name}${hint === undefined ? "" : `; did you mean ${hint}?`}`;
    }
    const [type] = postgresqlParameters17[canonical]!;
    const text = String(value);
    if (type === "boolean" && !booleans.test(text)) return "must be on or off";
    if (type === "integer" && !integer.test(text))
        return "must be a whole number, with a unit where the parameter has one (16MB, 10s)";
    if (type === "real" && !real.test(text))
        return "must be a number, with a unit where the parameter has one (0.5, 10ms)";
    if (/[\r\n\0]/.test(text)) return "must be one line";

    const least = leastValues[canonical];
    if (least !== undefined && !(Number(text) >= least)) return `must be a number, at least ${least}`;
    const allowed = allowedValues[canonical];
    if (allowed !== undefined && !allowed.includes(text)) return `must be ${allowed.join(" or ")}`;
    return undefined;
}

/** The configured parameters laid over the computed ones; names are compared as PostgreSQL does. */
export function mergeParameters(
    computed: Readonly<Record<string, ParameterValue>>,
    configured: Readonly<Record<string, ParameterValue>>,
): Readonly<Record<string, ParameterValue>> {
    const canonical = Object.entries(configured).map(
        ([name, value]) => [canonicalNames.get(name.toLowerCase()) ?? name, value] as const,
    );
    return { ...computed, ...Object.fromEntries(canonical) };
}
