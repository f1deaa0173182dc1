import type { MachineFile } from "../machine/configuration.ts";
import { script, scriptDirectory } from "../machine/scripts.ts";

/** Base URLs without a slash at the end, and the keys that may sign what is there; see settings. */
export interface Mirrors {
    readonly almalinux?: string;
    readonly epel: { readonly url: string; readonly keyFingerprint: string };
    readonly pgdg: { readonly url: string; readonly keyFingerprint: string; readonly release: string };
}

const KEYS = "/etc/pki/rpm-gpg";
/** In the image. */
const ALMALINUX_KEY = `${KEYS}/RPM-GPG-KEY-AlmaLinux-9`;
/** Laid there by import-repository-keys, under the names that the vendors' own packages use. */
const EPEL_KEY = `${KEYS}/RPM-GPG-KEY-EPEL-9`;
const PGDG_KEY = `${KEYS}/PGDG-RPM-GPG-KEY-RHEL`;

/**
 * The repositories of a machine. AlmaLinux's own are in the image and are replaced only by a mirror;
 * CRB and EPEL hold what Patroni's packages depend on; PGDG's etcd and HAProxy have a repository apart.
 * @param postgresqlVersion major version; undefined for machines without PostgreSQL
 */
export function repositories(mirrors: Mirrors, postgresqlVersion?: number): MachineFile[] {
    const mirrored =
        mirrors.almalinux === undefined
            ? []
            : ["BaseOS", "AppStream", "extras"].map((part) => almalinux(mirrors.almalinux!, part));
    if (postgresqlVersion === undefined) {
        return mirrored;
    }
    const { epel, pgdg } = mirrors;
    // PGDG's folders as its own pgdg-redhat-all.repo has them (pgdg-packaging/pgdg-rpms, RHEL-main, 2026).
    const pgdgRepository = (id: string, part: string) =>
        repositoryFile(id, {
            id,
            name: `PostgreSQL's RPM repository: ${id}`,
            baseUrl: `${pgdg.url}/${part}/redhat/rhel-${pgdg.release}-$basearch`,
            key: PGDG_KEY,
            signedMetadata: true,
            pastModules: true,
        });
    return [
        ...mirrored,
        almalinux(mirrors.almalinux ?? "https://repo.almalinux.org/almalinux", "CRB"),
        repositoryFile("epel", {
            id: "epel",
            name: "Extra Packages for Enterprise Linux 9",
            baseUrl: `${epel.url}/9/Everything/$basearch`,
            key: EPEL_KEY,
            signedMetadata: false,
        }),
        pgdgRepository(`pgdg${postgresqlVersion}`, `${postgresqlVersion}`),
        pgdgRepository("pgdg-common", "common"),
        pgdgRepository("pgdg-rhel9-extras", "extras"),
        script("import-repository-keys.sh"),
        {
            path: "/etc/postgres-ha/repository-keys",
            content: [
                `${epel.keyFingerprint} ${EPEL_KEY} ${epel.url}/RPM-GPG-KEY-EPEL-9`,
                `${pgdg.keyFingerprint} ${PGDG_KEY} ${pgdg.url}/keys/PGDG-RPM-GPG-KEY-RHEL`,
                "",
            ].join("\n"),
            onChange: [`${scriptDirectory}/import-repository-keys`],
        },
    ];
}

/** Takes the place of the file that the image brings, under the same identifier. */
function almalinux(mirror: string, part: string): MachineFile {
    const id = part.toLowerCase();
    return repositoryFile(`almalinux-${id}`, {
        id,
        name: `AlmaLinux 9 - ${part}`,
        baseUrl: `${mirror}/9/${part}/$basearch/os`,
        key: ALMALINUX_KEY,
        signedMetadata: false,
    });
}

interface Repository {
    readonly id: string;
    readonly name: string;
    readonly baseUrl: string;
    /** File on the machine with the one key that may sign: never a URL, which would let the mirror choose. */
    readonly key: string;
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
            `gpgkey=file://${repository.key}`,
            // A repository that is gone must not stop security updates from the others; first-boot is stricter.
            "skip_if_unavailable=1",
            ...(repository.pastModules ? ["module_hotfixes=1"] : []),
            "",
        ].join("\n"),
    };
}
