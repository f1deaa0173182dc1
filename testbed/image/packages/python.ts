import type { RepositoryName, RpmPackage } from "../rpm/package.ts";

/** A Python module with the files of its Debian package. */
function module(
    name: string,
    repository: RepositoryName,
    debianPackage: string,
    requires: readonly string[] = [],
): RpmPackage {
    return {
        name,
        repository,
        summary: `Python module of ${debianPackage}`,
        debian: { packages: [debianPackage], take: [/^\/usr\/lib\/python3\/dist-packages\//] },
        requires,
    };
}

/** A name that Patroni requires and whose files the guest's root has anyway (cloud-init and dnf use them). */
function nameOnly(name: string, repository: RepositoryName, version: string): RpmPackage {
    return { name, repository, version, architecture: "noarch", summary: "Name only: the guest's root has the files" };
}

/**
 * Modules that Patroni needs. Known: which names (PGDG's spec), and that PGDG itself serves ydiff, python3.12-etcd and
 * python3.12-psutil and AppStream the packages of its Python 3.12. Assumed: that the others come from EPEL and CRB.
 * The assumption is the strict one: user-data that enables both works in any case, and user-data without one of them fails here.
 */
export const pythonPackages: readonly RpmPackage[] = [
    nameOnly("python3.12", "appstream", "3.12.11"),
    nameOnly("python3.12-cryptography", "appstream", "41.0.7"),
    nameOnly("python3.12-pyyaml", "appstream", "6.0.1"),
    nameOnly("python3.12-urllib3", "appstream", "1.26.19"),
    module("python3-psycopg2", "appstream", "python3-psycopg2"),
    {
        ...nameOnly("python3.12-psycopg2", "appstream", "2.9.10"),
        summary: "Name of python3-psycopg2 for Python 3.12",
        requires: ["python3-psycopg2"],
    },
    nameOnly("python3.12-dateutil", "crb", "2.9.0"),
    nameOnly("python3.12-six", "crb", "1.17.0"),
    module("python3.12-click", "epel", "python3-click"),
    module("python3.12-prettytable", "epel", "python3-prettytable", ["python3.12-wcwidth"]),
    module("python3.12-wcwidth", "epel", "python3-wcwidth"),
    module("python3.12-dns", "epel", "python3-dnspython"),
    module("python3-ydiff", "pgdg-common", "python3-ydiff"),
    module("python3.12-etcd", "pgdg-common", "python3-etcd", ["python3.12-dns", "python3.12-urllib3"]),
    module("python3.12-psutil", "pgdg-common", "python3-psutil"),
    module("python3.12-systemd", "pgdg-common", "python3-systemd"),
];
