/** A database node's PostgreSQL and PgBouncer, really running with the rendered files, and the SQL that makes roles and databases. */
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { createDatabaseObjectsCommand } from "../../cloud-init/roles/database-node.ts";
import {
    databaseObjectsSql,
    identifier,
    literal,
    type DatabaseObjects,
} from "../../cloud-init/services/database-objects.ts";
import { fileOf, machineOf, passwords, renderCluster, writeUserDataFiles } from "../support/rendered-cluster.ts";
import { ScratchMachine } from "../support/scratch-machine.ts";

const small = { databaseCores: 2, databaseMemoryGib: 2 };
const cluster = renderCluster(small);
const machine = machineOf(cluster, "database");
const members = cluster.plan.nodes.database.map(({ hostname, fqdn, address }) => ({ name: hostname, fqdn, address }));
const [self] = members;

const objects: DatabaseObjects = {
    users: [
        { name: "app", password: "AppPassword", databases: ["app"], replication: false },
        { name: "reports", password: "ReportsPassword", databases: ["app", 'it\'s "odd"'], replication: true },
        { name: "stranger", password: "StrangerPassword", databases: [], replication: false },
    ],
    databases: [
        { name: "app", owner: "app" },
        { name: 'it\'s "odd"', owner: "app" },
    ],
    lookupPassword: passwords.lookupPassword,
    healthCheckPassword: "HealthCheckPassword",
};

const scratch = new ScratchMachine(
    "machine",
    members.map(({ address }) => address),
);

beforeAll(async () => {
    writeUserDataFiles(scratch, parse(machine.userData).write_files);
    scratch.stub("/usr/local/bin/systemctl");
    scratch.stub("/usr/local/bin/sudo", 'exec "$@"');
    scratch.write({ path: "/etc/hosts", content: `127.0.0.1 localhost ${self!.fqdn}\n` });
    const {
        parameters: local,
        pg_hba: rules,
        pg_ident: accounts,
    } = parse(fileOf(machine, "/etc/patroni/patroni.yml").content).postgresql;
    const parameters = { ...cluster.settings.postgresql.parameters, ...local, listen_addresses: "*" };
    scratch.write(
        {
            path: "/tmp/postgresql.conf",
            content: Object.entries(parameters)
                .map(([name, value]) => `${name} = '${value}'\n`)
                .join(""),
        },
        { path: "/tmp/pg_hba.conf", content: `${rules.join("\n")}\n` },
        { path: "/tmp/pg_ident.conf", content: `${accounts.join("\n")}\n` },
        { path: "/tmp/superuser-password", content: passwords.superuserPassword },
    );
    await scratch.boot();
    const started = await scratch.bash(
        `
        /usr/local/libexec/postgres-ha/apply
        install -d -o postgres -g postgres /var/lib/pgsql /run/postgresql
        install -d -o pgbouncer -g pgbouncer /run/pgbouncer
        cd /
        as_postgres() { runuser -u postgres -- "$@"; }
        data=/var/lib/pgsql/17/data
        as_postgres /usr/pgsql-17/bin/initdb --no-sync --username=postgres --pwfile=/tmp/superuser-password --auth=scram-sha-256 --data-checksums "$data"
        cat /tmp/postgresql.conf >>"$data/postgresql.conf"
        cp /tmp/pg_hba.conf /tmp/pg_ident.conf "$data/"
        as_postgres /usr/pgsql-17/bin/pg_ctl --wait --pgdata="$data" --log=/tmp/postgresql.log start || { cat /tmp/postgresql.log; exit 1; }
        as_postgres psql --command="CREATE ROLE replicator REPLICATION LOGIN PASSWORD 'x'" --command="CREATE ROLE rewinder LOGIN PASSWORD 'x'"
        runuser -u pgbouncer -- pgbouncer /etc/pgbouncer/pgbouncer.ini >/tmp/pgbouncer.log 2>&1 </dev/null &
        `.replaceAll(/^ +/gm, ""),
        { input: machine.bundle },
    );
    expect(started.status, started.output).toBe(0);
});
afterAll(() => scratch.remove());

const createObjects = () => scratch.bash(createDatabaseObjectsCommand(30), { input: databaseObjectsSql(objects) });

/** As the superuser over the local socket. */
const asSuperuser = async (sql: string, database = "postgres") =>
    (
        await scratch.run("runuser", ["-u", "postgres", "--", "psql", "--no-psqlrc", "-Atc", sql, database])
    ).output.trim();

/** As an application would connect: verified TLS. */
const connect = (
    port: number,
    user: string,
    password: string,
    database: string,
    sql = "SELECT current_user",
    sslmode = "verify-full",
    replication = "false",
) =>
    scratch.run(
        "psql",
        [
            "--no-psqlrc",
            "-Atc",
            sql,
            `host=${self!.fqdn} port=${port} user=${user} dbname='${database.replaceAll("'", "\\'")}' sslmode=${sslmode} replication=${replication} sslrootcert=/etc/postgres-ha/tls/ca.crt`,
        ],
        {
            env: { PGPASSWORD: password, PGCONNECT_TIMEOUT: "5" },
        },
    );
const PGBOUNCER = 6432;

/** A program that logs in to PgBouncer as app with these parameters, as drivers pass them on, and prints the answer. */
const startupWith = (...parameters: string[]) => `python3 - <<'END'
import socket, ssl, struct
raw = socket.create_connection(("${self!.fqdn}", ${PGBOUNCER}), 5)
raw.sendall(struct.pack("!ii", 8, 80877103))
assert raw.recv(1) == b"S"
context = ssl.create_default_context(cafile="/etc/postgres-ha/tls/ca.crt")
connection = context.wrap_socket(raw, server_hostname="${self!.fqdn}")
words = ["user", "app", "database", "app", *${JSON.stringify(parameters)}]
body = struct.pack("!i", 196608) + b"".join(word.encode() + b"\\0" for word in words) + b"\\0"
connection.sendall(struct.pack("!i", len(body) + 4) + body)
print(connection.recv(4096).decode(errors="replace"))
END`;
const POSTGRESQL = 5432;

/** Everything that the script decides about. */
const state = async () =>
    [
        await asSuperuser(
            "SELECT rolname, rolsuper, rolcanlogin, rolreplication, rolcreatedb, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1",
        ),
        await asSuperuser("SELECT datname, datdba::regrole, datacl FROM pg_database ORDER BY 1"),
        await asSuperuser(
            "SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
        ),
        await asSuperuser(
            "SELECT proname, proowner::regrole, proacl, prosrc FROM pg_proc WHERE pronamespace = 'pgbouncer_lookup'::regnamespace",
        ),
    ].join("\n");

describe("PostgreSQL's files", () => {
    it("hold only parameters and rules that the server accepts", async () => {
        expect(await asSuperuser("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL")).toBe("");
        expect(await asSuperuser("SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL")).toBe("");
        expect(await asSuperuser("SHOW ssl")).toBe("on");
    });

    it("admit no client without TLS or a password", async () => {
        expect(
            await asSuperuser(
                "SELECT type, database, user_name, auth_method FROM pg_hba_file_rules WHERE type = 'host' OR (auth_method <> 'scram-sha-256' AND user_name <> '{postgres}')",
            ),
        ).toBe("");
        const plain = await connect(
            POSTGRESQL,
            "postgres",
            passwords.superuserPassword,
            "postgres",
            "SELECT 1",
            "disable",
        );
        expect(plain.stderr).toMatch(/no pg_hba.conf entry.*no encryption/);
        expect(plain.status).not.toBe(0);
        expect((await connect(POSTGRESQL, "postgres", passwords.superuserPassword, "postgres")).stdout).toBe(
            "postgres\n",
        );
    });
});

describe("roles and databases", () => {
    beforeAll(async () => {
        expect(await createObjects()).toMatchObject({ status: 0, stderr: "" });
    });

    it("are changed by nothing when they are made again", async () => {
        const before = await state();
        expect(await createObjects()).toMatchObject({ status: 0, stderr: "" });
        // The verifiers too: PgBouncer logs in with what it kept of them.
        expect(await state()).toBe(before);
    });

    it("come back when somebody changed them by hand", async () => {
        const before = await state();
        await asSuperuser("ALTER ROLE app NOLOGIN PASSWORD 'guessed'");
        await asSuperuser("GRANT CONNECT ON DATABASE app TO PUBLIC");
        expect(await state()).not.toBe(before);
        await createObjects();
        expect(await state()).toBe(before);
    });

    describe("that are no longer listed", () => {
        const make = (changed: Partial<DatabaseObjects>) =>
            scratch.bash(createDatabaseObjectsCommand(30), { input: databaseObjectsSql({ ...objects, ...changed }) });
        const as = (user: string, password: string, database = "app") => connect(PGBOUNCER, user, password, database);
        /** PgBouncer remembers a refusal for a second. */
        const letsReportsIn = async () => {
            for (let tries = 0; (await as("reports", "ReportsPassword")).status !== 0; tries++) {
                expect(tries).toBeLessThan(30);
                await setTimeout(100);
            }
        };
        const [app, reports, stranger] = objects.users;
        afterAll(createObjects);

        it("close a database to a user who is off it, and leave the user's other ones open", async () => {
            expect((await as("reports", "ReportsPassword")).status).toBe(0);
            await make({ users: [app!, { ...reports!, databases: ['it\'s "odd"'] }, stranger!] });
            expect((await as("reports", "ReportsPassword")).stderr).toMatch(/permission denied for database "app"/);
            expect((await as("reports", "ReportsPassword", 'it\'s "odd"')).status).toBe(0);
            expect((await as("app", "AppPassword")).status).toBe(0);
        });

        it("let a user in no more who is off the list, end the user's sessions, and keep the role and what it owns", async () => {
            await createObjects();
            await letsReportsIn();
            const session = connect(PGBOUNCER, "reports", "ReportsPassword", "app", "SELECT pg_sleep(60)");
            for (let tries = 0; tries < 50; tries++) {
                if (
                    (await asSuperuser("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'")) ===
                    "2"
                )
                    break;
                await setTimeout(100);
            }
            await asSuperuser("CREATE SCHEMA reports AUTHORIZATION reports", "app");
            expect(await make({ users: [app!, stranger!] })).toMatchObject({ status: 0, stderr: "" });
            expect((await session).stderr).toMatch(/terminating connection|server closed|terminated/);
            expect((await as("reports", "ReportsPassword")).status).not.toBe(0);
            expect(
                await asSuperuser("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'reports'", "app"),
            ).toBe("reports");
        });

        it("let the user in again who comes back", async () => {
            await createObjects();
            await letsReportsIn();
        });

        it("are left alone where a person made them", async () => {
            await asSuperuser("CREATE ROLE auditor LOGIN PASSWORD 'AuditorPassword'");
            await asSuperuser("GRANT CONNECT ON DATABASE app TO auditor");
            await make({ users: [app!] });
            expect((await as("auditor", "AuditorPassword")).status).toBe(0);
            await asSuperuser("REVOKE CONNECT ON DATABASE app FROM auditor");
            await asSuperuser("DROP ROLE auditor");
        });

        it("stay as they are where the list is empty of databases", async () => {
            expect(await make({ databases: [] })).toMatchObject({ status: 0, stderr: "" });
            expect((await as("app", "AppPassword")).status).toBe(0);
        });
    });

    it("never leave a password in the server's log", async () => {
        expect((await scratch.run("cat", ["/tmp/postgresql.log"])).stdout).not.toMatch(/Password|SCRAM-SHA-256\$/);
    });

    it("are closed to PUBLIC", async () => {
        expect(
            await asSuperuser(
                "SELECT datname FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0 AND privilege_type = 'CONNECT' AND datallowconn",
            ),
        ).toBe("");
        for (const port of [POSTGRESQL, PGBOUNCER]) {
            const refused = await connect(port, "stranger", "StrangerPassword", "app");
            expect(refused.stderr).toMatch(/permission denied for database "app"/);
            expect(refused.status).not.toBe(0);
        }
    });

    it("are made while a session of template1 is open", async () => {
        const held = scratch.bash("runuser -u postgres -- psql --no-psqlrc -Atc 'SELECT pg_sleep(5)' template1");
        await setTimeout(1000);
        const wanted = { ...objects, databases: [...objects.databases, { name: "meanwhile", owner: "app" }] };
        const made = await scratch.bash(createDatabaseObjectsCommand(30), { input: databaseObjectsSql(wanted) });
        expect(made).toMatchObject({ status: 0, stderr: "" });
        expect(await asSuperuser("SELECT datname FROM pg_database WHERE datname = 'meanwhile'")).toBe("meanwhile");
        expect((await held).status).toBe(0);
        await asSuperuser("DROP DATABASE meanwhile");
    });

    it("sort texts by the language of the database", async () => {
        const make = (locale: string) =>
            scratch.bash(createDatabaseObjectsCommand(30), {
                input: databaseObjectsSql({
                    ...objects,
                    databases: [...objects.databases, { name: "russian", owner: "app", locale }],
                }),
            });
        const sorted = (database: string) =>
            asSuperuser(
                "SELECT string_agg(word, ' ' ORDER BY word) FROM unnest(ARRAY['жук', 'Ёлка', 'ель', 'Банан', 'арбуз']) AS word",
                database,
            );
        expect(await make("ru-RU")).toMatchObject({ status: 0, stderr: "" });
        expect(await sorted("russian")).toBe("арбуз Банан Ёлка ель жук");
        expect(await sorted("app")).toBe("Ёлка Банан арбуз ель жук");
        expect(await make("ru-RU")).toMatchObject({ status: 0, stderr: "" });

        // With more than a language: PostgreSQL keeps the tag as it is written.
        await asSuperuser("DROP DATABASE russian");
        for (let run = 0; run < 2; run++) expect(await make("ru-RU-u-kn")).toMatchObject({ status: 0, stderr: "" });

        const refused = await make("de-DE");
        expect(refused.status).not.toBe(0);
        expect(refused.stderr).toContain(
            "database russian has the locale ru-RU-u-kn and keeps it. To have de-DE, load a dump of it into a new database",
        );
        await asSuperuser("DROP DATABASE russian");
    });

    it("hide the verifiers of the cluster's own roles from PgBouncer", async () => {
        const lookup = (role: string) =>
            connect(
                POSTGRESQL,
                "pgbouncer_lookup",
                passwords.lookupPassword,
                "postgres",
                `SELECT role_name FROM pgbouncer_lookup.verifier('${role}')`,
            );
        expect((await lookup("app")).stdout).toBe("app\n");
        await asSuperuser("CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'BossPassword'");
        for (const role of ["postgres", "replicator", "rewinder", "boss", "nobody"])
            expect((await lookup(role)).stdout).toBe("");
        await asSuperuser("DROP ROLE boss");
    });

    it("let a user with replication read logical slots, and nobody copy the server", async () => {
        const [reports, app] = ["reports", "app"].map(
            (user) => (port: number, replication: string) =>
                connect(
                    port,
                    user,
                    user === "app" ? "AppPassword" : "ReportsPassword",
                    "app",
                    "IDENTIFY_SYSTEM",
                    "verify-full",
                    replication,
                ),
        );
        expect((await connect(PGBOUNCER, "reports", "ReportsPassword", "app")).stdout).toBe("reports\n");
        expect((await reports!(PGBOUNCER, "database")).stdout).toMatch(/\|app\n$/);
        expect((await app!(POSTGRESQL, "database")).stderr).toMatch(/permission denied to start WAL sender/);
        expect((await reports!(PGBOUNCER, "true")).stderr).toMatch(/no authentication method is found/);
        expect((await reports!(POSTGRESQL, "true")).stderr).toMatch(/no pg_hba.conf entry for replication connection/);
    });

    it("let no one but PgBouncer look verifiers up", async () => {
        const refused = await connect(
            POSTGRESQL,
            "health_check",
            objects.healthCheckPassword,
            "postgres",
            "SELECT * FROM pgbouncer_lookup.verifier('app')",
        );
        expect(refused.stderr).toMatch(/permission denied for schema pgbouncer_lookup/);
    });
});

describe("PgBouncer", () => {
    it("reads its configuration without a complaint", async () => {
        const log = (await scratch.run("cat", ["/tmp/pgbouncer.log"])).stdout;
        expect(log).toMatch(/LOG process up: PgBouncer/);
        expect(log.slice(0, log.indexOf("process up"))).not.toMatch(/ WARNING | ERROR | FATAL /);
    });

    it("takes applications to their databases, verified on both sides", async () => {
        expect(await connect(PGBOUNCER, "app", "AppPassword", "app")).toMatchObject({ status: 0, stdout: "app\n" });
        expect(await connect(PGBOUNCER, "reports", "ReportsPassword", 'it\'s "odd"')).toMatchObject({
            status: 0,
            stdout: "reports\n",
        });
        expect(
            await connect(
                PGBOUNCER,
                "app",
                "AppPassword",
                "app",
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            ),
        ).toMatchObject({ stdout: "t\n" });
    });

    it("refuses, by name, what a client says at connect and would not be in force", async () => {
        const connection = `host=${self!.fqdn} port=${PGBOUNCER} user=app dbname=app sslmode=verify-full sslrootcert=/etc/postgres-ha/tls/ca.crt`;
        const psql = (env: Record<string, string>) =>
            scratch.run("psql", ["--no-psqlrc", "-Atc", "SELECT 1", connection], {
                env: { PGPASSWORD: "AppPassword", ...env },
            });
        expect((await psql({})).stdout).toBe("1\n");
        const refused = await psql({ PGOPTIONS: "-c search_path=billing" });
        expect(refused.status).not.toBe(0);
        expect(refused.stderr).toMatch(/unsupported startup parameter in options: search_path/);
        expect((await psql({ PGOPTIONS: "-c statement_timeout=1s" })).stderr).toMatch(/in options: statement_timeout/);
    });

    it("accepts what a driver passes on of libpq's own parameters", async () => {
        const sent = await scratch.bash(startupWith("connect_timeout", "3", "tcp_user_timeout", "10000"));
        expect(sent.output).toMatch(/^R/);
        const refused = await scratch.bash(startupWith("search_path", "billing"));
        expect(refused.output).toMatch(/unsupported startup parameter: search_path/);
    });

    it("takes the role that reads verifiers from no client", async () => {
        const refused = await connect(PGBOUNCER, "pgbouncer_lookup", passwords.lookupPassword, "postgres");
        expect(refused.status).not.toBe(0);
        expect(refused.stderr).toMatch(/login rejected/);
    });

    it("keeps serving who was connected while the roles were made again", async () => {
        const destination = `host=${self!.fqdn} port=6432 user=app dbname=app sslmode=verify-full sslrootcert=/etc/postgres-ha/tls/ca.crt`;
        const held = scratch.bash(
            `{ sleep 3; echo 'SELECT 42;'; } | PGPASSWORD=AppPassword psql --no-psqlrc -At "${destination}"`,
        );
        await createObjects();
        // The client's first query then needs a new session of the server, with the keys of before.
        await asSuperuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
        expect(await held).toMatchObject({ status: 0, stdout: "42\n", stderr: "" });
    });

    it("serves the health check's write and read", async () => {
        const sql =
            "INSERT INTO health_check.probe (token) VALUES ('t') ON CONFLICT (only_row) DO UPDATE SET token = excluded.token RETURNING token";
        expect((await connect(PGBOUNCER, "health_check", objects.healthCheckPassword, "postgres", sql)).stdout).toMatch(
            /^t\n/,
        );
        expect((await connect(PGBOUNCER, "health_check", objects.healthCheckPassword, "postgres", sql)).stdout).toMatch(
            /^t\n/,
        );
    });

    it.each([
        [
            "a wrong password",
            "app",
            "wrong",
            "app",
            "verify-full",
            /password authentication failed|SASL authentication failed/,
        ],
        ["no TLS", "app", "AppPassword", "app", "disable", /SSL required/],
        ["the superuser", "postgres", passwords.superuserPassword, "postgres", "verify-full", /login rejected/],
        [
            "the superuser at the console",
            "postgres",
            passwords.superuserPassword,
            "pgbouncer",
            "verify-full",
            /login rejected/,
        ],
        [
            "an application at the console",
            "app",
            "AppPassword",
            "pgbouncer",
            "verify-full",
            /not allowed|login rejected/,
        ],
        ["the replication role", "replicator", "x", "postgres", "verify-full", /no such user/],
        ["the rewind role", "rewinder", "x", "postgres", "verify-full", /no such user/],
    ])("refuses %s", async (_, user, password, database, sslmode, message) => {
        const refused = await connect(PGBOUNCER, user, password, database, "SELECT 1", sslmode);
        expect(refused.stderr).toMatch(message);
        expect(refused.status).not.toBe(0);
    });

    describe("on the machine itself", () => {
        /** As somebody who logged in there types it. */
        const typed = (account: string, command: string) =>
            scratch.run("runuser", [
                "-u",
                account,
                "--",
                "bash",
                "-c",
                `. /etc/profile.d/postgres-ha-patroni.sh; ${command}`,
            ]);

        it.each(["root", "postgres"])(
            "opens its console for %s, whose plain psql leads to PostgreSQL",
            async (account) => {
                expect(await typed(account, "psql -p 6432 -Atc 'SHOW VERSION' pgbouncer")).toMatchObject({
                    status: 0,
                    stdout: expect.stringMatching(/^PgBouncer 1\./),
                });
                expect(await typed(account, "psql -Atc 'SELECT current_user, inet_server_port()'")).toMatchObject({
                    status: 0,
                    stdout: "postgres|\n",
                });
            },
        );

        it("lets administrators change something", async () => {
            expect(await typed("root", "psql -p 6432 -qc RELOAD pgbouncer")).toMatchObject({ status: 0, output: "" });
        });

        it.each([
            ["another account", "etcd", "psql -p 6432 -c 'SHOW VERSION' pgbouncer", /unix socket login rejected/],
            ["an administrator at a database", "root", "psql -p 6432 -c 'SELECT 1' app", /login rejected/],
            [
                "an application without TLS",
                "root",
                "PGPASSWORD=AppPassword psql -p 6432 -U app -c 'SELECT 1' app",
                /login rejected/,
            ],
        ])("refuses %s", async (_, account, command, message) => {
            const refused = await typed(account, command);
            expect(refused.stderr).toMatch(message);
            expect(refused.status).not.toBe(0);
        });
    });

    it("goes over to PostgreSQL's socket and back when that is configured, without losing who is connected", async () => {
        const takeOver = async (rendered: typeof cluster) => {
            const { path, content } = fileOf(machineOf(rendered, "database"), "/etc/pgbouncer/pgbouncer.ini");
            const reloaded = await scratch.bash(
                `cat >${path}; kill -HUP "$(cat /run/pgbouncer/pgbouncer.pid)"; sleep 0.2`,
                { input: content },
            );
            expect(reloaded.status, reloaded.output).toBe(0);
        };
        const how = "SELECT ssl, host(inet_server_addr()) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        const asked = async () => (await connect(PGBOUNCER, "app", "AppPassword", "app", how)).stdout;
        expect(await asked()).toBe("t|127.0.0.1\n");
        const destination = `host=${self!.fqdn} port=6432 user=app dbname=app sslmode=verify-full sslrootcert=/etc/postgres-ha/tls/ca.crt`;
        const held = scratch.bash(
            `{ echo 'SELECT 41;'; sleep 2; echo 'SELECT 42;'; } | PGPASSWORD=AppPassword psql --no-psqlrc -At "${destination}"`,
        );
        await setTimeout(700);
        await takeOver(renderCluster({ ...small, pgbouncerServerConnection: "socket" }));
        expect(await asked()).toBe("f|\n");
        expect(await held).toMatchObject({ status: 0, stdout: "41\n42\n", stderr: "" });
        expect((await connect(PGBOUNCER, "app", "wrong", "app", how)).stderr).toMatch(
            /password authentication failed|SASL authentication failed/,
        );
        await takeOver(cluster);
        expect(await asked()).toBe("t|127.0.0.1\n");
    });

    it("answers the load balancer's question, and writes no line about it", async () => {
        const haproxy = fileOf(machineOf(cluster, "loadBalancer"), "/etc/haproxy/haproxy.cfg").content;
        const [, question] = /send-binary ([0-9a-f]+)/.exec(haproxy)!;
        const [, answer] = /expect binary ([0-9a-f]+)/.exec(haproxy)!;
        const before = (await scratch.run("cat", ["/tmp/pgbouncer.log"])).stdout;
        const bytes = question!.replaceAll(/../g, "\\x$&");
        const answered = await scratch.bash(
            `exec 3<>/dev/tcp/127.0.0.1/${PGBOUNCER}; printf '${bytes}' >&3; head -c${answer!.length / 2} <&3 | od -An -tx1`,
        );
        expect(answered.stdout.replaceAll(/\s/g, "")).toBe(answer);
        expect((await scratch.run("cat", ["/tmp/pgbouncer.log"])).stdout).toBe(before);
    });
});

describe("create-database-objects", () => {
    it("begins again when the leader goes away in the middle", async () => {
        const goesAwayOnce = String.raw`
            SELECT to_regclass('interrupted') IS NULL AS first \gset
            CREATE TABLE IF NOT EXISTS interrupted ();
            \if :first
            SELECT pg_terminate_backend(pg_backend_pid());
            \endif
            CREATE TABLE afterwards ();
        `;
        const result = await scratch.bash(createDatabaseObjectsCommand(30), { input: goesAwayOnce });
        expect(result.status, result.output).toBe(0);
        expect(await asSuperuser("SELECT count(*) FROM pg_class WHERE relname IN ('interrupted', 'afterwards')")).toBe(
            "2",
        );
        await asSuperuser("DROP TABLE interrupted, afterwards");
    });

    it("does not repeat a statement that is wrong, and shows what psql said", async () => {
        const result = await scratch.bash(createDatabaseObjectsCommand(30), {
            input: "SELECT 1/0;\nCREATE TABLE never ();",
        });
        expect(result.status).toBe(1);
        expect(result.stderr).toContain("the roles and databases could not be made, psql ended with 3:");
        expect(result.stderr).toContain("division by zero");
        expect(await asSuperuser("SELECT to_regclass('never') IS NULL")).toBe("t");
    });

    it("says that there is no leader, with the last error", async () => {
        const nobody = new ScratchMachine();
        try {
            writeUserDataFiles(nobody, parse(machine.userData).write_files);
            nobody.stub("/usr/local/bin/sudo", 'exec "$@"');
            const result = await nobody.bash(createDatabaseObjectsCommand(1), { input: "SELECT 1;" });
            expect(result.status).toBe(1);
            expect(result.stderr).toMatch(
                /no leader to connect to within 1 s:\n[\s\S]*Network is unreachable|connection/,
            );
        } finally {
            await nobody.remove();
        }
    });
});

describe("quoting", () => {
    it("keeps names and texts whole", () => {
        expect(identifier('a"b')).toBe('"a""b"');
        expect(literal("it's")).toBe("'it''s'");
    });
});
