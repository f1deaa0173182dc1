import type { RpmPackage } from "../rpm/package.ts";

export const pgbouncerPackages: readonly RpmPackage[] = [
    {
        name: "pgbouncer",
        repository: "pgdg-common",
        summary: "Lightweight connection pooler for PostgreSQL",
        debian: { packages: ["pgbouncer"], take: [/^\/usr\/sbin\/pgbouncer$/], move: [["/usr/sbin/", "/usr/bin/"]] },
        user: { name: "pgbouncer", home: "/home/pgbouncer", shell: "/bin/bash" },
        units: ["pgbouncer.service"],
        folders: { "/etc/pgbouncer": {} },
        attributes: { "/etc/pgbouncer/pgbouncer.ini": { owner: "pgbouncer", group: "pgbouncer", mode: "0644" } },
        requires: ["python3-psycopg2"],
        afterInstall: "[ -d /var/log/pgbouncer ] || install -d -m 0700 -o pgbouncer -g pgbouncer /var/log/pgbouncer",
    },
];
