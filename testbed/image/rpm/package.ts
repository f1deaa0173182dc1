/** The repository of the testbed's mirror that serves a package. "image" means none: the package is installed in the image. */
export type RepositoryName =
    "image" | "baseos" | "appstream" | "crb" | "extras" | "epel" | "pgdg17" | "pgdg-common" | "pgdg-extras";

/** Permissions of a file or folder. */
export interface Attributes {
    /** Octal; default for files: what the source file has, for folders: "0755". */
    readonly mode?: string;
    /** Default: root. */
    readonly owner?: string;
    /** Default: root. */
    readonly group?: string;
}

/** A system account that a package makes before its files are laid down. */
export interface SystemUser {
    readonly name: string;
    /** Fixed uid and gid; default: the next free system number. */
    readonly id?: number;
    readonly home: string;
    /** Default: /sbin/nologin. */
    readonly shell?: string;
}

/** Files taken from Debian packages. */
export interface DebianFiles {
    /** Names of the Debian packages; the RPM gets the first one's version. */
    readonly packages: readonly string[];
    /** Paths to take; default: every one that is not Debian's own packaging (see NEVER_TAKEN in stage.ts). */
    readonly take?: readonly RegExp[];
    /** Paths to leave out of those. */
    readonly leave?: readonly RegExp[];
    /** Beginnings of paths to change, [from, to]; the first that fits counts. */
    readonly move?: readonly (readonly [string, string])[];
}

/**
 * An RPM with the name, paths, units and accounts of the real one, and with contents of Debian packages.
 * Files under packages/files/<name>/ belong to it as well. "{version}" in relations stands for its own version.
 */
export interface RpmPackage {
    readonly name: string;
    readonly repository: RepositoryName;
    readonly summary: string;
    /** Default: that of the first Debian package. */
    readonly version?: string;
    /** Default: "1.el9", in PGDG's repositories "1PGDG.rhel9". */
    readonly release?: string;
    /** Further releases, with the same content, that the repository still has. Default: none, as after an index that keeps the newest. */
    readonly olderReleases?: readonly string[];
    /** Default: x86_64. */
    readonly architecture?: "x86_64" | "noarch";
    readonly debian?: DebianFiles;
    /** Permissions of single files, by path. */
    readonly attributes?: Readonly<Record<string, Attributes>>;
    /** Folders the package owns, by path. */
    readonly folders?: Readonly<Record<string, Attributes>>;
    /** Symbolic links, path → target. */
    readonly links?: Readonly<Record<string, string>>;
    readonly user?: SystemUser;
    readonly requires?: readonly string[];
    readonly provides?: readonly string[];
    /** Units that follow the distribution's presets at the installation of the package, and stop at its removal. */
    readonly units?: readonly string[];
    /** Shell run after installation. */
    readonly afterInstall?: string;
    /** Shell run before the last version is removed. */
    readonly beforeRemoval?: string;
    /** Shell run once at the end of each transaction that laid files below the path. */
    readonly transactionTriggers?: readonly { readonly path: string; readonly script: string }[];
}

/** One file, link or owned folder of a package, ready to be listed in its spec. */
export interface PackagedPath {
    /** Absolute path in the guest. */
    readonly path: string;
    readonly kind: "file" | "link" | "folder";
    /** Octal; not used for links. */
    readonly mode: string;
    readonly owner: string;
    readonly group: string;
}
