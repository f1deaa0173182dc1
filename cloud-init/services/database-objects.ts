import { maintenanceDatabase, sqlRoles } from "../../cluster/names.ts";
import { scramVerifier } from "./scram.ts";

export interface DatabaseObjects {
    readonly users: readonly {
        readonly name: string;
        readonly password: string;
        readonly databases: readonly string[];
    }[];
    readonly databases: readonly { readonly name: string; readonly owner: string }[];
    readonly lookupPassword: string;
    readonly healthCheckPassword: string;
}

/**
 * An SQL script for psql that makes roles and databases what is asked for; running it again changes
 * nothing. It holds the passwords' verifiers: feed it on standard input. Objects that are no longer asked for stay,
 * because dropping a database is not something a configuration change should do.
 */
export function databaseObjectsSql(objects: DatabaseObjects): string {
    return [
        // No statement may leave a verifier in the server's log.
        "SET log_statement = 'none';",
        "SET log_min_error_statement = 'panic';",
        "SET log_min_duration_statement = -1;",
        "SET client_min_messages = 'warning';",
        ...role(sqlRoles.poolerLookup, objects.lookupPassword),
        ...role(sqlRoles.healthCheck, objects.healthCheckPassword),
        ...objects.users.flatMap((user) => role(user.name, user.password)),
        ...closeDatabase(maintenanceDatabase, [sqlRoles.poolerLookup, sqlRoles.healthCheck, sqlRoles.rewind]),
        ...lookupFunction(),
        ...healthCheckTable(),
        ...objects.databases.flatMap((database) => [
            createIfMissing(
                `CREATE DATABASE ${identifier(database.name)} OWNER ${identifier(database.owner)}`,
                `SELECT FROM pg_database WHERE datname = ${literal(database.name)}`,
            ),
            `ALTER DATABASE ${identifier(database.name)} OWNER TO ${identifier(database.owner)};`,
            ...closeDatabase(
                database.name,
                objects.users.filter((user) => user.databases.includes(database.name)).map((user) => user.name),
            ),
        ]),
        "",
    ].join("\n");
}

/** Double-quoted SQL identifier. */
export function identifier(name: string): string {
    return `"${name.replaceAll('"', '""')}"`;
}

/** SQL string literal; assumes standard_conforming_strings, the default since 9.1. */
export function literal(text: string): string {
    return `'${text.replaceAll("'", "''")}'`;
}

function role(name: string, password: string): string[] {
    return [
        createIfMissing(`CREATE ROLE ${identifier(name)}`, `SELECT FROM pg_roles WHERE rolname = ${literal(name)}`),
        `ALTER ROLE ${identifier(name)} LOGIN NOSUPERUSER NOREPLICATION PASSWORD ${literal(scramVerifier(name, password))};`,
    ];
}

/** psql's \gexec runs the statement that the query returns, if it returns one. */
function createIfMissing(statement: string, existing: string): string {
    return `SELECT ${literal(statement)} WHERE NOT EXISTS (${existing}) \\gexec`;
}

/** Only the named roles (and the owner) may connect. */
function closeDatabase(database: string, users: readonly string[]): string[] {
    return [
        `REVOKE CONNECT, TEMPORARY ON DATABASE ${identifier(database)} FROM PUBLIC;`,
        ...users.map((user) => `GRANT CONNECT, TEMPORARY ON DATABASE ${identifier(database)} TO ${identifier(user)};`),
    ];
}

/** PgBouncer's auth_query: the verifier of an ordinary login role, never of the cluster's own roles. */
function lookupFunction(): string[] {
    const schema = identifier(sqlRoles.poolerLookup);
    const hidden = [sqlRoles.superuser, sqlRoles.replication, sqlRoles.rewind].map(literal).join(", ");
    return [
        `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${identifier(sqlRoles.superuser)};`,
        `CREATE OR REPLACE FUNCTION ${schema}.verifier(wanted text) RETURNS TABLE (role_name text, verifier text)`,
        `    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $lookup$`,
        `    SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = wanted AND rolcanlogin AND NOT rolsuper`,
        `        AND NOT rolreplication AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) AND rolname NOT IN (${hidden})`,
        `    $lookup$;`,
        `REVOKE ALL ON FUNCTION ${schema}.verifier(text) FROM PUBLIC;`,
        `GRANT USAGE ON SCHEMA ${schema} TO ${schema};`,
        `GRANT EXECUTE ON FUNCTION ${schema}.verifier(text) TO ${schema};`,
    ];
}

/** One row that every check of the endpoints overwrites. */
function healthCheckTable(): string[] {
    const schema = identifier(sqlRoles.healthCheck);
    return [
        `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${schema};`,
        `CREATE TABLE IF NOT EXISTS ${schema}.probe (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), token text NOT NULL, written_at timestamptz NOT NULL DEFAULT clock_timestamp());`,
        `ALTER TABLE ${schema}.probe OWNER TO ${schema};`,
    ];
}
