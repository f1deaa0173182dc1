import type { RpmPackage } from "../rpm/package.ts";

/**
 * PGDG builds Patroni for EL9 with Python 3.12, and its spec (4.1.5, 2026) requires these names. The guest runs Debian's
 * Python, so the modules go to Debian's folder, and "python3.12" itself is a name without an interpreter.
 */
const PYTHON = "python3.12";

export const patroniPackages: readonly RpmPackage[] = [
    {
        name: "patroni",
        repository: "pgdg-common",
        summary: "A template for PostgreSQL high availability",
        architecture: "noarch",
        debian: {
            packages: ["patroni"],
            take: [/^\/usr\/bin\/patroni(ctl|_barman|_raft_controller)?$/, /^\/usr\/lib\/python3\/dist-packages\//],
        },
        units: ["patroni.service"],
        requires: [
            PYTHON,
            "python3-ydiff >= 1.4.2",
            "python3-ydiff < 1.5",
            ...[
                "six",
                "dateutil",
                "systemd",
                "click",
                "cryptography",
                "prettytable",
                "psutil",
                "psycopg2",
                "pyyaml",
                "urllib3",
                "wcwidth",
            ].map((module) => `${PYTHON}-${module}`),
        ],
        // The real package makes these in its script too, so that no package owns them.
        afterInstall: "mkdir -p /var/log/patroni /etc/patroni/callbacks\ntouch /etc/patroni/callbacks/callbacks.sh",
    },
    {
        name: "patroni-etcd",
        repository: "pgdg-common",
        summary: "Related components to use patroni with etcd",
        architecture: "noarch",
        debian: { packages: ["patroni"], take: [] },
        requires: ["patroni = {version}", `${PYTHON}-etcd >= 0.4.3`, `${PYTHON}-dns`],
    },
];
