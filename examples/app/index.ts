import { readFileSync } from "node:fs";

import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

/** What this application uses of the cluster's outputs. */
interface Connection {
    readonly user: string;
    readonly password: string;
    readonly database: string;
    readonly readWrite: string;
    readonly readOnly: string;
}

const config = new pulumi.Config();
const cluster = new pulumi.StackReference(config.require("clusterStack"));
const database = config.get("database") ?? "app";

const connection = cluster.requireOutput("connections").apply((connections: Connection[]) => {
    const found = connections.find((candidate) => candidate.database === database);
    if (found === undefined) {
        throw new Error(
            `the cluster has no user for database ${database}; it has ${connections.map(({ database: name }) => name).join(", ")}`,
        );
    }
    return found;
});

// The password travels on standard input: never in an argument, and encrypted in the state.
const stdin = pulumi.secret(pulumi.jsonStringify({ connection, ca: cluster.requireOutput("caCertificate") }));

const migration = new command.local.Command("migration", {
    create: "node migrate.js",
    stdin,
    triggers: [readFileSync(`${__dirname}/schema.sql`, "utf8")],
    addPreviousOutputInEnv: false,
});

const visits = new command.local.Command(
    "visits",
    { create: "node visit.js", stdin, addPreviousOutputInEnv: false },
    { dependsOn: [migration] },
);

export const visitCount = visits.stdout;
