import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

import { addressPlan } from "./cluster/address-plan.ts";
import { CertificateAuthority } from "./components/certificate-authority.ts";
import { ClusterCheck } from "./components/cluster-check.ts";
import { Credentials } from "./components/credentials.ts";
import { DatabaseCluster } from "./components/database-cluster.ts";
import { refuseChangesOfFixedSettings } from "./components/fixed-settings.ts";
import { pinnedImage } from "./components/image.ts";
import { JumpHost } from "./components/jump-host.ts";
import { LoadBalancer } from "./components/load-balancer.ts";
import { databaseNodeInputs, jumpHostInputs, loadBalancerInputs } from "./components/machine-inputs.ts";
import { Network } from "./components/network.ts";
import { clusterOutputs } from "./components/outputs.ts";
import { readSettings } from "./settings/index.ts";

// The SDK takes a stack trace for each promise. Pulumi's runner has source maps applied to all of them; here lines are
// right without, and an unchanged `up` ends half a second sooner.
Reflect.deleteProperty(Error, "prepareStackTrace");

const settings = readSettings();
const { clusterName } = settings;
const labels = { ...settings.labels, cluster: clusterName };
const plan = addressPlan(settings);
await refuseChangesOfFixedSettings(settings, plan);
const image = pinnedImage(settings.image); // asked for first, so that nothing waits for long

const network = new Network(clusterName, { plan, labels, ...settings.network });
const authority = new CertificateAuthority(`${clusterName}-ca`, { clusterName });
const credentials = new Credentials(`${clusterName}-credentials`, {
    users: settings.postgresql.users.map(({ name }) => name),
});
const deployKey = new tls.PrivateKey(`${clusterName}-deploy`, { algorithm: "ED25519" });

const defaults = {
    imageId: await image,
    platformId: settings.platformId,
    network,
    adminUser: settings.ssh.user,
    adminKeys: settings.ssh.publicKeys,
    deployKey,
    timeZone: settings.operatingSystem.timeZone,
    readyTimeoutSeconds: settings.readyTimeoutMinutes * 60,
    labels,
};
const sources = pulumi.output(authority.certificatePem).apply((caPem) => ({ settings, plan, caPem }));

const jumpHost = new JumpHost(`${clusterName}-jump`, {
    defaults,
    node: plan.jumpHost,
    settings: settings.machines.jumpHost,
    inputs: sources.apply(jumpHostInputs),
});
const cluster = new DatabaseCluster(`${clusterName}-db`, {
    defaults,
    plan,
    settings: settings.machines.database,
    dataDisk: settings.dataDisk,
    postgresql: settings.postgresql,
    inputs: sources.apply(databaseNodeInputs),
    authority,
    credentials,
    jumpHost,
    protect: settings.deletionProtection,
});
const loadBalancer = new LoadBalancer(`${clusterName}-lb`, {
    defaults,
    nodes: plan.loadBalancers,
    networkLoadBalancer: plan.networkLoadBalancer,
    settings: settings.machines.loadBalancer,
    inputs: sources.apply(loadBalancerInputs),
    authority,
    jumpHost,
});
const check = new ClusterCheck(`${clusterName}-check`, { defaults, cluster, loadBalancer, jumpHost, credentials });

export const {
    leaderEndpoint,
    replicaEndpoint,
    statisticsUrl,
    connections,
    caCertificate,
    sshConfig,
    sshKnownHosts,
    jumpHostAddress,
    nodes,
} = clusterOutputs({ settings, plan, authority, credentials, jumpHost, cluster, loadBalancer, check });
