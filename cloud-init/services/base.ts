import { nodeTls } from "../../cluster/names.ts";
import type { MachineFile, ServicePart } from "../machine/configuration.ts";
import { refresh, script, scriptDirectory } from "../machine/scripts.ts";
import { unit } from "../machine/user-data.ts";

/** What every machine of the cluster has, whatever its role. */
export interface BaseInputs {
    /** The cluster's certificate authority, PEM. */
    readonly caPem: string;
    /** Who may log in: the account, and OpenSSH public keys. */
    readonly administrator: { readonly account: string; readonly publicKeys: readonly string[] };
    /** Repositories of packages, see repositories.ts. */
    readonly repositories: readonly MachineFile[];
    /** NTP servers' names or addresses. */
    readonly ntpServers: readonly string[];
    /** IANA name, for example `Europe/Moscow`. */
    readonly timeZone: string;
    /** Complete nftables ruleset, see firewall.ts. */
    readonly firewallRuleset: string;
    /** Install security updates every night. */
    readonly securityUpdates: boolean;
    /** Whether SSH sessions may forward TCP connections. */
    readonly allowTcpForwarding: boolean;
}

/**
 * An idle TCP connection dies after 180 s in a Yandex VPC (documentation, "Security groups"), so
 * every probe starts well before that: after 60 s, three probes 10 s apart.
 */
export const keepalive = { idleSeconds: 60, intervalSeconds: 10, probes: 3 } as const;

/** Packages the nightly update leaves alone: their services hold connections and roles, so people choose the hour. */
const UPDATED_BY_HAND = ["postgresql*", "patroni*", "etcd*", "pgbouncer*", "haproxy*"];

/** SSH, time, journal, kernel, firewall, scripts, certificate authority. */
export function base(inputs: BaseInputs): ServicePart {
    return {
        packages: [
            "chrony",
            "nftables",
            "policycoreutils-python-utils",
            "jq",
            ...(inputs.securityUpdates ? ["dnf-automatic"] : []),
        ],
        units: ["nftables.service", "chronyd.service", ...(inputs.securityUpdates ? ["dnf-automatic.timer"] : [])],
        files: [
            { path: nodeTls.ca, content: inputs.caPem },
            authorizedKeys(inputs.administrator),
            ...inputs.repositories,
            script("apply.py"),
            script("first-boot.sh"),
            script("configure.sh"),
            script("format-data-disk.py"),
            script("mount-data-disks.sh"),
            script("wait-until-ready.sh"),
            script("refresh.sh"),
            script("welcome.sh"),
            // Machines that are older than first-boot's own line about tuned take it from here.
            {
                ...script("kernel-parameters.sh"),
                onChange: ["systemctl disable --quiet --now tuned 2>/dev/null || true"],
            },
            {
                path: "/etc/profile.d/zz-postgres-ha-welcome.sh",
                // Only for people: a shell that reads a script has no terminal.
                content: `[ -t 1 ] && ${scriptDirectory}/welcome\n`,
            },
            sshServer(inputs.allowTcpForwarding),
            journal(),
            time(inputs.ntpServers),
            timeZone(inputs.timeZone),
            keepaliveParameters(),
            {
                path: "/etc/sysconfig/nftables.conf",
                content: inputs.firewallRuleset,
                mode: "0600",
                onChange: [refresh("reload", "nftables.service")],
            },
            ...(inputs.securityUpdates ? [securityUpdates()] : []),
        ],
    };
}

/**
 * The keys that may log in: exactly these. cloud-init writes the same ones on the first boot, when the account is made; a
 * running machine does not read user-data again.
 */
function authorizedKeys({ account, publicKeys }: BaseInputs["administrator"]): MachineFile {
    return {
        path: `/home/${account}/.ssh/authorized_keys`,
        content: publicKeys.map((key) => `${key}\n`).join(""),
        owner: `${account}:${account}`,
        mode: "0600",
        delivery: "bundle",
    };
}

function sshServer(allowTcpForwarding: boolean): MachineFile {
    return {
        // sshd keeps the first value it reads, and images bring files of their own (01-permitrootlogin.conf).
        path: "/etc/ssh/sshd_config.d/00-postgres-ha.conf",
        content: [
            // Clients know this one key; another type must never be negotiated.
            "HostKey /etc/ssh/ssh_host_ed25519_key",
            "PermitRootLogin no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "X11Forwarding no",
            `AllowTcpForwarding ${allowTcpForwarding ? "local" : "no"}`,
            // Long waits over SSH are silent; the cloud drops what is silent for 180 s.
            "ClientAliveInterval 30",
            "ClientAliveCountMax 4",
            // A deploy opens one connection per machine through the jump host at once.
            "MaxStartups 50:30:200",
            "MaxSessions 50",
            "",
        ].join("\n"),
        mode: "0600",
        // What the file was called before.
        onChange: ["rm -f /etc/ssh/sshd_config.d/10-postgres-ha.conf", refresh("reload", "sshd.service")],
    };
}

function journal(): MachineFile {
    return {
        path: "/etc/systemd/journald.conf.d/10-postgres-ha.conf",
        content: "[Journal]\nStorage=persistent\nSystemMaxUse=500M\nSystemKeepFree=1G\n",
        onChange: [refresh("restart", "systemd-journald.service"), "journalctl --flush"],
    };
}

function time(ntpServers: readonly string[]): MachineFile {
    return {
        path: "/etc/chrony.conf",
        content: [
            ...ntpServers.map((server) => `pool ${server} iburst`),
            "driftfile /var/lib/chrony/drift",
            // A clock that is off is stepped during the first three updates only: never under a running lease.
            "makestep 1.0 3",
            "rtcsync",
            "logdir /var/log/chrony",
            "",
        ].join("\n"),
        onChange: [refresh("restart", "chronyd.service")],
    };
}

/** cloud-init sets it on the first boot. A running service goes on with the old one until it starts again. */
function timeZone(name: string): MachineFile {
    return {
        path: "/etc/postgres-ha/time-zone",
        content: `${name}\n`,
        onChange: [`ln -sfn ../usr/share/zoneinfo/${name} /etc/localtime`],
    };
}

function keepaliveParameters(): MachineFile {
    return {
        path: "/etc/sysctl.d/90-postgres-ha-network.conf",
        content: [
            `net.ipv4.tcp_keepalive_time = ${keepalive.idleSeconds}`,
            `net.ipv4.tcp_keepalive_intvl = ${keepalive.intervalSeconds}`,
            `net.ipv4.tcp_keepalive_probes = ${keepalive.probes}`,
            "net.core.somaxconn = 4096",
            "net.ipv4.tcp_max_syn_backlog = 4096",
            "net.ipv4.ip_local_port_range = 10240 65000",
            "",
        ].join("\n"),
        onChange: ["systemctl restart systemd-sysctl || true"],
    };
}

function securityUpdates(): MachineFile {
    return {
        path: "/etc/dnf/automatic.conf",
        content: [
            "[commands]",
            "upgrade_type = security",
            "random_sleep = 3600",
            "download_updates = yes",
            "apply_updates = yes",
            "reboot = never",
            "[emitters]",
            "emit_via = stdio",
            "[base]",
            `excludepkgs = ${UPDATED_BY_HAND.join(" ")}`,
            "",
        ].join("\n"),
    };
}

/**
 * A drop-in for a unit that a package brings.
 * @param unitName for example `etcd.service`
 */
export function dropIn(
    unitName: string,
    sections: Parameters<typeof unit>[0],
    onChange: readonly string[] = [],
): MachineFile {
    return {
        path: `/etc/systemd/system/${unitName}.d/50-postgres-ha.conf`,
        content: unit(sections),
        onChange: ["systemctl daemon-reload", ...onChange],
    };
}
