import * as pulumi from "@pulumi/pulumi";

import { checkClusterCommand, checkClusterInput } from "../cloud-init/roles/database-node.ts";
import { remoteCommand } from "./commands.ts";
import type { Credentials } from "./credentials.ts";
import type { DatabaseCluster } from "./database-cluster.ts";
import type { JumpHost } from "./jump-host.ts";
import type { LoadBalancer } from "./load-balancer.ts";
import type { ClusterContext } from "./machine.ts";

export interface ClusterCheckArgs {
    readonly context: ClusterContext;
    readonly cluster: DatabaseCluster;
    readonly loadBalancer: LoadBalancer;
    readonly jumpHost: JumpHost;
    readonly credentials: Credentials;
}

/** How check-cluster begins a line about what keeps the cluster from nothing today. */
const WARNING = "WARNING: ";

/**
 * Asserts every promise of the cluster on the running machines, again whenever something was sent to one of them, or
 * should have been. What it gates is not published before it succeeded.
 */
export class ClusterCheck extends pulumi.ComponentResource {
    private readonly verdict: pulumi.Output<string>;

    constructor(name: string, args: ClusterCheckArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:ClusterCheck", name, {}, opts);
        const { context, cluster, loadBalancer, jumpHost, credentials } = args;
        const { users, databases } = context.settings.postgresql;
        const { readyTimeoutSeconds } = jumpHost.machine;
        const machines = [jumpHost.machine, ...cluster.machines, ...loadBalancer.machines];
        const joined =
            loadBalancer.networkLoadBalancer === undefined ? [] : [loadBalancer.networkLoadBalancer.balancer];
        const check = remoteCommand(
            name,
            {
                machine: jumpHost.machine,
                target: cluster.anyNode,
                jumpHost: jumpHost.ssh,
                create: checkClusterCommand(readyTimeoutSeconds),
                stdin: pulumi.secret(
                    credentials.healthCheck.apply((password) => checkClusterInput(password, users, databases)),
                ),
                revisions: [...machines.map((machine) => machine.revision), cluster.objectsRevision],
                triggers: [...machines.map(({ instance }) => instance.id), ...joined.map(({ id }) => id)],
                deadlineSeconds: readyTimeoutSeconds,
            },
            { parent: this, dependsOn: [...cluster.ready, ...loadBalancer.configured, ...joined, jumpHost.configured] },
        );
        this.verdict = check.stdout;
        // Every `up` repeats the warnings of the last check.
        check.stdout.apply((said) =>
            said
                .split("\n")
                .filter((line) => line.startsWith(WARNING))
                .forEach((line) => void pulumi.log.warn(line.slice(WARNING.length), this)),
        );
        this.registerOutputs({});
    }

    /** The value, once the cluster has been seen to work. */
    gate<T>(value: pulumi.Input<T>): pulumi.Output<T> {
        return pulumi.all([this.verdict, value]).apply(([, checked]) => checked) as pulumi.Output<T>;
    }
}
