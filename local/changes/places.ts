/** Places where the value in force is seen. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ports } from "../../cluster/names.ts";
import { roles, type Role } from "../../cluster/roles.ts";
import { listMachines } from "../../testbed/machines/records.ts";
import { onMachine } from "../machines.ts";
import { folder, site, stateFile } from "../this-testbed.ts";

type Texts = Readonly<Record<string, string>>;

/** The output of a shell's command on each machine of the roles. */
export function onEach(of: Role | readonly Role[], command: string): () => Promise<Texts> {
    const suffixes = [of].flat().map((role) => roles[role].suffix);
    const isOne = new RegExp(`-(${suffixes.join("|")})(-\\d+)?$`);
    return async () => {
        const names = listMachines(site)
            .map(({ spec }) => spec.hostname)
            .filter((name) => isOne.test(name));
        const texts = names.map(async (name) => [name, await onMachine(name, "bash", "-lc", command)] as const);
        return Object.fromEntries(await Promise.all(texts));
    };
}

/** The answer of each node's PostgreSQL. */
export const inPostgresql = (statement: string): (() => Promise<Texts>) =>
    onEach("database", `psql --no-psqlrc --tuples-only --no-align --command="${statement}"`);

/** A line of each PgBouncer's own configuration. */
export const inPgbouncer = (name: string): (() => Promise<Texts>) =>
    onEach(
        "database",
        `psql --no-psqlrc --tuples-only --no-align --port ${ports.pgbouncer} --command='SHOW CONFIG' pgbouncer | grep '^${name}|'`,
    );

/** Patroni's dynamic configuration, as each node has it. */
export const inPatroni = onEach("database", "patronictl show-config");

/** Resources that the cloud has, in JSON. @param name which of the table's; the others are left out */
export function inCloud(table: string, name: RegExp): () => Promise<Texts> {
    return async () => {
        const { tables } = JSON.parse(readFileSync(join(folder, "cloud.json"), "utf8")) as {
            tables: Record<string, { name: string }[]>;
        };
        const found = tables[table]!.filter((row) => name.test(row.name));
        return Object.fromEntries(found.map((row) => [row.name, JSON.stringify(row)]));
    };
}

/** Resources of the stack's state, in JSON. @param urn a pattern for their URNs */
export function inState(urn: RegExp): () => Promise<Texts> {
    return async () => {
        const { checkpoint } = JSON.parse(readFileSync(stateFile, "utf8")) as {
            checkpoint: { latest: { resources: { urn: string }[] } };
        };
        const found = checkpoint.latest.resources.filter((resource) => urn.test(resource.urn));
        return Object.fromEntries(
            found.map((resource) => [resource.urn.replace(/^.*::/, ""), JSON.stringify(resource)]),
        );
    };
}
