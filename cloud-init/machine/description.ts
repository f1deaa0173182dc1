import type { Peer, SynchronousMode } from "../../cluster/names.ts";

/**
 * What the program on a database node knows of its machine and cluster: `/etc/postgres-ha/machine.json`. The dataclasses in
 * cloud-init/program/postgres_ha/machine.py are the same: the program refuses a key that it does not know, and misses one that
 * is not there.
 */
export interface MachineDescription {
    readonly clusterName: string;
    /** The machine's own, in etcd and Patroni. */
    readonly name: string;
    readonly members: readonly Peer[];
    /** What clients connect to: load balancers, or what is in front of them. */
    readonly loadBalancers: readonly Peer[];
    readonly synchronousMode: SynchronousMode;
    /** Of the services: those whose versions a later node should have, too. */
    readonly packages: readonly string[];
    /** Whether each node promises one. */
    readonly watchdog: boolean;
    readonly ports: {
        readonly etcdClient: number;
        readonly etcdPeer: number;
        readonly postgresql: number;
        readonly pgbouncer: number;
        readonly patroni: number;
        readonly leader: number;
        readonly replicas: number;
    };
    readonly sqlRoles: {
        readonly superuser: string;
        readonly rewind: string;
        readonly healthCheck: string;
    };
    /** Paths. */
    readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
    /** Paths. */
    readonly etcd: {
        readonly configuration: string;
        /** What `etcd-join` makes of the configuration, and etcd starts with. */
        readonly runtimeConfiguration: string;
        readonly dataDirectory: string;
    };
    /** Paths. */
    readonly patroni: {
        readonly configurationDirectory: string;
        /** As it is asked for, JSON. */
        readonly dynamicConfiguration: string;
        /** In that directory: what `describe-node` adds. */
        readonly nodeConfiguration: string;
        /** With a script for each action. */
        readonly callbackDirectory: string;
    };
    readonly postgresql: {
        /** Of the operating system. */
        readonly account: string;
        /** Of the data disk. */
        readonly mountPoint: string;
        readonly dataDirectory: string;
        readonly binDirectory: string;
        readonly socketDirectory: string;
        /** With the superuser's password, in libpq's format. */
        readonly passwordFile: string;
        /** The one that is always there. */
        readonly database: string;
    };
    readonly pgbouncer: {
        readonly socketDirectory: string;
        /** The console's database. */
        readonly console: string;
    };
}

export const descriptionPath = "/etc/postgres-ha/machine.json";
