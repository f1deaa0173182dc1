import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

export interface CredentialsArgs {
    /** Names of the application's users. */
    readonly users: readonly string[];
}

/** Letters and digits only: the password stands in URIs, pgpass files and PgBouncer's list without quoting; 190 bits. */
const PASSWORD = { length: 32, special: false } as const;

/** Every password of the cluster, generated once and secret. */
export class Credentials extends pulumi.ComponentResource {
    readonly superuser: pulumi.Output<string>;
    readonly replication: pulumi.Output<string>;
    readonly rewind: pulumi.Output<string>;
    readonly poolerLookup: pulumi.Output<string>;
    readonly healthCheck: pulumi.Output<string>;
    /** By user's name. */
    readonly users: Readonly<Record<string, pulumi.Output<string>>>;

    constructor(name: string, args: CredentialsArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:Credentials", name, {}, opts);
        const password = (suffix: string) =>
            new random.RandomPassword(`${name}-${suffix}`, PASSWORD, { parent: this }).result;
        this.superuser = password("superuser");
        this.replication = password("replication");
        this.rewind = password("rewind");
        this.poolerLookup = password("pooler-lookup");
        this.healthCheck = password("health-check");
        this.users = Object.fromEntries(args.users.map((user) => [user, password(`user-${user}`)]));
        this.registerOutputs({});
    }
}
