import { maintenanceDatabase, sqlRoles } from "../../cluster/names.ts";
import { scramVerifier } from "./scram.ts";

export interface DatabaseObjects {
    readonly users: readonly {
        readonly name: string;
        readonly password: string;
        readonly databases: readonly string[];
        /** Whether it may read logical slots. */
        readonly replication: boolean;
    }[];
    readonly databases: readonly DatabaseObject[];
    readonly lookupPassword: string;
    readonly healthCheckPassword: string;
}

export interface DatabaseObject {
    readonly name: string;
    readonly owner: string;
    /** ICU locale, as a language tag. @default C.UTF-8, whose order no update of a library changes */
    readonly locale?: string | undefined;
}

/**
 * An SQL script for psql that makes roles and databases what is asked for; running it again changes
 * nothing. It holds the passwords' verifiers: feed it on standard input. Objects that are no longer asked for stay,
 * because dropping a database is not something a configuration change should do; access to them ends.
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
        createIfMissing(
            `CREATE ROLE ${identifier(sqlRoles.listedUsers)} NOLOGIN`,
            `SELECT FROM pg_roles WHERE rolname = ${literal(sqlRoles.listedUsers)}`,
        ),
        ...objects.users.flatMap((user) => [
            ...role(user.name, user.password, user.replication),
            `GRANT ${identifier(sqlRoles.listedUsers)} TO ${identifier(user.name)} WITH INHERIT FALSE, SET FALSE;`,
        ]),
        ...closeDatabase(maintenanceDatabase, [sqlRoles.poolerLookup, sqlRoles.healthCheck, sqlRoles.rewind]),
        // A session there, which the pooler may keep open, makes every CREATE DATABASE fail.
        ...closeDatabase("template1", []),
        ...lookupFunction(),
        ...healthCheckTable(),
        ...objects.databases.flatMap((database) => [
            createIfMissing(
                `CREATE DATABASE ${identifier(database.name)} OWNER ${identifier(database.owner)} TEMPLATE template0${localeOf(database)}`,
                `SELECT FROM pg_database WHERE datname = ${literal(database.name)}`,
            ),
            ...refuseOtherLocale(database),
            `ALTER DATABASE ${identifier(database.name)} OWNER TO ${identifier(database.owner)};`,
            ...closeDatabase(
                database.name,
                objects.users.filter((user) => user.databases.includes(database.name)).map((user) => user.name),
            ),
        ]),
        ...withdrawAccess(objects),
        "",
    ].join("\n");
}

/**
 * Takes away what the lists no longer say, of roles that are or were on the list of users: one that is off it cannot log in,
 * one that is off a database cannot connect to it. Sessions that they have there end. The roles stay, with what they own.
 * Roles that a person made are left alone.
 */
function withdrawAccess({ users, databases }: DatabaseObjects): string[] {
    const listed = literal(JSON.stringify(users.map(({ name }) => name)));
    const allowed = literal(
        JSON.stringify(users.flatMap(({ name, databases: own }) => own.map((database) => ({ role: name, database })))),
    );
    const closed = literal(JSON.stringify(databases.map(({ name }) => name)));
    const members = `pg_auth_members AS membership JOIN pg_roles AS member ON member.oid = membership.member AND membership.roleid = ${literal(sqlRoles.listedUsers)}::regrole`;
    const isListed = `member.rolname IN (SELECT json_array_elements_text(${listed}))`;
    const isWithdrawn = [
        `database.datname IN (SELECT json_array_elements_text(${closed}))`,
        "database.datdba <> member.oid",
        `NOT EXISTS (SELECT FROM json_to_recordset(${allowed}) AS allowed (role text, database text) WHERE allowed.role = member.rolname AND allowed.database = database.datname)`,
    ].join(" AND ");
    return [
        `SELECT format('ALTER ROLE %I NOLOGIN', member.rolname) FROM ${members} WHERE member.rolcanlogin AND NOT ${isListed} \\gexec`,
        `SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM %I', database.datname, member.rolname) FROM ${members} CROSS JOIN pg_database AS database`,
        `    WHERE ${isWithdrawn} AND EXISTS (SELECT FROM aclexplode(database.datacl) AS granted WHERE granted.grantee = member.oid) \\gexec`,
        `SELECT pg_terminate_backend(session.pid) FROM ${members} JOIN pg_stat_activity AS session ON session.usesysid = member.oid`,
        `    JOIN pg_database AS database ON database.oid = session.datid WHERE NOT member.rolcanlogin OR (${isWithdrawn});`,
    ];
}

/** Double-quoted SQL identifier. */
export function identifier(name: string): string {
    return `"${name.replaceAll('"', '""')}"`;
}

/** SQL string literal; assumes standard_conforming_strings, the default since 9.1. */
export function literal(text: string): string {
    return `'${text.replaceAll("'", "''")}'`;
}

function role(name: string, password: string, replication = false): string[] {
    return [
        createIfMissing(`CREATE ROLE ${identifier(name)}`, `SELECT FROM pg_roles WHERE rolname = ${literal(name)}`),
        `ALTER ROLE ${identifier(name)} LOGIN NOSUPERUSER ${replication ? "REPLICATION" : "NOREPLICATION"} PASSWORD ${literal(scramVerifier(name, password))};`,
    ];
}

/** psql's \gexec runs the statement that the query returns, if it returns one. */
function createIfMissing(statement: string, existing: string): string {
    return `SELECT ${literal(statement)} WHERE NOT EXISTS (${existing}) \\gexec`;
}

/** What CREATE DATABASE says about the order of texts. Dates and numbers stay as the cluster writes them. */
const localeOf = ({ locale }: DatabaseObject): string =>
    locale === undefined ? "" : ` LOCALE_PROVIDER icu ICU_LOCALE ${literal(locale)} LOCALE 'C.UTF-8'`;

/** Ends the script if the database has another locale than the one asked for: PostgreSQL cannot change it. */
function refuseOtherLocale({ name, locale }: DatabaseObject): string[] {
    if (locale === undefined) return [];
    const rule = `database %s has the locale %s and keeps it. To have ${locale}, load a dump of it into a new database`;
    const message = `format(${literal(rule)}, datname, coalesce(datlocale, datcollate))`;
    const raise = `format('DO $refuse$ BEGIN RAISE EXCEPTION USING MESSAGE = %L; END $refuse$', ${message})`;
    const differs = `datname = ${literal(name)} AND datlocale IS DISTINCT FROM ${literal(locale)}`;
    return [`SELECT ${raise} FROM pg_database WHERE ${differs} \\gexec`];
}

/** Only the named roles (and the owner) may connect. */
function closeDatabase(database: string, users: readonly string[]): string[] {
    return [
        `REVOKE CONNECT, TEMPORARY ON DATABASE ${identifier(database)} FROM PUBLIC;`,
        ...users.map((user) => `GRANT CONNECT, TEMPORARY ON DATABASE ${identifier(database)} TO ${identifier(user)};`),
    ];
}

/**
 * PgBouncer's auth_query: the verifier of an ordinary login role, never of the cluster's own roles. A role with REPLICATION is
 * an ordinary one: the rules of PgBouncer and PostgreSQL let it read logical slots, and refuse it physical replication.
 */
function lookupFunction(): string[] {
    const schema = identifier(sqlRoles.poolerLookup);
    const hidden = [sqlRoles.superuser, sqlRoles.replication, sqlRoles.rewind].map(literal).join(", ");
    return [
        `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${identifier(sqlRoles.superuser)};`,
        `CREATE OR REPLACE FUNCTION ${schema}.verifier(wanted text) RETURNS TABLE (role_name text, verifier text)`,
        `    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $lookup$`,
        `    SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = wanted AND rolcanlogin AND NOT rolsuper`,
        `        AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) AND rolname NOT IN (${hidden})`,
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
