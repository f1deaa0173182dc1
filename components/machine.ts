import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import * as yandex from "@pulumi/yandex";

import type { MachineConfiguration } from "../cloud-init/machine/configuration.ts";
import { configureCommand, renderBundle, renderUserData } from "../cloud-init/machine/user-data.ts";
import type { AddressPlan, Node } from "../cluster/address-plan.ts";
import { roles, type Role } from "../cluster/roles.ts";
import type { DiskSettings, MachineSettings, Settings } from "../settings/index.ts";
import { CHANGE_SECONDS } from "./limits.ts";
import type { Network } from "./network.ts";
import type { Renewal } from "./renewal.ts";
import { revision } from "./revision.ts";
import type { Rolling } from "./rolling.ts";
import type { SshTarget } from "./ssh.ts";

/** What every component that makes machines needs. */
export interface ClusterContext {
    readonly settings: Settings;
    readonly plan: AddressPlan;
    readonly network: Network;
    /** Image of new machines. */
    readonly imageId: string;
    /** The key pair that the program's own Commands use. */
    readonly deployKey: tls.PrivateKey;
    /** Has machines that must be away take turns. */
    readonly rolling: Rolling;
    /** The hooks of machines that change their size. */
    readonly resizing: pulumi.ResourceHookBinding;
    /** Makes machines anew, in turn. */
    readonly renewal: Renewal;
    /** Prints what changes on a machine, see manifest.ts. */
    readonly announceChanges: pulumi.ResourceHook;
    readonly labels: Readonly<Record<string, string>>;
}

export interface MachineArgs {
    readonly context: ClusterContext;
    readonly node: Node;
    readonly role: Role;
    /** What runs on the machine. Secrets in it do not reach the user-data. */
    readonly configuration: pulumi.Output<MachineConfiguration>;
    /** A reserved public address. @default no public address at all */
    readonly publicAddress?: pulumi.Input<string>;
    /** A second disk that outlives the machine. @default none */
    readonly dataDisk?: DiskSettings;
    /** @default none */
    readonly placementGroupId?: pulumi.Input<string> | undefined;
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
    /** What the Command that configures the machine sends to it. */
    readonly bundle: pulumi.Output<string>;
    /** Takes the bundle; the same command makes every later change of the configuration. */
    readonly configureCommand: pulumi.Output<string>;
    /** Of the machine's size and configuration, see revision.ts. */
    readonly revision: pulumi.Output<string>;
    /** How long the machine, and then the cluster, may take to become ready. */
    readonly readyTimeoutSeconds: number;
    readonly announceChanges: pulumi.ResourceHook;

    constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
        super("postgres-ha:index:Machine", name, {}, opts);
        const { settings, deployKey } = args.context;

        const hostKey = new tls.PrivateKey(`${name}-host-key`, { algorithm: "ED25519" }, { parent: this });
        const dataDisk = args.dataDisk && this.dataDisk(`${name}-data`, args, args.dataDisk);
        this.readyTimeoutSeconds = settings.readyTimeoutMinutes * 60;
        this.node = args.node;
        this.configuration = args.configuration;
        this.bundle = pulumi.secret(args.configuration.apply(renderBundle));
        this.announceChanges = args.context.announceChanges;
        this.hostKey = hostKey.publicKeyOpenssh.apply((key) => key.trim());
        this.configureCommand = args.configuration.apply((configuration) =>
            configureCommand(configuration, CHANGE_SECONDS, this.readyTimeoutSeconds),
        );
        args.context.rolling.add({
            node: args.node,
            role: args.role,
            hostKey: this.hostKey,
            publicAddress: args.publicAddress,
            configure: { command: this.configureCommand, bundle: this.bundle },
        });
        this.revision = this.drawRevision(name, args);
        this.instance = this.makeInstance(name, args, userData(args, hostKey), dataDisk);
        args.context.renewal.made(name, this.instance);
        warnOfOtherBootDisk(this.instance, args.node, settings.machines[args.role].bootDisk);

        this.address = this.instance.networkInterfaces.apply(([first]) => first!.ipAddress);
        this.ssh = {
            host: args.publicAddress ?? this.address,
            user: settings.ssh.user,
            privateKey: deployKey.privateKeyOpenssh,
            hostKey: this.hostKey,
        };
        this.registerOutputs({ instanceId: this.instance.id, address: this.address, hostKey: this.hostKey });
    }

    private makeInstance(
        name: string,
        args: MachineArgs,
        userData: pulumi.Output<string>,
        dataDisk: yandex.ComputeDisk | undefined,
    ): yandex.ComputeInstance {
        const { context, node, role } = args;
        const { image, machines, platformId } = context.settings;
        const { cores, coreFraction, memoryGib, bootDisk } = machines[role];
        const { imageId } = context;
        const protect = args.protect ?? false;
        const anew = context.renewal.add(name, { madeOf: { image, bootDisk }, imageId, memoryGib, protect }, this);
        return new yandex.ComputeInstance(
            name,
            {
                name: node.hostname,
                hostname: node.hostname,
                zone: node.zone,
                platformId,
                labels: labelsOf(args),
                resources: { cores, memory: memoryGib, coreFraction },
                bootDisk: {
                    autoDelete: true,
                    initializeParams: { imageId, size: bootDisk.sizeGib, type: bootDisk.type },
                },
                secondaryDisks: dataDisk ? [{ diskId: dataDisk.id, deviceName: DATA_DEVICE, autoDelete: false }] : [],
                networkInterfaces: [
                    {
                        subnetId: context.network.subnetId(node.zone),
                        ipAddress: node.address,
                        securityGroupIds: [context.network.securityGroupId(role)],
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
                protect,
                // A fixed address and name cannot exist twice.
                deleteBeforeReplace: true,
                hooks: context.resizing,
                transforms: [anew],
                // Holds the SSH host key.
                additionalSecretOutputs: ["metadata"],
                // Until the machine is made anew: its transform lifts this then.
                ignoreChanges: [
                    // Another image, size or type needs another machine: it would replace running ones, all at once.
                    "bootDisk",
                    // A group that comes with further nodes would stop the running ones, several at once.
                    "placementPolicy",
                ],
            },
        );
    }

    private dataDisk(name: string, args: MachineArgs, { type, sizeGib }: DiskSettings): yandex.ComputeDisk {
        const { hostname, zone } = args.node;
        return new yandex.ComputeDisk(
            name,
            { name: `${hostname}-${DATA_DEVICE}`, zone, type, size: sizeGib, labels: labelsOf(args) },
            { parent: this, protect: args.protect ?? false },
        );
    }

    private drawRevision(name: string, { context, role, dataDisk }: MachineArgs): pulumi.Output<string> {
        const { platformId, machines } = context.settings;
        const { cores, coreFraction, memoryGib, bootDisk }: MachineSettings = machines[role];
        const size = { platformId, cores, coreFraction, memoryGib, bootDisk, dataDisk };
        return revision(
            name,
            { size: pulumi.output(JSON.stringify(size)), configuration: this.bundle },
            { parent: this },
        );
    }
}

function userData({ context, node, configuration }: MachineArgs, hostKey: tls.PrivateKey): pulumi.Output<string> {
    const { settings, deployKey } = context;
    return pulumi
        .all([configuration, hostKey.privateKeyOpenssh, hostKey.publicKeyOpenssh, deployKey.publicKeyOpenssh])
        .apply(([machine, privateKeyOpenssh, publicKeyOpenssh, deployPublicKey]) =>
            renderUserData(
                {
                    hostname: node.hostname,
                    fqdn: node.fqdn,
                    adminUser: settings.ssh.user,
                    authorizedKeys: [...settings.ssh.publicKeys, deployPublicKey.trim()],
                    hostKey: { privateKeyOpenssh, publicKeyOpenssh: publicKeyOpenssh.trim() },
                    timeZone: settings.operatingSystem.timeZone,
                },
                machine,
            ),
        );
}

function labelsOf({ context, role }: MachineArgs): Record<string, string> {
    return { ...context.labels, role: roles[role].label };
}

/** Says which machines keep another boot disk than the configured one. */
function warnOfOtherBootDisk({ bootDisk }: yandex.ComputeInstance, { hostname }: Node, wanted: DiskSettings): void {
    bootDisk.apply(({ initializeParams: found }) => {
        if (found?.size === undefined || (found.size === wanted.sizeGib && found.type === wanted.type)) return;
        void pulumi.log.warn(
            `${hostname} keeps its boot disk of ${found.size} GiB, ${found.type}, instead of the configured ${wanted.sizeGib} GiB, ${wanted.type}. ` +
                `To make it anew: pulumi up --replace '**:RandomId::${hostname}-image'`,
        );
    });
}

/** The disk's device name: cloud-init finds it as /dev/disk/by-id/virtio-data. */
const DATA_DEVICE = "data";
/** The cloud's MetadataOption: 1 is enabled, 2 is disabled. */
const METADATA_OFF = 2;
