/**
 * The one description of what a machine is made of. Services contribute parts; a role puts
 * parts together; `user-data.ts` renders the whole twice: for the first boot, and as the bundle
 * that brings a running machine to the same state.
 */

/** A file on a machine and what has to happen when its content changes on a running one. */
export interface MachineFile {
    /** Absolute path. */
    readonly path: string;
    readonly content: string;
    /** `user:group`. @default "root:root" */
    readonly owner?: string;
    /** Octal permissions. @default "0644" */
    readonly mode?: string;
    /** A secret never enters user-data; it travels over SSH only. @default false */
    readonly secret?: boolean;
    /**
     * Shell commands that run, each once and in the order of the files, after the file was replaced.
     * They must do nothing to a service that does not run yet (see `refresh` in scripts.ts).
     * @default none
     */
    readonly onChange?: readonly string[];
}

/** A system account that must exist before the package that brings it, because files are given to it. */
export interface SystemUser {
    readonly name: string;
    /** @default the next free system id */
    readonly uid?: number;
    readonly homeDirectory: string;
    /** Groups besides the user's own. @default none */
    readonly groups?: readonly string[];
    /** @default "/sbin/nologin" */
    readonly shell?: string;
}

/** A separate disk with one file system. */
export interface DataDisk {
    /** The cloud's device name: the disk appears as /dev/disk/by-id/virtio-NAME. */
    readonly deviceName: string;
    readonly mountPoint: string;
    readonly label: string;
}

/** What one service adds to a machine. */
export interface ServicePart {
    readonly packages?: readonly string[];
    readonly groups?: readonly string[];
    readonly users?: readonly SystemUser[];
    /** Groups that the administrator's account joins. */
    readonly adminGroups?: readonly string[];
    readonly files?: readonly MachineFile[];
    readonly dataDisks?: readonly DataDisk[];
    /** Units started at the end of the first boot and enabled for later ones. */
    readonly units?: readonly string[];
    /** Units that also need the secrets: they start when cloud-init is done *and* the secrets are there. */
    readonly unitsWithSecrets?: readonly string[];
    /** Units that start with those, and that nothing waits for. */
    readonly unawaitedUnits?: readonly string[];
    /** Commands that run once where SELinux is not disabled. */
    readonly selinux?: readonly string[];
}

/** The parts of a machine, merged. */
export type MachineConfiguration = Required<ServicePart>;

/** Merges parts in their order. Throws when two parts claim the same path. */
export function mergeParts(parts: readonly ServicePart[]): MachineConfiguration {
    const all = <Key extends keyof ServicePart>(key: Key) =>
        parts.flatMap((part) => (part[key] ?? []) as readonly NonNullable<ServicePart[Key]>[number][]);
    const files = all("files");
    const paths = files.map((file) => file.path);
    const twice = paths.find((path, index) => paths.indexOf(path) !== index);
    if (twice !== undefined) {
        throw new Error(`two parts of a machine write ${twice}`);
    }
    return {
        packages: [...new Set(all("packages"))],
        groups: [...new Set(all("groups"))],
        users: all("users"),
        adminGroups: [...new Set(all("adminGroups"))],
        files,
        dataDisks: all("dataDisks"),
        units: all("units"),
        unitsWithSecrets: all("unitsWithSecrets"),
        unawaitedUnits: all("unawaitedUnits"),
        selinux: all("selinux"),
    };
}
