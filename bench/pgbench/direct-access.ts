/**
 * Access that the product refuses and the comparison needs: connections straight to PostgreSQL, and connections without
 * TLS. It is opened on the running machines for one client's address, and closed again.
 */
import { ports } from "../../cluster/names.ts";
import { localEndpoint } from "../../cloud-init/services/postgresql.ts";
import { cloudNamespace } from "../../testbed/machines/names.ts";
import { inNamespace } from "../../testbed/machines/namespaces.ts";
import { onMachine } from "../../local/machines.ts";
import { site } from "../../local/this-testbed.ts";
import { superuserSql } from "../../local/machines.ts";

const postgresqlRules = "/var/lib/pgsql/17/data/pg_hba.conf";
const pgbouncerRules = "/etc/pgbouncer/hba.conf";
const pgbouncerConfiguration = "/etc/pgbouncer/pgbouncer.ini";
const mark = "# npm run bench -- pgbench";

/** PgBouncer's name for a database that it reaches over PostgreSQL's socket. */
export const overSocket = (database: string): string => `${database}_over_socket`;

/** Admits an address while `work` runs. @param leader the leader, which must not change meanwhile */
export async function withDirectAccess<T>(
    leader: string,
    address: string,
    database: string,
    work: () => Promise<T>,
): Promise<T> {
    const cloud = cloudNamespace(site);
    const accept = ["ip", "saddr", address, "tcp", "dport", `${ports.postgresql}`, "accept"];
    try {
        await inNamespace(cloud, "nft", ["insert", "rule", "inet", "vpc", "forward", ...accept]);
        await onMachine(leader, "nft", "insert", "rule", "inet", "postgres_ha", "input", ...accept);
        await onMachine(
            leader,
            "bash",
            "-c",
            `echo 'host ${database} all ${address}/32 scram-sha-256 ${mark}' >>${postgresqlRules}`,
        );
        // The load balancer connects from its own address.
        await onMachine(
            leader,
            "bash",
            "-c",
            `echo 'host ${database},${overSocket(database)} all all scram-sha-256 ${mark}' >>${pgbouncerRules}`,
        );
        const entry = `${overSocket(database)} = host=${localEndpoint.socketDirectory} port=${localEndpoint.port} dbname=${database}`;
        await edit(
            leader,
            pgbouncerConfiguration,
            `/^\\[databases\\]$/a ${entry}`,
            "s/^client_tls_sslmode = require$/client_tls_sslmode = allow/",
        );
        await reload(leader);
        return await work();
    } finally {
        await removeRule(cloud, address);
        await onMachine(leader, "systemctl", "reload", "nftables.service");
        await onMachine(leader, "sed", "-i", `/${mark.replaceAll("/", "\\/")}/d`, postgresqlRules, pgbouncerRules);
        await edit(
            leader,
            pgbouncerConfiguration,
            `/^${overSocket(database)} = /d`,
            "s/^client_tls_sslmode = allow$/client_tls_sslmode = require/",
        );
        await reload(leader);
    }
}

/** Runs sed's expressions on a file, in place. */
async function edit(name: string, file: string, ...expressions: readonly string[]): Promise<void> {
    await onMachine(name, "sed", "-i", ...expressions.flatMap((expression) => ["-e", expression]), file);
}

async function reload(leader: string): Promise<void> {
    await superuserSql(leader, "SELECT pg_reload_conf()");
    await onMachine(leader, "systemctl", "reload", "pgbouncer.service");
}

/** Removes the rule, unless the cloud has rewritten its rules meanwhile. */
async function removeRule(cloud: string, address: string): Promise<void> {
    const { nftables } = JSON.parse(
        await inNamespace(cloud, "nft", ["--json", "--handle", "list", "chain", "inet", "vpc", "forward"]),
    ) as {
        nftables: { rule?: { handle: number; expr: unknown } }[];
    };
    const own = nftables.filter(({ rule }) => rule !== undefined && JSON.stringify(rule.expr).includes(`"${address}"`));
    for (const { rule } of own)
        await inNamespace(cloud, "nft", ["delete", "rule", "inet", "vpc", "forward", "handle", `${rule!.handle}`]);
}
