import type { RpmPackage } from "../rpm/package.ts";

const haproxy: RpmPackage = {
    name: "haproxy",
    repository: "pgdg-extras",
    summary: "HAProxy reverse proxy for high availability environments",
    debian: { packages: ["haproxy"], take: [/^\/usr\/sbin\/haproxy$/] },
    user: { name: "haproxy", id: 188, home: "/var/lib/haproxy" },
    units: ["haproxy.service"],
    folders: {
        "/etc/haproxy": {},
        "/etc/haproxy/conf.d": {},
        "/var/lib/haproxy": { owner: "haproxy", group: "haproxy" },
    },
};

export const haproxyPackages: readonly RpmPackage[] = [
    haproxy,
    // EL9's own HAProxy is an older series. Here it is Debian's too, with a lower release than PGDG's, as in reality.
    { ...haproxy, repository: "appstream", release: "0.el9" },
];
