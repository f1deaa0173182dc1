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
    /** A secret never enters user-data: it travels over SSH only, and no preview shows it. @default false */
    readonly secret?: boolean;
    /**
     * When the machine gets it: with user-data, or with the first bundle after the first boot. User-data holds 256 KiB
     * (Yandex Compute, "Limits"), so what is large and not needed earlier comes with the bundle.
     * @default "user-data", and "bundle" for a secret, which cannot be otherwise
     */
    readonly delivery?: "user-data" | "bundle";
    /** The file of this repository that it is a copy of, from the repository's root. @default it is rendered */
    readonly copyOf?: string;
    /**
     * What the file holds, where its parts have consequences of their own: the preview names the ones that change.
     * @default the preview names the whole file
     */
    readonly entries?: readonly FileEntry[];
    /**
     * Shell commands that run, each once and in the order of the files, after the file was replaced.
     * They must do nothing to a service that does not run yet (see `refresh` in scripts.ts).
     * @default none
     */
    readonly onChange?: readonly string[];
}

/** A part of a file. */
export interface FileEntry {
    /** For people, for example `PostgreSQL work_mem`. */
    readonly name: string;
    readonly value: string;
    /** What a change of it does: "reload of PostgreSQL". */
    readonly consequence: string;
}

/** Whether user-data carries the file. */
export function isInUserData({ secret = false, delivery = secret ? "bundle" : "user-data" }: MachineFile): boolean {
    return delivery === "user-data";
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

/** Merges parts in their order. Throws when two parts write the same path, or user-data would carry a secret. */
export function mergeParts(parts: readonly ServicePart[]): MachineConfiguration {
    const all = <Key extends keyof ServicePart>(key: Key) =>
        parts.flatMap((part) => (part[key] ?? []) as readonly NonNullable<ServicePart[Key]>[number][]);
    const files = all("files");
    const paths = files.map((file) => file.path);
    const twice = paths.find((path, index) => paths.indexOf(path) !== index);
    if (twice !== undefined) {
        throw new Error(`two parts of a machine write ${twice}`);
    }
    const exposed = files.find((file) => file.secret && isInUserData(file));
    if (exposed !== undefined) throw new Error(`${exposed.path} is a secret: user-data must not carry it`);
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
