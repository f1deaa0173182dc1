/**
 * The interface between the emulator of the cloud's API and the machines: the emulator decides what exists, and the
 * driver makes it real. All of it is plain data, so that a test can give the emulator a driver that only records.
 */

/** The VPC as the data plane needs it. It is always complete, and is applied atomically and idempotently. */
export interface NetworkState {
    subnets: {
        id: string;
        networkId: string;
        zone: string;
        cidr: string;
        /** Its route table sends 0.0.0.0/0 to a NAT gateway. */
        hasInternetRoute: boolean;
    }[];
    securityGroups: { id: string; networkId: string; rules: SecurityRule[] }[];
    /** One entry per network interface of every existing instance, running or not. */
    interfaces: {
        instanceId: string;
        index: number;
        hostname: string;
        fqdn: string;
        subnetId: string;
        macAddress: string;
        address: string;
        publicAddress?: string;
        securityGroupIds: string[];
    }[];
    /** Internal load balancers with listeners and targets. Absent if there are none. */
    networkLoadBalancers?: {
        id: string;
        name: string;
        /** In a subnet of the network. */
        address: string;
        /** TCP ports of the address, and the targets' ports behind them. */
        listeners: { port: number; targetPort: number }[];
        /** Addresses of the network. */
        targets: string[];
        healthCheck: HealthCheck;
    }[];
}

/** How a load balancer checks whether a target can take connections. */
export interface HealthCheck {
    intervalSeconds: number;
    timeoutSeconds: number;
    /** Failed checks in a row after which a target gets no new connections. */
    unhealthyThreshold: number;
    /** Passed checks in a row after which it gets them again. */
    healthyThreshold: number;
    port: number;
    /** The answer to this path over HTTP must be 200. Without a path, a TCP connection is enough. */
    path?: string;
}

/** Allows traffic in one direction. Packets that no rule allows are dropped. */
export interface SecurityRule {
    direction: "ingress" | "egress";
    protocol: "ANY" | "TCP" | "UDP" | "ICMP" | string;
    /** First port, inclusive. Without ports the rule is for all ports. */
    fromPort?: number;
    /** Last port, inclusive. */
    toPort?: number;
    cidrs?: string[];
    securityGroupId?: string;
    /** The cloud's `predefined_target: self_security_group`. */
    selfSecurityGroup?: boolean;
}

/** A machine as the cloud's instance describes it. */
export interface MachineSpec {
    id: string;
    name: string;
    hostname: string;
    fqdn: string;
    zone: string;
    cores: number;
    memoryBytes: number;
    imageId: string;
    userData: string;
    metadata: Record<string, string>;
    /** The first is the boot disk; others appear in the guest as /dev/vdb, /dev/vdc… and /dev/disk/by-id/virtio-<deviceName>. */
    disks: { diskId: string; deviceName: string; sizeBytes: number; boot: boolean }[];
}

/** The emulator's requests to the machines. The emulator may repeat every call. */
export interface Driver {
    /** Applies addresses, routes, names and security groups. */
    applyNetwork(state: NetworkState): Promise<void>;
    /** Defines and boots. Resolves when the guest's init has been started (not when cloud-init is done); rejects if it cannot start. */
    createMachine(spec: MachineSpec): Promise<void>;
    /** Powers off hard and removes the machine's files. */
    deleteMachine(id: string): Promise<void>;
    /** After a stop; the specification may have changed through {@link updateMachine}. */
    startMachine(id: string): Promise<void>;
    /** Graceful; powers off after 30 s. */
    stopMachine(id: string): Promise<void>;
    /** Stored; takes effect at the next start. */
    updateMachine(spec: MachineSpec): Promise<void>;
    createDisk(id: string, sizeBytes: number): Promise<void>;
    deleteDisk(id: string): Promise<void>;
    resizeDisk(id: string, sizeBytes: number): Promise<void>;
    attachDisk(machineId: string, disk: MachineSpec["disks"][number]): Promise<void>;
    detachDisk(machineId: string, diskId: string): Promise<void>;
}
