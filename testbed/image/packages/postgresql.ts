import type { RpmPackage } from "../rpm/package.ts";

const HOME = "/usr/pgsql-17";
/** PGDG's layout. Debian's compiled-in paths lead there through the links of postgresql17-libs. */
const MOVE = [
    ["/usr/lib/postgresql/17/", `${HOME}/`],
    ["/usr/share/postgresql/17/", `${HOME}/share/`],
] as const;
const JIT = [/\/llvmjit/, /\/bitcode\//];
const CONTRIB_PROGRAMS = /^\/usr\/lib\/postgresql\/17\/bin\/(oid2name|vacuumlo|pg_amcheck)$/;
/** Libraries without which the server does not run: its own language, encodings, replication. */
const SERVER_LIBRARIES =
    /^\/usr\/lib\/postgresql\/17\/lib\/(plpgsql|dict_snowball|libpqwalreceiver|pgoutput|(?!dict_)[a-z0-9_]+_and_[a-z0-9_]+)\.so$/;
const PLPGSQL = /^\/usr\/share\/postgresql\/17\/extension\/plpgsql/;
/** Programs that PGDG offers on everyone's PATH through alternatives. */
const CLIENT_PROGRAMS = [
    "psql",
    "clusterdb",
    "createdb",
    "createuser",
    "dropdb",
    "dropuser",
    "pg_basebackup",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "reindexdb",
    "vacuumdb",
];

const postgresOnly = { mode: "0700", owner: "postgres", group: "postgres" };

export const postgresqlPackages: readonly RpmPackage[] = [
    {
        name: "postgresql17-libs",
        repository: "pgdg17",
        summary: "The shared libraries required for any PostgreSQL clients (libpq itself is the root's)",
        debian: { packages: ["postgresql-client-17"], take: [] },
        links: { "/usr/lib/postgresql/17": HOME, "/usr/share/postgresql/17": `${HOME}/share` },
    },
    {
        name: "postgresql17",
        repository: "pgdg17",
        summary: "PostgreSQL client programs and libraries",
        debian: {
            packages: ["postgresql-client-17"],
            take: [/^\/usr\/lib\/postgresql\/17\/bin\//, /^\/usr\/share\/postgresql\/17\//],
            leave: [CONTRIB_PROGRAMS, /\/man\//],
            move: MOVE,
        },
        requires: ["postgresql17-libs = {version}"],
        provides: ["postgresql = {version}"],
        afterInstall: `for program in ${CLIENT_PROGRAMS.join(" ")}; do
  update-alternatives --install /usr/bin/$program pgsql-$program ${HOME}/bin/$program 1700 >/dev/null
done`,
        beforeRemoval: `for program in ${CLIENT_PROGRAMS.join(" ")}; do
  update-alternatives --remove pgsql-$program ${HOME}/bin/$program >/dev/null || :
done`,
    },
    {
        name: "postgresql17-server",
        repository: "pgdg17",
        summary: "The programs needed to create and run a PostgreSQL server (without JIT)",
        debian: {
            packages: ["postgresql-17"],
            take: [
                /^\/usr\/lib\/postgresql\/17\/bin\//,
                SERVER_LIBRARIES,
                /^\/usr\/share\/postgresql\/17\/(?!extension\/)/,
                PLPGSQL,
            ],
            leave: [CONTRIB_PROGRAMS, /\/man\//, ...JIT],
            move: MOVE,
        },
        user: { name: "postgres", id: 26, home: "/var/lib/pgsql", shell: "/bin/bash" },
        units: ["postgresql-17.service"],
        folders: {
            "/var/lib/pgsql": postgresOnly,
            "/var/lib/pgsql/17": postgresOnly,
            "/var/lib/pgsql/17/data": postgresOnly,
            "/var/lib/pgsql/17/backups": postgresOnly,
        },
        attributes: { "/var/lib/pgsql/.bash_profile": { ...postgresOnly, mode: "0644" } },
        requires: ["postgresql17 = {version}", "postgresql17-libs = {version}"],
        provides: ["postgresql-server = {version}"],
    },
    {
        name: "postgresql17-contrib",
        repository: "pgdg17",
        summary: "Contributed modules distributed with PostgreSQL",
        debian: {
            packages: ["postgresql-17", "postgresql-client-17"],
            take: [
                /^\/usr\/lib\/postgresql\/17\/lib\/.*\.so$/,
                /^\/usr\/share\/postgresql\/17\/extension\//,
                CONTRIB_PROGRAMS,
            ],
            leave: [SERVER_LIBRARIES, PLPGSQL, /\/(hstore|jsonb|ltree|bool)_?pl(perl|python)/, ...JIT],
            move: MOVE,
        },
        requires: ["postgresql17-server = {version}"],
    },
    {
        name: "pgbackrest",
        repository: "pgdg-common",
        summary: "Reliable PostgreSQL backup and restore",
        debian: { packages: ["pgbackrest"], take: [/^\/usr\/bin\/pgbackrest$/] },
        folders: {
            "/var/lib/pgbackrest": { mode: "0750", owner: "postgres", group: "postgres" },
            "/var/log/pgbackrest": { mode: "0700", owner: "postgres", group: "postgres" },
            "/var/spool/pgbackrest": { owner: "postgres", group: "postgres" },
        },
        attributes: { "/etc/pgbackrest.conf": { mode: "0644" } },
        user: { name: "postgres", id: 26, home: "/var/lib/pgsql", shell: "/bin/bash" },
    },
];
