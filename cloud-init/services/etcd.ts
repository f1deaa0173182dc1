import { stringify } from "yaml";

import type { Timings } from "../../cluster/timings.ts";
import { dropIn } from "./base.ts";
import { nodeTls, ports, tlsGroup, type Peer } from "../../cluster/names.ts";
import type { ServicePart } from "../machine/configuration.ts";
import { timedCommand } from "../machine/command-units.ts";
import { programCommand } from "../machine/program.ts";

export interface EtcdInputs {
    /** Makes members of different clusters refuse each other. */
    readonly clusterName: string;
    readonly self: Peer;
    readonly members: readonly Peer[];
    readonly timings: Timings["etcd"];
    /** See Timings.tcp.retransmissions; the kernel knows it for the whole machine only. */
    readonly tcpRetransmissions: number;
}

const RUNTIME_DIRECTORY = "postgres-ha-etcd";

export const etcdPaths = {
    configuration: "/etc/postgres-ha/etcd.yaml",
    /** What etcd-join makes of it. */
    runtimeConfiguration: `/run/${RUNTIME_DIRECTORY}/etcd.yaml`,
    dataDirectory: "/var/lib/etcd/postgres-ha",
} as const;

/** Patroni's key space is a few kilobytes; the quota only bounds a mistake. */
const QUOTA_BYTES = 1024 ** 3;

/** One member of the etcd cluster: its peers and its clients show certificates. */
export function etcd(inputs: EtcdInputs): ServicePart {
    const { self } = inputs;
    const peerUrl = (member: Peer) => `https://${member.address}:${ports.etcdPeer}`;
    const clientUrl = `https://${self.address}:${ports.etcdClient}`;
    const security = {
        "cert-file": nodeTls.certificate,
        "key-file": nodeTls.key,
        "trusted-ca-file": nodeTls.ca,
        "client-cert-auth": true,
    };
    const config = {
        name: self.name,
        "data-dir": etcdPaths.dataDirectory,
        "listen-peer-urls": peerUrl(self),
        "listen-client-urls": `${clientUrl},https://127.0.0.1:${ports.etcdClient}`,
        "initial-advertise-peer-urls": peerUrl(self),
        "advertise-client-urls": clientUrl,
        "initial-cluster": inputs.members.map((member) => `${member.name}=${peerUrl(member)}`).join(","),
        "initial-cluster-token": inputs.clusterName,
        "initial-cluster-state": "new",
        "heartbeat-interval": inputs.timings.heartbeatMilliseconds,
        "election-timeout": inputs.timings.electionMilliseconds,
        "strict-reconfig-check": true,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "quota-backend-bytes": QUOTA_BYTES,
        "tls-min-version": "TLS1.2",
        "client-transport-security": security,
        "peer-transport-security": security,
        "log-level": "info",
    };
    return {
        packages: ["etcd"],
        users: [{ name: "etcd", homeDirectory: "/var/lib/etcd", groups: [tlsGroup] }],
        adminGroups: [tlsGroup],
        unitsWithSecrets: ["etcd.service", "etcd-leader-away.timer"],
        files: [
            {
                path: etcdPaths.configuration,
                content: stringify(config, { lineWidth: 0 }),
                onChange: [programCommand("restart-etcd")],
            },
            dropIn("etcd.service", {
                Unit: { StartLimitIntervalSec: "0" },
                Service: {
                    // With a configuration file etcd ignores its environment; do not leave a misleading one.
                    EnvironmentFile: "",
                    RuntimeDirectory: RUNTIME_DIRECTORY,
                    ExecStartPre: `+${programCommand("etcd-join")}`,
                    ExecStart: ["", `/usr/bin/etcd --config-file ${etcdPaths.runtimeConfiguration}`],
                    // Before Patroni asks for it.
                    ExecStartPost: `+-${programCommand("etcd-settle-version")}`,
                    Restart: "always",
                    RestartSec: "1",
                    // A leader waits for its first vote; the others may still be booting.
                    TimeoutStartSec: "600",
                    LimitNOFILE: "65536",
                    OOMScoreAdjust: "-900",
                    Nice: "-10",
                    IOSchedulingClass: "best-effort",
                    IOSchedulingPriority: "0",
                },
            }),
            {
                path: "/etc/profile.d/postgres-ha-etcd.sh",
                content: [
                    `export ETCDCTL_ENDPOINTS=${inputs.members.map((member) => `https://${member.address}:${ports.etcdClient}`).join(",")}`,
                    `export ETCDCTL_CACERT=${nodeTls.ca}`,
                    `export ETCDCTL_CERT=${nodeTls.certificate}`,
                    `export ETCDCTL_KEY=${nodeTls.key}`,
                    "",
                ].join("\n"),
            },
            {
                path: "/etc/sysctl.d/92-postgres-ha-etcd.conf",
                content: `net.ipv4.tcp_retries2 = ${inputs.tcpRetransmissions}\n`,
                onChange: ["systemctl restart systemd-sysctl || true"],
            },
            ...timedCommand({
                name: "etcd-leader-away",
                command: programCommand("etcd-leader-away"),
                description: "Keep etcd's leader off the node of PostgreSQL's leader",
                after: "etcd.service",
                everySeconds: 10,
                timeoutSeconds: 20,
            }),
        ],
    };
}
