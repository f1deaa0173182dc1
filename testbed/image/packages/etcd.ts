import type { RpmPackage } from "../rpm/package.ts";

export const etcdPackages: readonly RpmPackage[] = [
    {
        name: "etcd",
        repository: "pgdg-extras",
        summary: "Distributed reliable key-value store, with etcdctl and etcdutl",
        // Two releases, so that nodes can have different ones.
        release: "2PGDG.rhel9",
        olderReleases: ["1PGDG.rhel9"],
        debian: { packages: ["etcd-server", "etcd-client"], take: [/^\/usr\/bin\//] },
        user: { name: "etcd", home: "/var/lib/etcd" },
        units: ["etcd.service"],
        // As PGDG has it: user etcd can read no certificate below /etc/etcd.
        folders: { "/etc/etcd": { mode: "0750" }, "/var/lib/etcd": { mode: "0750", owner: "etcd", group: "etcd" } },
    },
];
