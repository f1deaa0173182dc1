import type { Timings } from "../../cluster/timings.ts";
import { dropIn, keepalive } from "./base.ts";
import { nodeTls, ports, type Peer } from "../../cluster/names.ts";
import { guardCommand } from "../machine/command-units.ts";
import type { ServicePart } from "../machine/configuration.ts";
import { greeting, refresh, script } from "../machine/scripts.ts";

export interface HaproxyInputs {
    readonly members: readonly Peer[];
    /** Connections the machine takes, all ports together. */
    readonly maxConnections: number;
    /** A replica further behind gets no reads. */
    readonly maxReplicaLagMib: number;
    /** Whether it keeps the sessions that it has. */
    readonly keepReadsOnLaggingReplica: boolean;
    readonly timings: Timings["haproxy"];
    /** Whether a network load balancer leads here. */
    readonly behindNetworkLoadBalancer: boolean;
}

export interface LoadBalancerSecrets {
    /** Certificate and private key of the machine, PEM, in this order. */
    readonly certificateAndKeyPem: string;
}

const CONFIG = "/etc/haproxy/haproxy.cfg";
// These four are also in files/haproxy-servers.py.
const SOCKET = "/run/haproxy.sock";
/** SELinux's policy of AlmaLinux lets HAProxy have names that begin like this one, wherever they were labelled. */
const MASTER_SOCKET = "/run/haproxy.sock.master";
const SERVERS = "/etc/postgres-ha/haproxy-servers";
/** Where SELinux lets HAProxy read what another service wrote. */
const STATE = "/var/lib/haproxy/servers";
const CERTIFICATE = "/etc/postgres-ha/tls/node.pem";

const serversScript = script("haproxy-servers.py");
const sessionsUnit = "haproxy-sessions";

/** HAProxy in front of every node's PgBouncer. */
export function haproxy(inputs: HaproxyInputs, secrets: LoadBalancerSecrets): ServicePart {
    return {
        packages: ["haproxy", "socat"],
        unitsWithSecrets: ["haproxy.service", `${sessionsUnit}.service`],
        selinux: ["setsebool -P haproxy_connect_any on"],
        files: [
            // First, because systemd has to know the commands before the reloads that the other files ask for.
            dropIn("haproxy.service", {
                Unit: { StartLimitIntervalSec: "0" },
                Service: {
                    // Where it fails (the disk is full) HAProxy starts all the same, with what it knew at its last reload.
                    ExecStartPre: `-/usr/bin/install --mode=0644 ${SERVERS} ${STATE}`,
                    // The package's own commands, and the socket that leads to processes from before a reload.
                    ExecStart: [
                        "",
                        `/usr/sbin/haproxy -Ws -S ${MASTER_SOCKET},mode,600 -f $CONFIG -f $CFGDIR -p $PIDFILE $OPTIONS`,
                    ],
                    // Likewise, and the new process knows what the present one does.
                    ExecReload: [
                        "",
                        "/usr/sbin/haproxy -f $CONFIG -f $CFGDIR -c -q $OPTIONS",
                        `${serversScript.path} remember`,
                        "/bin/kill -USR2 $MAINPID",
                    ],
                    Restart: "always",
                    RestartSec: "200ms",
                    // For as many as may be configured, since a running HAProxy cannot be given more.
                    LimitNOFILE: "65536",
                    OOMScoreAdjust: "-900",
                },
            }),
            { ...serversScript, onChange: [refresh("restart", `${sessionsUnit}.service`)] },
            { path: SERVERS, content: serversDown(inputs.members) },
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
            ...guardCommand({
                name: sessionsUnit,
                command: `${serversScript.path} watch ${inputs.timings.fastCheckIntervalMilliseconds / 1000}`,
                description: "Close sessions from before a reload of HAProxy whose server is gone",
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
    const askPatroni = (path: string, otherwise = 'comment "Patroni has another role or is not well"') => [
        `    tcp-check connect port ${ports.patroni} ssl comment "Patroni"`,
        `    tcp-check send "OPTIONS ${path} HTTP/1.0\\r\\n\\r\\n" comment "${path}"`,
        `    tcp-check expect rstring "^HTTP/1.[01] 200" ${otherwise}`,
    ];
    const askPgbouncer = [
        `    tcp-check connect port ${ports.pgbouncer} comment "PgBouncer"`,
        `    tcp-check send-binary ${GSSENC_REQUEST} comment "GSSENCRequest"`,
        `    tcp-check expect binary ${GSSENC_REFUSED} comment "PgBouncer does not answer"`,
    ];
    const backend = (name: string, ...checks: readonly string[]) => `
backend ${name}
    balance leastconn
    option tcp-check
${checks.join("\n")}
    default-server check check-ssl verify required ca-file ${nodeTls.ca} ${checkTimings(timings)} on-marked-down shutdown-sessions tcp-ut ${SILENCE_SECONDS}s
${servers.join("\n")}`;
    const replicaInTime = `/replica?lag=${inputs.maxReplicaLagMib}MB`;
    // The last answer decides whether a server gets new sessions. It does not take the server down, so those there go on.
    const checksOfReplicas = inputs.keepReadsOnLaggingReplica
        ? [
              ...askPatroni("/replica"),
              ...askPgbouncer,
              ...askPatroni(replicaInTime, 'error-status L7OKC comment "The replica lags"'),
          ]
        : [...askPatroni(replicaInTime), ...askPgbouncer];
    return `global
    log stdout format raw local0 notice
    user haproxy
    group haproxy
    chroot /var/lib/haproxy
    maxconn ${inputs.maxConnections}
    stats socket ${SOCKET} mode 600 level admin
    # Without it, every server would count as up until its first check.
    server-state-file ${STATE}
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
    load-server-state-from-file global
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
${backend("leader", ...askPatroni("/primary"), ...askPgbouncer)}
${backend("replicas", ...checksOfReplicas)}

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
 * Every server of both backends is down: what HAProxy has to believe until it has checked. The format is that of its
 * "show servers state" (manual). HAProxy goes by the names; the identifiers only have to be there. Later
 * versions have more columns, which may be missing.
 */
export function serversDown(members: readonly Peer[]): string {
    const columns =
        "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change " +
        "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id " +
        "srv_fqdn srv_port srvrecord";
    const lines = ["leader", "replicas"].flatMap((backend) =>
        members.map(
            ({ name, address }) => `1 ${backend} 1 ${name} ${address} 0 0 1 1 0 1 0 0 6 0 0 0 - ${ports.pgbouncer} -`,
        ),
    );
    return ["1", `# ${columns}`, ...lines, ""].join("\n");
}

/**
 * A node that answers nothing loses a session after this time, with unanswered data as without: as long as keepalives take.
 * The kernel alone repeats data for a quarter of an hour. It is the second line of defence: checks are sooner.
 */
const SILENCE_SECONDS = keepalive.idleSeconds + keepalive.intervalSeconds * keepalive.probes;

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
