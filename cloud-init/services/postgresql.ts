import type { PostgresqlParameters } from "../../settings/postgresql/sizing.ts";
import { nodeTls, ports, sqlRoles, type Peer } from "../../cluster/names.ts";
import type { MachineFile, ServicePart } from "../machine/configuration.ts";
import { unit } from "../machine/user-data.ts";

export interface PostgresqlInputs {
    /** Major version, for example 17. */
    readonly version: number;
    /** Huge pages of 2 MiB to reserve; 0 reserves none. */
    readonly hugePages: number;
}

/** Where the data disk is mounted: the home of the postgres account in PGDG's packages. */
export const dataMountPoint = "/var/lib/pgsql";

/** Directory of the database cluster. */
export const dataDirectory = (version: number) => `${dataMountPoint}/${version}/data`;

/** Where PGDG's packages put the programs of a major version. */
export const binDirectory = (version: number) => `/usr/pgsql-${version}/bin`;

/** PGDG's account, with its fixed id. */
export const postgresUser = { name: "postgres", uid: 26 } as const;

/** The server's packages and what the operating system should give it. Patroni runs it. */
export function postgresql(inputs: PostgresqlInputs): ServicePart {
    const prefix = `postgresql${inputs.version}`;
    return {
        packages: [prefix, `${prefix}-server`, `${prefix}-contrib`],
        dataDisks: [{ deviceName: "data", mountPoint: dataMountPoint, label: "pgdata" }],
        units: ["transparent-huge-pages.service"],
        files: [kernelParameters(inputs.hugePages), transparentHugePages()],
    };
}

/**
 * Who may connect to PostgreSQL itself. Applications come through PgBouncer on the same node, so
 * from the network only members are let in, and always over TLS with a password.
 */
export function hostBasedAuthentication(members: readonly Peer[]): string[] {
    const fromMembers = (database: string, user: string) =>
        members.map((member) => `hostssl ${database} ${user} ${member.address}/32 scram-sha-256`);
    const fromLoopback = (database: string, user: string) =>
        ["127.0.0.1/32", "::1/128"].map((address) => `hostssl ${database} ${user} ${address} scram-sha-256`);
    return [
        `local all ${sqlRoles.superuser} peer map=${ADMINISTRATORS}`,
        `local all all scram-sha-256`,
        `local replication ${sqlRoles.replication} scram-sha-256`,
        ...fromMembers("replication", sqlRoles.replication),
        // Patroni asks the leader over the loopback too before it decides about a rewind.
        ...fromLoopback("replication", sqlRoles.replication),
        ...fromMembers("all", sqlRoles.rewind),
        ...fromMembers("all", sqlRoles.superuser),
        ...fromLoopback("all", "all"),
    ];
}

/** Name of the map from operating system accounts to the superuser. */
export const ADMINISTRATORS = "administrators";

/** pg_ident.conf: accounts that may use sudo anyway, so that `psql` just works for them. */
export function administratorMap(adminUser: string): string[] {
    return [postgresUser.name, "root", adminUser].map(
        (account) => `${ADMINISTRATORS} ${account} ${sqlRoles.superuser}`,
    );
}

/** Parameters that belong to the node, not to the cluster: files and how it is reached. */
export function localParameters(): PostgresqlParameters {
    return {
        unix_socket_directories: localEndpoint.socketDirectory,
        ssl: true,
        ssl_ca_file: nodeTls.ca,
        ssl_cert_file: nodeTls.certificate,
        ssl_key_file: nodeTls.key,
        ssl_min_protocol_version: "TLSv1.2",
        password_encryption: "scram-sha-256",
        logging_collector: false,
        log_destination: "stderr",
    };
}

/**
 * Memory: PostgreSQL's manual (18.4.4, "Linux Memory Overcommit") asks for strict accounting, so that
 * a query fails instead of the server. Write-back starts early and in small portions, so that a
 * checkpoint does not meet gigabytes of dirty pages.
 */
function kernelParameters(hugePages: number): MachineFile {
    return {
        path: "/etc/sysctl.d/91-postgres-ha-postgresql.conf",
        content: [
            "vm.overcommit_memory = 2",
            "vm.overcommit_ratio = 90",
            "vm.swappiness = 1",
            `vm.dirty_background_bytes = ${64 * 1024 ** 2}`,
            `vm.dirty_bytes = ${256 * 1024 ** 2}`,
            `vm.nr_hugepages = ${hugePages}`,
            "kernel.numa_balancing = 0",
            "",
        ].join("\n"),
        onChange: ["systemctl restart systemd-sysctl || true"],
    };
}

function transparentHugePages(): MachineFile {
    const never = (name: string) =>
        `-/bin/sh -c 'echo never > /sys/kernel/mm/transparent_hugepage/${name} || echo "cannot set ${name}: not this machine'\\''s kernel"'`;
    return {
        path: "/etc/systemd/system/transparent-huge-pages.service",
        content: unit({
            Unit: { Description: "Turn transparent huge pages off", Before: "patroni.service" },
            Service: { Type: "oneshot", RemainAfterExit: "yes", ExecStart: [never("enabled"), never("defrag")] },
            Install: { WantedBy: "multi-user.target" },
        }),
        onChange: ["systemctl daemon-reload"],
    };
}

/**
 * PgBouncer and all other programs on the node reach PostgreSQL here: over the loopback, verified by the certificate's
 * 127.0.0.1, or over the socket, in a folder that only PostgreSQL's account may write to.
 */
export const localEndpoint = { host: "127.0.0.1", socketDirectory: "/run/postgresql", port: ports.postgresql } as const;
