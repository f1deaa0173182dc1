import type { RpmPackage } from "../rpm/package.ts";

/** Programs of AlmaLinux's own repositories that the cloud image does not have. */
export const systemPackages: readonly RpmPackage[] = [
    {
        name: "chrony",
        repository: "baseos",
        summary: "An NTP client/server",
        debian: { packages: ["chrony"], take: [/^\/usr\/s?bin\/chrony[cd]$/] },
        user: { name: "chrony", home: "/var/lib/chrony" },
        units: ["chronyd.service"],
        folders: {
            "/var/lib/chrony": { mode: "0750", owner: "chrony", group: "chrony" },
            "/var/log/chrony": { mode: "0750", owner: "chrony", group: "chrony" },
        },
        attributes: { "/etc/chrony.keys": { mode: "0640", group: "chrony" } },
        // The binary has Debian's path compiled in, but the file is at AlmaLinux's path.
        links: { "/etc/chrony/chrony.conf": "../chrony.conf" },
    },
    {
        name: "nftables",
        repository: "baseos",
        summary: "Netfilter Tables userspace utilities",
        debian: { packages: ["nftables"], take: [/^\/usr\/sbin\/nft$/] },
        units: ["nftables.service"],
        folders: { "/etc/nftables": { mode: "0700" } },
        attributes: { "/etc/sysconfig/nftables.conf": { mode: "0600" } },
    },
    {
        name: "jq",
        repository: "appstream",
        summary: "Command-line JSON processor",
        debian: { packages: ["jq"], take: [/^\/usr\/bin\//] },
    },
    {
        name: "socat",
        repository: "appstream",
        summary: "Bidirectional data relay between two data channels",
        debian: { packages: ["socat"], take: [/^\/usr\/bin\//] },
    },
    {
        name: "nmap-ncat",
        repository: "appstream",
        summary: "Nmap's Netcat replacement",
        debian: { packages: ["ncat"], take: [/^\/usr\/bin\/ncat$/] },
        links: { "/usr/bin/nc": "ncat" },
        provides: ["nc"],
    },
    {
        name: "dnf-automatic",
        repository: "baseos",
        version: "4.23.0",
        architecture: "noarch",
        summary:
            'Alternative CLI to "dnf upgrade" suitable to be executed automatically (the program is the root\'s dnf)',
        units: [
            "dnf-automatic.timer",
            "dnf-automatic-notifyonly.timer",
            "dnf-automatic-download.timer",
            "dnf-automatic-install.timer",
        ],
    },
    {
        name: "epel-release",
        repository: "extras",
        version: "9",
        architecture: "noarch",
        summary: "Extra Packages for Enterprise Linux repository configuration (of the testbed's mirror)",
    },
];
