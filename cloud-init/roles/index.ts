/** What runs on the machines of each role. */
import type { Role } from "../../cluster/roles.ts";
import type { MachineConfiguration } from "../machine/configuration.ts";
import { databaseNode, type DatabaseNodeSecrets } from "./database-node.ts";
import { jumpHost } from "./jump-host.ts";
import { loadBalancer } from "./load-balancer.ts";
import type { MachineSource } from "./machine-source.ts";

/** Everything that is known later than the settings, of all roles together. */
export type LateValues = DatabaseNodeSecrets;

export const machineConfigurations: Readonly<
    Record<Role, (source: MachineSource, late: LateValues) => MachineConfiguration>
> = { jumpHost, database: databaseNode, loadBalancer };

/** Runs on a machine that was started again, and ends when another one may be stopped. A database node says that itself, later. */
export const isBackCommand: Readonly<Record<Role, string>> = {
    jumpHost: "true",
    database: "true",
    loadBalancer: "until systemctl is-active --quiet haproxy; do sleep 1; done",
};

/** Runs on a machine that is about to be deleted: its clients' connections end at once, and PostgreSQL stops in order. */
export const stopServingCommand: Readonly<Record<Role, string>> = {
    jumpHost: "true",
    database: "sudo systemctl stop patroni",
    loadBalancer: "sudo systemctl stop haproxy",
};
