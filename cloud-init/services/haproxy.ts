import type { Timings } from "../../cluster/timings.ts";
import { dropIn } from "./base.ts";
import { nodeTls, ports, type Peer } from "../../cluster/names.ts";
import type { ServicePart } from "../machine/configuration.ts";
import { greeting, refresh } from "../machine/scripts.ts";

export interface HaproxyInputs {
    readonly members: readonly Peer[];
    /** Connections the machine takes, all ports together. */
    readonly maxConnections: number;
    /** A replica further behind gets no reads. */
    readonly maxReplicaLagMib: number;
    readonly timings: Timings["haproxy"];
    /** Whether a network load balancer leads here. */
    readonly behindNetworkLoadBalancer: boolean;
}

export interface LoadBalancerSecrets {
    /** Certificate and private key of the machine, PEM, in this order. */
    readonly certificateAndKeyPem: string;
}

const CONFIG = "/etc/haproxy/haproxy.cfg";
const SOCKET = "/run/haproxy.sock";
const CERTIFICATE = "/etc/postgres-ha/tls/node.pem";

/** HAProxy in front of every node's PgBouncer. */
export function haproxy(inputs: HaproxyInputs, secrets: LoadBalancerSecrets): ServicePart {
    return {
        packages: ["haproxy", "socat"],
        unitsWithSecrets: ["haproxy.service"],
        selinux: ["setsebool -P haproxy_connect_any on"],
        files: [
            { path: CONFIG, content: configuration(inputs), onChange: [refresh("reload", "haproxy.service")] },
            {
                path: CERTIFICATE,
                content: secrets.certificateAndKeyPem,
                mode: "0600",
                secret: true,
                onChange: [refresh("reload", "haproxy.service")],
            },
            {
                path: "/usr/local/bin/haproxy-console",
                content: `#!/bin/sh\n# Any command of the runtime API, for example: show servers state\necho "$*" | sudo socat - ${SOCKET}\n`,
                mode: "0755",
            },
            greeting("haproxy", [
                'echo "HAProxy: $(systemctl is-active haproxy)"',
                "cat <<END",
                "",
                "  haproxy-console show servers state     any command of HAProxy's socket",
                "  haproxy-console show stat",
                `  curl --cacert ${nodeTls.ca} https://localhost:${ports.statistics}/metrics`,
                "  journalctl -u haproxy -f",
                "",
                "END",
            ]),
            dropIn("haproxy.service", {
                Unit: { StartLimitIntervalSec: "0" },
                Service: {
                    Restart: "always",
                    RestartSec: "200ms",
                    // For as many as may be configured, since a running HAProxy cannot be given more.
                    LimitNOFILE: "65536",
                    OOMScoreAdjust: "-900",
                },
            }),
        ],
    };
}

/**
 * haproxy.cfg, in the language of HAProxy 2.4 that 3.0 reads too: AlmaLinux 9 had 2.4 and has 2.8 since April 2025.
 *
 * A server is good when Patroni gives it the role *and* its PgBouncer answers: both in one check,
 * because a pooler that died on the leader would otherwise swallow every write.
 */
export function configuration(inputs: HaproxyInputs): string {
    const { timings, members, behindNetworkLoadBalancer } = inputs;
    const bind = (port: number, balancedPort: number) =>
        [port, ...(behindNetworkLoadBalancer ? [balancedPort] : [])].map((each) => `    bind :${each}`).join("\n");
    const servers = members.map(
        (member) => `    server ${member.name} ${member.address}:${ports.pgbouncer} verifyhost ${member.fqdn}`,
    );
    const backend = (name: string, patroniPath: string) => `
backend ${name}
    balance leastconn
    option tcp-check
    tcp-check connect port ${ports.patroni} ssl comment "Patroni"
    tcp-check send "OPTIONS ${patroniPath} HTTP/1.0\\r\\n\\r\\n" comment "${patroniPath}"
    tcp-check expect rstring "^HTTP/1.[01] 200" comment "Patroni has another role or is not well"
    tcp-check connect port ${ports.pgbouncer} comment "PgBouncer"
    tcp-check send-binary ${GSSENC_REQUEST} comment "GSSENCRequest"
    tcp-check expect binary ${GSSENC_REFUSED} comment "PgBouncer does not answer"
    default-server check check-ssl verify required ca-file ${nodeTls.ca} ${checkTimings(timings)} on-marked-down shutdown-sessions
${servers.join("\n")}`;
    return `global
    log stdout format raw local0 notice
    user haproxy
    group haproxy
    chroot /var/lib/haproxy
    maxconn ${inputs.maxConnections}
    stats socket ${SOCKET} mode 600 level admin
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-server-options ssl-min-ver TLSv1.2

defaults
    mode tcp
    log global
    option dontlognull
    # An idle connection is kept alive by TCP probes (sysctl), because the cloud drops silent ones.
    option clitcpka
    option srvtcpka
    option redispatch
    retries 3
    timeout queue ${timings.connectTimeoutMilliseconds}ms
    timeout connect ${timings.connectTimeoutMilliseconds}ms
    timeout check ${timings.checkTimeoutMilliseconds}ms
    timeout client ${timings.idleTimeoutSeconds}s
    timeout server ${timings.idleTimeoutSeconds}s

frontend leader
${bind(ports.leader, ports.balancedLeader)}
    default_backend leader

frontend replicas
${bind(ports.replicas, ports.balancedReplicas)}
    # Reads go to the leader only while no replica can take them.
    use_backend replicas if { nbsrv(replicas) gt 0 }
    default_backend leader
${backend("leader", "/primary")}
${backend("replicas", `/replica?lag=${inputs.maxReplicaLagMib}MB`)}

frontend statistics
    mode http
    bind :${ports.statistics} ssl crt ${CERTIFICATE}
    timeout client 30s
    http-request use-service prometheus-exporter if { path /metrics }
    stats enable
    stats uri /
    stats refresh 5s
    stats show-legends
${behindNetworkLoadBalancer ? health : ""}`;
}

/**
 * What the network load balancer asks: does HAProxy serve? Not whether there is a leader: while nobody leads, every
 * load balancer would be taken out, and a zone that lost its last one needs up to two minutes to come back.
 */
const health = `
frontend health
    mode http
    bind :${ports.balancerHealth}
    timeout client 5s
    monitor-uri /
`;

/**
 * A question that a PostgreSQL server answers with one byte before anything else: will it talk GSSAPI
 * encryption? Length 8, code 80877104 (manual, "GSSENCRequest"). PgBouncer will not, and says so. After an
 * SSLRequest it would expect a handshake, and log its absence once a second.
 */
const GSSENC_REQUEST = "0000000804d21630";
/** The letter N. */
const GSSENC_REFUSED = "4e";

function checkTimings(timings: HaproxyInputs["timings"]): string {
    return [
        `inter ${timings.checkIntervalMilliseconds}ms`,
        `fastinter ${timings.fastCheckIntervalMilliseconds}ms`,
        `downinter ${timings.downCheckIntervalMilliseconds}ms`,
        `fall ${timings.fall}`,
        `rise ${timings.rise}`,
    ].join(" ");
}
