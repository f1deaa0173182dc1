import type { MachineFile } from "./machine-configuration.ts";

/** Base URLs without a slash at the end; see settings. */
export interface Mirrors {
    readonly almalinux?: string;
    readonly epel: string;
    readonly pgdg: string;
}

const ALMALINUX_KEY = "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-AlmaLinux-9";

/**
 * The repositories of a machine. AlmaLinux's own are in the image and are replaced only by a mirror;
 * CRB and EPEL hold what Patroni's packages depend on; PGDG's etcd and HAProxy have a repository apart.
 * @param postgresqlVersion major version; undefined for machines without PostgreSQL
 */
export function repositories(mirrors: Mirrors, postgresqlVersion?: number): MachineFile[] {
    const mirrored = mirrors.almalinux === undefined ? [] : ["BaseOS", "AppStream", "extras"].map((part) => almalinux(mirrors.almalinux!, part));
    if (postgresqlVersion === undefined) {
        return mirrored;
    }
    return [
        ...mirrored,
        almalinux(mirrors.almalinux ?? "https://repo.almalinux.org/almalinux", "CRB"),
        repositoryFile("epel", {
            id: "epel",
            name: "Extra Packages for Enterprise Linux 9",
            baseUrl: `${mirrors.epel}/9/Everything/$basearch`,
            gpgKeyUrl: `${mirrors.epel}/RPM-GPG-KEY-EPEL-9`,
            signedMetadata: false,
        }),
        pgdg(mirrors.pgdg, `pgdg${postgresqlVersion}`, `${postgresqlVersion}/redhat/rhel-9-$basearch`),
        pgdg(mirrors.pgdg, "pgdg-common", "common/redhat/rhel-9-$basearch"),
        pgdg(mirrors.pgdg, "pgdg-rhel9-extras", "common/pgdg-rhel9-extras/redhat/rhel-9-$basearch"),
    ];
}

/** Takes the place of the file that the image brings, under the same identifier. */
function almalinux(mirror: string, part: string): MachineFile {
    const id = part.toLowerCase();
    return repositoryFile(`almalinux-${id}`, {
        id,
        name: `AlmaLinux 9 - ${part}`,
        baseUrl: `${mirror}/9/${part}/$basearch/os`,
        gpgKeyUrl: ALMALINUX_KEY,
        signedMetadata: false,
    });
}

function pgdg(mirror: string, id: string, path: string): MachineFile {
    return repositoryFile(id, {
        id,
        name: `PostgreSQL's RPM repository: ${id}`,
        baseUrl: `${mirror}/${path}`,
        gpgKeyUrl: `${mirror}/keys/PGDG-RPM-GPG-KEY-RHEL`,
        signedMetadata: true,
        pastModules: true,
    });
}

interface Repository {
    readonly id: string;
    readonly name: string;
    readonly baseUrl: string;
    readonly gpgKeyUrl: string;
    /** Whether the mirror signs its metadata too. */
    readonly signedMetadata: boolean;
    /** Whether its packages count where a module of the distribution, such as its own PostgreSQL, hides their names. @default false */
    readonly pastModules?: boolean;
}

function repositoryFile(fileName: string, repository: Repository): MachineFile {
    return {
        path: `/etc/yum.repos.d/${fileName}.repo`,
        content: [
            `[${repository.id}]`,
            `name=${repository.name}`,
            `baseurl=${repository.baseUrl}`,
            "enabled=1",
            "gpgcheck=1",
            `repo_gpgcheck=${repository.signedMetadata ? 1 : 0}`,
            `gpgkey=${repository.gpgKeyUrl}`,
            "skip_if_unavailable=0",
            ...(repository.pastModules ? ["module_hotfixes=1"] : []),
            "",
        ].join("\n"),
    };
}
