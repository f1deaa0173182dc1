import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import * as yandex from "@pulumi/yandex";

import type { MachineConfiguration } from "../cloud-init/machine/configuration.ts";
import { renderBundle, renderUserData } from "../cloud-init/machine/user-data.ts";
import type { DiskSettings, MachineSettings } from "../settings/index.ts";
import type { Node } from "../cluster/address-plan.ts";
import type { Role } from "../cluster/flows.ts";
import type { Network } from "./network.ts";
import { revision } from "./revision.ts";
import type { SshTarget } from "./ssh.ts";

/** What all machines of the cluster have in common. */
export interface MachineDefaults {
    readonly imageId: pulumi.Input<string>;
    readonly platformId: string;
    readonly network: Network;
    /** Administrator's account on every machine. */
    readonly adminUser: string;
    /** OpenSSH public keys of the people who administer the cluster. */
    readonly adminKeys: readonly string[];
    /** The key pair that the program's own Commands use. */
    readonly deployKey: tls.PrivateKey;
    readonly timeZone: string;
    /** How long a machine, and then the cluster, may take to become ready. */
    readonly readyTimeoutSeconds: number;
    readonly labels: Readonly<Record<string, string>>;
}

export interface MachineArgs {
    readonly defaults: MachineDefaults;
    readonly node: Node;
    readonly role: Role;
    readonly settings: MachineSettings;
    /** What runs on the machine. Secrets in it do not reach the user-data. */
    readonly configuration: pulumi.Input<MachineConfiguration>;
    /** A reserved public address. @default no public address at all */
    readonly publicAddress?: pulumi.Input<string>;
    /** A second disk that outlives the machine. @default none */
    readonly dataDisk?: DiskSettings;
    /** @default none */
    readonly placementGroupId?: pulumi.Input<string>;
    /** Refuse to delete or replace the machine and its data disk. @default false */
    readonly protect?: boolean;
}

/** One virtual machine: the only place where the program makes one. */
export class Machine extends pulumi.ComponentResource {
    readonly node: Node;
    readonly instance: yandex.ComputeInstance;
    /** Private address as the cloud reports it: depends on the machine, unlike the plan's. */
    readonly address: pulumi.Output<string>;
    /** The host key in OpenSSH's public format. */
    readonly hostKey: pulumi.Output<string>;
    /** How the program's Commands log in. */
    readonly ssh: SshTarget;
    readonly configuration: pulumi.Output<MachineConfiguration>;
    /** Of the machine's size and configuration, see revision.ts. */
    readonly revision: pulumi.Output<string>;
    readonly readyTimeoutSeconds: number;

    constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:Machine", name, {}, opts);
        const { defaults, node, settings } = args;
        const labels = { ...defaults.labels, role: labelOf(args.role) };

        const hostKey = new tls.PrivateKey(`${name}-host-key`, { algorithm: "ED25519" }, { parent: this });
        this.configuration = pulumi.output(args.configuration);
        const userData = pulumi
            .all([
                this.configuration,
                hostKey.privateKeyOpenssh,
                hostKey.publicKeyOpenssh,
                defaults.deployKey.publicKeyOpenssh,
            ])
            .apply(([configuration, hostPrivateKey, hostPublicKey, deployKey]) =>
                renderUserData(
                    {
                        hostname: node.hostname,
                        fqdn: node.fqdn,
                        adminUser: defaults.adminUser,
                        authorizedKeys: [...defaults.adminKeys, deployKey.trim()],
                        hostKey: { privateKeyOpenssh: hostPrivateKey, publicKeyOpenssh: hostPublicKey.trim() },
                        timeZone: defaults.timeZone,
                    },
                    configuration,
                ),
            );
        const dataDisk = args.dataDisk && this.dataDisk(`${name}-data`, args, args.dataDisk, labels);

        const instance = new yandex.ComputeInstance(
            name,
            {
                name: node.hostname,
                hostname: node.hostname,
                zone: node.zone,
                platformId: defaults.platformId,
                labels,
                resources: { cores: settings.cores, memory: settings.memoryGib, coreFraction: settings.coreFraction },
                bootDisk: {
                    autoDelete: true,
                    initializeParams: {
                        imageId: defaults.imageId,
                        size: settings.bootDisk.sizeGib,
                        type: settings.bootDisk.type,
                    },
                },
                secondaryDisks: dataDisk ? [{ diskId: dataDisk.id, deviceName: DATA_DEVICE, autoDelete: false }] : [],
                networkInterfaces: [
                    {
                        subnetId: defaults.network.subnetId(node.zone),
                        ipAddress: node.address,
                        securityGroupIds: [defaults.network.securityGroupId(args.role)],
                        nat: args.publicAddress !== undefined,
                        ...(args.publicAddress === undefined ? {} : { natIpAddress: args.publicAddress }),
                    },
                ],
                ...(args.placementGroupId === undefined
                    ? {}
                    : { placementPolicy: { placementGroupId: args.placementGroupId } }),
                metadata: { "user-data": userData },
                // Nothing on the machines asks the metadata service for tokens of a service account.
                metadataOptions: {
                    gceHttpToken: METADATA_OFF,
                    awsV1HttpToken: METADATA_OFF,
                    awsV2HttpToken: METADATA_OFF,
                },
                allowStoppingForUpdate: true,
            },
            {
                parent: this,
                protect: args.protect ?? false,
                // A fixed address and name cannot exist twice.
                deleteBeforeReplace: true,
                // Holds the SSH host key.
                additionalSecretOutputs: ["metadata"],
                ignoreChanges: [
                    // Another image, size or type is for new machines: it would replace running ones, all at once.
                    "bootDisk",
                    // A group that comes with further nodes would stop the running ones, several at once.
                    "placementPolicy",
                ],
            },
        );

        warnOfOtherBootDisk(instance, node, settings.bootDisk);

        this.node = node;
        this.revision = revision(
            name,
            {
                size: pulumi.output(
                    JSON.stringify({ platformId: defaults.platformId, ...settings, dataDisk: args.dataDisk }),
                ),
                configuration: this.configuration.apply(renderBundle),
            },
            { parent: this },
        );
        this.readyTimeoutSeconds = defaults.readyTimeoutSeconds;
        this.instance = instance;
        this.address = instance.networkInterfaces.apply(([first]) => first!.ipAddress);
        this.hostKey = hostKey.publicKeyOpenssh.apply((key) => key.trim());
        this.ssh = {
            host: args.publicAddress ?? this.address,
            user: defaults.adminUser,
            privateKey: defaults.deployKey.privateKeyOpenssh,
            hostKey: this.hostKey,
        };
        this.registerOutputs({ instanceId: instance.id, address: this.address, hostKey: this.hostKey });
    }

    private dataDisk(name: string, { node, protect }: MachineArgs, disk: DiskSettings, labels: Record<string, string>) {
        return new yandex.ComputeDisk(
            name,
            { name: `${node.hostname}-${DATA_DEVICE}`, zone: node.zone, type: disk.type, size: disk.sizeGib, labels },
            { parent: this, protect: protect ?? false },
        );
    }
}

/** Says which machines keep another boot disk than the configured one. */
function warnOfOtherBootDisk({ bootDisk }: yandex.ComputeInstance, { hostname }: Node, wanted: DiskSettings): void {
    bootDisk.apply(({ initializeParams: found }) => {
        if (found?.size === undefined || (found.size === wanted.sizeGib && found.type === wanted.type)) return;
        void pulumi.log.warn(
            `${hostname} keeps its boot disk of ${found.size} GiB, ${found.type}: the configured ${wanted.sizeGib} GiB, ${wanted.type}, is for new machines. ` +
                'How to make a machine anew: docs/operations.md, "Replace a machine".',
        );
    });
}

/** The disk's device name: cloud-init finds it as /dev/disk/by-id/virtio-data. */
const DATA_DEVICE = "data";
/** The cloud's MetadataOption: 1 is enabled, 2 is disabled. */
const METADATA_OFF = 2;

/** A label's value has no capitals. */
function labelOf(role: Role): string {
    return { jumpHost: "jump-host", database: "database", loadBalancer: "load-balancer" }[role];
}
