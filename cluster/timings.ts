/**
 * The timings that decide how soon a fault is noticed and how long a hiccup may last without a failover, as three
 * profiles. The values depend on each other. An override in `timingOverrides` is validated against the rules below.
 *
 * Time without writes after the primary's machine loses power, 95th percentile. Patroni renews the lease every loop_wait,
 * so between ttl − loop_wait and ttl of it is left, uniformly distributed:
 *
 *   term                                                      fast    normal   safe
 *   lease left, p95: ttl − 0.05 · loop_wait                   19.9    24.9     44.8
 *   etcd notices the lease's end (looks every 0.5 s)           0.5     0.5      0.5
 *   race: Patroni asks the others (and not the dead one,
 *     see unreachable_peers.py: it would wait 2 s for it)      0.3     0.3      0.3
 *   promotion of the standby                                   0.5     0.5      0.5
 *   HAProxy finds it: rise × down check interval         ≤     0.25    0.25     2.0
 *   sum                                                       21.5    26.5     48.1
 *
 * If the lost machine also had etcd's leader, etcd elects a new one first (1–2 × election timeout). The new leader extends
 * the lease to its full length plus the election timeout: 1 to 1.5 s more in fast, 2 to 3 s in normal. Therefore etcd's
 * leader is moved away from the primary's machine, and in fast etcd elects after half a second. A disk that stalls for half
 * a second then causes an election, but PostgreSQL continues during it.
 *
 * If postgres crashes and Patroni runs, Patroni notices within loop_wait. Then another node takes over at once, or, with
 * synchronousMode off, postgres is started again.
 * If Patroni crashes, systemd restarts it before the lease ends. Until then HAProxy's checks of its API fail.
 *
 * Rules:
 * - ttl ≥ 20 and loop_wait + 2 · retry_timeout ≤ ttl (Patroni, "Dynamic configuration settings").
 * - A machine frozen for up to 10 s (live migration, Yandex Compute, "Live migration") must keep the lease and
 *   must not be reset by its watchdog: ttl − loop_wait − safety margin > 10 in normal and safe. fast fulfils it too.
 * - etcd: election ≥ 5 × heartbeat (etcd refuses less) and ≥ 10 × the round trip between zones (etcd, "Tuning").
 * - Yandex VPC drops a connection that was idle for 180 s, so keepalives are sent much more often.
 * - A connection survives a freeze of 10 s: keepalive idle + interval × count > 10 s, and user timeout > 10 s.
 */
import type { ProfileName, SynchronousMode } from "./names.ts";

/** All timings. The names of the groups and fields are those of the setting `timingOverrides`. */
export interface Timings {
    readonly patroni: {
        /** How long the leader's lease in etcd is valid. */
        readonly ttlSeconds: number;
        /** Pause between two rounds of Patroni's loop. */
        readonly loopWaitSeconds: number;
        /** How long a failing operation on etcd or PostgreSQL is retried. */
        readonly retryTimeoutSeconds: number;
        /**
         * How long a crashed primary may take to start before another node takes over. The profiles' values are for
         * synchronousMode off, where acknowledged rows may exist on the crashed node only. In the synchronous modes the
         * value is 0: a standby that has all acknowledged rows takes over at once. Its promotion is faster than crash
         * recovery. A primary that starts but cannot write (its disk is full) would also stay leader: Patroni starts it
         * read-only, promotes it, and repeats that when it fails (seen with 4.0.7).
         */
        readonly primaryStartTimeoutSeconds: number;
        /** How long a clean stop of the primary may take before it is killed (synchronous modes only). */
        readonly primaryStopTimeoutSeconds: number;
        /** The watchdog resets the machine this long before the lease ends. */
        readonly watchdogSafetyMarginSeconds: number;
    };
    readonly etcd: {
        readonly heartbeatMilliseconds: number;
        readonly electionMilliseconds: number;
    };
    readonly haproxy: {
        /** Time between two checks of a server that is up. */
        readonly checkIntervalMilliseconds: number;
        /** Time between two checks while a server changes its state. */
        readonly fastCheckIntervalMilliseconds: number;
        /** Time between two checks of a server that is down. It limits how soon a new primary is found. */
        readonly downCheckIntervalMilliseconds: number;
        /** A check that takes longer has failed. */
        readonly checkTimeoutMilliseconds: number;
        /** Consecutive failed checks after which a server is down. */
        readonly fall: number;
        /** Consecutive successful checks after which a server is up. */
        readonly rise: number;
        readonly connectTimeoutMilliseconds: number;
        /** A session without traffic ends after this time. It is a day: pools keep idle sessions, and keepalives detect dead peers. */
        readonly idleTimeoutSeconds: number;
    };
    /** Keepalives of every long-lived connection, and how long sent data may stay unacknowledged. */
    readonly tcp: {
        readonly keepaliveIdleSeconds: number;
        readonly keepaliveIntervalSeconds: number;
        readonly keepaliveCount: number;
        readonly userTimeoutMilliseconds: number;
        /**
         * How often a database node repeats a packet before it closes the connection (net.ipv4.tcp_retries2). The first
         * repetition is sent after 0.2 s, each further one after twice the time: 5 take 12.6 s. etcd needs this because it
         * sets no timeout of its own. Otherwise its connections would recover only with TCP's next repetition, which can
         * be half as long after an outage as the outage lasted.
         */
        readonly retransmissions: number;
    };
    readonly replication: {
        /** PostgreSQL's wal_sender_timeout and wal_receiver_timeout. */
        readonly timeoutSeconds: number;
    };
}

/** The values of the profiles. */
export const profiles: Readonly<Record<ProfileName, Timings>> = {
    fast: {
        patroni: {
            ttlSeconds: 20,
            loopWaitSeconds: 2,
            retryTimeoutSeconds: 5,
            primaryStartTimeoutSeconds: 5,
            primaryStopTimeoutSeconds: 10,
            watchdogSafetyMarginSeconds: 5,
        },
        etcd: { heartbeatMilliseconds: 100, electionMilliseconds: 500 },
        haproxy: {
            checkIntervalMilliseconds: 500,
            fastCheckIntervalMilliseconds: 250,
            downCheckIntervalMilliseconds: 250,
            checkTimeoutMilliseconds: 2000,
            fall: 2,
            rise: 1,
            connectTimeoutMilliseconds: 2000,
            idleTimeoutSeconds: 86_400,
        },
        tcp: {
            keepaliveIdleSeconds: 10,
            keepaliveIntervalSeconds: 5,
            keepaliveCount: 3,
            userTimeoutMilliseconds: 20_000,
            retransmissions: 5,
        },
        replication: { timeoutSeconds: 15 },
    },
    normal: {
        patroni: {
            ttlSeconds: 25,
            loopWaitSeconds: 3,
            retryTimeoutSeconds: 8,
            primaryStartTimeoutSeconds: 10,
            primaryStopTimeoutSeconds: 15,
            watchdogSafetyMarginSeconds: 5,
        },
        etcd: { heartbeatMilliseconds: 100, electionMilliseconds: 1000 },
        haproxy: {
            checkIntervalMilliseconds: 1000,
            fastCheckIntervalMilliseconds: 250,
            downCheckIntervalMilliseconds: 250,
            checkTimeoutMilliseconds: 3000,
            fall: 2,
            rise: 1,
            connectTimeoutMilliseconds: 3000,
            idleTimeoutSeconds: 86_400,
        },
        tcp: {
            keepaliveIdleSeconds: 15,
            keepaliveIntervalSeconds: 5,
            keepaliveCount: 3,
            userTimeoutMilliseconds: 30_000,
            retransmissions: 5,
        },
        replication: { timeoutSeconds: 20 },
    },
    safe: {
        patroni: {
            ttlSeconds: 45,
            loopWaitSeconds: 5,
            retryTimeoutSeconds: 15,
            primaryStartTimeoutSeconds: 30,
            primaryStopTimeoutSeconds: 60,
            watchdogSafetyMarginSeconds: 5,
        },
        etcd: { heartbeatMilliseconds: 250, electionMilliseconds: 2500 },
        haproxy: {
            checkIntervalMilliseconds: 2000,
            fastCheckIntervalMilliseconds: 1000,
            downCheckIntervalMilliseconds: 1000,
            checkTimeoutMilliseconds: 5000,
            fall: 3,
            rise: 2,
            connectTimeoutMilliseconds: 5000,
            idleTimeoutSeconds: 86_400,
        },
        tcp: {
            keepaliveIdleSeconds: 30,
            keepaliveIntervalSeconds: 10,
            keepaliveCount: 6,
            userTimeoutMilliseconds: 60_000,
            retransmissions: 6,
        },
        replication: { timeoutSeconds: 60 },
    },
};

/** The configured timings, which replace those of the profile. */
type TimingOverrides = {
    readonly [Group in keyof Timings]?: { readonly [Name in keyof Timings[Group]]?: number | undefined } | undefined;
};

/** Adds the timings that depend on the synchronous mode. Configured ones still override them; see `primaryStartTimeoutSeconds`. */
export function withSynchronousMode(synchronousMode: SynchronousMode, overrides: TimingOverrides): TimingOverrides {
    return synchronousMode === "off"
        ? overrides
        : { ...overrides, patroni: { primaryStartTimeoutSeconds: 0, ...overrides.patroni } };
}

/** The profile's timings with the overrides. */
export function resolveTimings(profile: ProfileName, overrides: TimingOverrides): Timings {
    const base = profiles[profile];
    return {
        patroni: { ...base.patroni, ...overrides.patroni },
        etcd: { ...base.etcd, ...overrides.etcd },
        haproxy: { ...base.haproxy, ...overrides.haproxy },
        tcp: { ...base.tcp, ...overrides.tcp },
        replication: { ...base.replication, ...overrides.replication },
    };
}

/** A rule that the timings break. */
interface TimingMistake {
    /** Path below `timingOverrides`. */
    readonly path: string;
    readonly value: number;
    readonly rule: string;
}

/** How long Yandex may freeze a machine while it moves it to another host (Yandex Compute, "Live migration"). */
export const freezeSeconds = 10;
/** After this long without a packet Yandex forgets a connection (Yandex VPC, "Security groups"). */
const idleConnectionSeconds = 180;

type TimingPath = { [Group in keyof Timings]: `${Group}.${keyof Timings[Group] & string}` }[keyof Timings];

interface TimingRule {
    /** The timing to change, below `timingOverrides`. */
    readonly path: TimingPath;
    readonly holds: (timings: Timings, profile: ProfileName) => boolean;
    /** What is allowed: "must be …". */
    readonly rule: (timings: Timings, profile: ProfileName) => string;
}

const loopAndRetriesSeconds = ({ patroni }: Timings) => patroni.loopWaitSeconds + 2 * patroni.retryTimeoutSeconds;
/** Of the lease, so that a machine frozen for `freezeSeconds` keeps it and its watchdog does not reset it. */
const leastLeaseSeconds = ({ patroni }: Timings) =>
    freezeSeconds + patroni.loopWaitSeconds + patroni.watchdogSafetyMarginSeconds;
const untilDeadSeconds = ({ tcp }: Timings) =>
    tcp.keepaliveIdleSeconds + tcp.keepaliveIntervalSeconds * tcp.keepaliveCount;
/** The kernel waits 0.2 s before the first repetition and twice as long before each further one. */
const givenUpSeconds = ({ tcp }: Timings) => 0.2 * (2 ** (tcp.retransmissions + 1) - 1);
const survivesFreeze = (seconds: number) => seconds > freezeSeconds && seconds < idleConnectionSeconds;

const timingRules: readonly TimingRule[] = [
    {
        path: "patroni.ttlSeconds",
        holds: ({ patroni }) => patroni.ttlSeconds >= 20,
        rule: () => "must be at least 20 (Patroni's own limit)",
    },
    {
        path: "patroni.ttlSeconds",
        holds: (timings) => loopAndRetriesSeconds(timings) <= timings.patroni.ttlSeconds,
        rule: (timings) =>
            `must be at least loopWaitSeconds + 2 × retryTimeoutSeconds = ${loopAndRetriesSeconds(timings)} (Patroni's rule)`,
    },
    {
        path: "patroni.ttlSeconds",
        holds: (timings, profile) => profile === "fast" || timings.patroni.ttlSeconds > leastLeaseSeconds(timings),
        rule: (timings, profile) =>
            `must be more than ${freezeSeconds} + loopWaitSeconds + watchdogSafetyMarginSeconds = ${leastLeaseSeconds(timings)} in profile ${profile}, ` +
            `so that a machine frozen for ${freezeSeconds} s by live migration stays leader (profile fast allows less)`,
    },
    {
        path: "etcd.electionMilliseconds",
        holds: ({ etcd }) => etcd.electionMilliseconds >= 5 * etcd.heartbeatMilliseconds,
        rule: ({ etcd }) =>
            `must be at least 5 × heartbeatMilliseconds = ${5 * etcd.heartbeatMilliseconds} (etcd's own limit)`,
    },
    {
        path: "etcd.electionMilliseconds",
        holds: ({ etcd, patroni }) => 2 * etcd.electionMilliseconds <= 1000 * patroni.retryTimeoutSeconds,
        rule: ({ patroni }) =>
            `must be at most half of patroni.retryTimeoutSeconds = ${500 * patroni.retryTimeoutSeconds}, or an election of etcd costs the primary its leadership`,
    },
    {
        path: "haproxy.fastCheckIntervalMilliseconds",
        holds: ({ haproxy }) => haproxy.fastCheckIntervalMilliseconds <= haproxy.checkIntervalMilliseconds,
        rule: ({ haproxy }) => `must be at most checkIntervalMilliseconds = ${haproxy.checkIntervalMilliseconds}`,
    },
    {
        path: "tcp.keepaliveIdleSeconds",
        holds: (timings) => survivesFreeze(untilDeadSeconds(timings)),
        rule: (timings) =>
            `must make keepaliveIdleSeconds + keepaliveIntervalSeconds × keepaliveCount, now ${untilDeadSeconds(timings)}, more than ${freezeSeconds} (live migration) ` +
            `and less than ${idleConnectionSeconds} (Yandex drops idle connections)`,
    },
    {
        path: "tcp.userTimeoutMilliseconds",
        holds: ({ tcp }) => tcp.userTimeoutMilliseconds > freezeSeconds * 1000,
        rule: () => `must be more than ${freezeSeconds * 1000}, so that a connection survives live migration`,
    },
    {
        path: "tcp.retransmissions",
        holds: (timings) => givenUpSeconds(timings) > freezeSeconds,
        rule: (timings) =>
            `must make 0.2 s × (2 ^ (retransmissions + 1) − 1), now ${givenUpSeconds(timings).toFixed(1)} s, more than ${freezeSeconds} s, so that a connection survives live migration`,
    },
    {
        path: "replication.timeoutSeconds",
        holds: ({ replication }) => survivesFreeze(replication.timeoutSeconds),
        rule: () =>
            `must be more than ${freezeSeconds} (live migration) and less than ${idleConnectionSeconds} (Yandex drops idle connections)`,
    },
];

/** The rules that the timings break. */
export function checkTimings(profile: ProfileName, timings: Timings): readonly TimingMistake[] {
    return timingRules
        .filter(({ holds }) => !holds(timings, profile))
        .map(({ path, rule }) => ({ path, value: valueAt(timings, path), rule: rule(timings, profile) }));
}

function valueAt(timings: Timings, path: TimingPath): number {
    const [group, name] = path.split(".") as [keyof Timings, string];
    return (timings[group] as Readonly<Record<string, number>>)[name]!;
}
