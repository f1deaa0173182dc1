import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

import { addressPlan } from "./components/address-plan";
import { CertificateAuthority } from "./components/certificate-authority";
import { ClusterCheck } from "./components/cluster-check";
import { Credentials } from "./components/credentials";
import { DatabaseCluster } from "./components/database-cluster";
import { pinnedImage } from "./components/image";
import { JumpHost } from "./components/jump-host";
import { LoadBalancer } from "./components/load-balancer";
import { databaseNodeInputs, jumpHostInputs, loadBalancerInputs } from "./components/machine-inputs";
import { Network } from "./components/network";
import { clusterOutputs } from "./components/outputs";
import { readSettings } from "./settings";

const settings = readSettings();
const { clusterName } = settings;
const labels = { ...settings.labels, cluster: clusterName };
const plan = addressPlan(settings);

const network = new Network(clusterName, { plan, labels, ...settings.network });
const authority = new CertificateAuthority(`${clusterName}-ca`, { clusterName });
const credentials = new Credentials(`${clusterName}-credentials`, { users: settings.postgresql.users.map(({ name }) => name) });
const deployKey = new tls.PrivateKey(`${clusterName}-deploy`, { algorithm: "ED25519" });

const defaults = {
    imageId: pinnedImage(settings.image),
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
    settings: settings.jumpHost,
    inputs: sources.apply(jumpHostInputs),
});
const cluster = new DatabaseCluster(`${clusterName}-db`, {
    defaults,
    plan,
    settings: settings.database,
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
    settings: settings.loadBalancer,
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
