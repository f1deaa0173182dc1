import "./components/runtime.ts";

import * as tls from "@pulumi/tls";

import { addressPlan } from "./cluster/address-plan.ts";
import { CertificateAuthority } from "./components/certificate-authority.ts";
import { ClusterCheck } from "./components/cluster-check.ts";
import { Credentials } from "./components/credentials.ts";
import { DatabaseCluster } from "./components/database-cluster.ts";
import { requireRoom } from "./components/existing-network.ts";
import { refuseChangesOfFixedSettings } from "./components/fixed-settings.ts";
import { pinnedImage } from "./components/image.ts";
import { JumpHost } from "./components/jump-host.ts";
import { LoadBalancer } from "./components/load-balancer.ts";
import { announceChanges } from "./components/manifest.ts";
import { Network } from "./components/network.ts";
import { clusterOutputs } from "./components/outputs.ts";
import { Renewal } from "./components/renewal.ts";
import { resizing } from "./components/resizing.ts";
import { Rolling } from "./components/rolling.ts";
import { readSettings } from "./settings/index.ts";

const settings = readSettings();
const { clusterName } = settings;
const labels = { ...settings.labels, cluster: clusterName };
const plan = addressPlan(settings);
await refuseChangesOfFixedSettings(settings, plan);
await requireRoom(settings, plan);
const image = pinnedImage(settings.image); // asked for first, so that nothing waits for long

const network = new Network(clusterName, { plan, labels, ...settings.network });
const authority = new CertificateAuthority(`${clusterName}-ca`, { clusterName });
const credentials = new Credentials(`${clusterName}-credentials`, {
    users: settings.postgresql.users.map(({ name }) => name),
});
const deployKey = new tls.PrivateKey(`${clusterName}-deploy`, { algorithm: "ED25519" });
const rolling = new Rolling({ settings, plan, deployKey });

const context = {
    settings,
    plan,
    network,
    deployKey,
    labels,
    imageId: await image,
    announceChanges: announceChanges(),
    rolling,
    resizing: resizing(rolling),
    renewal: new Renewal(rolling),
};
const jumpHost = new JumpHost(`${clusterName}-jump`, { context, authority });
const cluster = new DatabaseCluster(`${clusterName}-db`, { context, authority, credentials, jumpHost });
const loadBalancer = new LoadBalancer(`${clusterName}-lb`, { context, authority, jumpHost });
const check = new ClusterCheck(`${clusterName}-check`, { context, cluster, loadBalancer, jumpHost, credentials });

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
    networkId,
    subnetIds,
    applicationRules,
} = clusterOutputs({ context, authority, credentials, jumpHost, cluster, loadBalancer, check });
