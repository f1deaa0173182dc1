/**
 * The kinds of machines that a cluster is made of, one row each. Addresses, host names, security groups, firewalls,
 * labels, quotas, the settings of sizes and the SSH configuration follow from a row; what a machine runs is a file in
 * cloud-init/roles/.
 */

/** One kind of machine. */
export interface RoleRow {
    /** Last part of host names, resource names and the security group's name: `main-db-1`. Identity: never change it. */
    readonly suffix: string;
    /** Value of the label `role` in the cloud: lower case. */
    readonly label: string;
    /** What documents and descriptions of settings call one of them. */
    readonly title: string;
    /** What documents call all of them. */
    readonly plural: string;
    /** How many there may be. One that is alone has no number in its name. */
    readonly most: number;
    /** Offset of the first one's address in its subnet; number k is at `firstOffset + k - 1`. */
    readonly firstOffset: number;
    /**
     * Whether security groups and firewalls name the addresses of all that there may be, so that nothing of them changes
     * when machines come or go.
     */
    readonly rulesNameAll: boolean;
    /** Size of a new one by default. */
    readonly size: {
        readonly cores: number;
        /** Guaranteed share of each vCPU, in percent. */
        readonly coreFraction: 5 | 20 | 50 | 100;
        readonly memoryGib: number;
        readonly bootDiskType: DiskType;
    };
}

/** Yandex Compute's types of disks. */
export const diskTypes = ["network-hdd", "network-ssd", "network-ssd-nonreplicated", "network-ssd-io-m3"] as const;
export type DiskType = (typeof diskTypes)[number];

const rows = {
    jumpHost: {
        suffix: "jump",
        label: "jump-host",
        title: "the jump host",
        plural: "jump host",
        most: 1,
        firstOffset: 4,
        rulesNameAll: false,
        size: { cores: 2, coreFraction: 50, memoryGib: 2, bootDiskType: "network-hdd" },
    },
    database: {
        suffix: "db",
        label: "database",
        title: "a database node",
        plural: "database nodes",
        most: 5,
        firstOffset: 10,
        // A node that is to go is needed until it has handed over.
        rulesNameAll: true,
        size: { cores: 4, coreFraction: 100, memoryGib: 16, bootDiskType: "network-ssd" },
    },
    loadBalancer: {
        suffix: "lb",
        label: "load-balancer",
        title: "a load balancer",
        plural: "load balancers",
        most: 4,
        firstOffset: 5,
        rulesNameAll: false,
        size: { cores: 2, coreFraction: 100, memoryGib: 2, bootDiskType: "network-hdd" },
    },
} as const satisfies Record<string, RoleRow>;

/** A kind of machine. */
export type Role = keyof typeof rows;
export const roles: Readonly<Record<Role, RoleRow>> = rows;
export const roleNames = Object.keys(rows) as readonly Role[];

/** A value for each role. */
export function forEachRole<T>(value: (role: Role) => T): Readonly<Record<Role, T>> {
    return Object.fromEntries(roleNames.map((role) => [role, value(role)])) as Record<Role, T>;
}
