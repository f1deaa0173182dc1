/** How soon faults are noticed, what a commit waits for, and which replica may become leader. */
import { callbackActions, profileNames, synchronousModes, type CallbackAction } from "../cluster/names.ts";
import { checkTimings, resolveTimings, withSynchronousMode } from "../cluster/timings.ts";
import { scriptText } from "./formats.ts";
import { key, ruleOver, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";

const milliseconds = kind.whole(50, 50_000, "milliseconds").optional();
const seconds = (max: number) => kind.whole(1, max, "seconds").optional();
const count = kind.whole(1, 10).optional();
const callbackScripts = Object.fromEntries(callbackActions.map((action) => [action, scriptText.optional()])) as Record<
    CallbackAction,
    ReturnType<typeof scriptText.optional>
>;
const timingGroup = <T extends Parameters<typeof kind.object>[0]>(shape: T) =>
    kind.object(shape, "must be a map of timings").optional();

export const highAvailabilityKeys = {
    profile: key({
        change: "rolling restart",
        kind: kind.oneOf(profileNames),
        default: "normal",
        description:
            "Timings of Patroni, etcd, HAProxy and TCP together: fast (a lost machine is noticed within 20 s), normal (25 s) or safe (45 s, forgives the longest hiccups). See cluster/timings.ts.",
    }),
    timingOverrides: key({
        change: "rolling restart",
        kind: kind.object(
            {
                patroni: timingGroup({
                    ttlSeconds: seconds(600),
                    loopWaitSeconds: seconds(60),
                    retryTimeoutSeconds: kind.whole(3, 120, "seconds; Patroni allows no less than 3").optional(),
                    primaryStartTimeoutSeconds: kind.whole(0, 3600, "seconds").optional(),
                    primaryStopTimeoutSeconds: kind.whole(0, 3600, "seconds").optional(),
                    watchdogSafetyMarginSeconds: seconds(60),
                }),
                etcd: timingGroup({ heartbeatMilliseconds: milliseconds, electionMilliseconds: milliseconds }),
                haproxy: timingGroup({
                    checkIntervalMilliseconds: milliseconds,
                    fastCheckIntervalMilliseconds: milliseconds,
                    downCheckIntervalMilliseconds: milliseconds,
                    checkTimeoutMilliseconds: milliseconds,
                    fall: count,
                    rise: count,
                    connectTimeoutMilliseconds: milliseconds,
                    idleTimeoutSeconds: seconds(604_800),
                }),
                tcp: timingGroup({
                    keepaliveIdleSeconds: seconds(170),
                    keepaliveIntervalSeconds: seconds(60),
                    keepaliveCount: count,
                    userTimeoutMilliseconds: kind.whole(1000, 170_000, "milliseconds").optional(),
                    retransmissions: kind.whole(1, 15, "repetitions").optional(),
                }),
                replication: timingGroup({ timeoutSeconds: seconds(600) }),
            },
            "must be a map of patroni, etcd, haproxy, tcp, replication",
        ),
        default: {},
        description:
            "Map of maps (patroni, etcd, haproxy, tcp, replication) with single timings that differ from the profile. They are validated against the rules in cluster/timings.ts.",
    }),
    synchronousMode: key({
        change: "live",
        kind: kind.oneOf(synchronousModes),
        default: "quorum",
        description:
            "quorum (a commit waits for one standby, so no acknowledged row is lost), strict (the same, and writes stop while there is no standby) or off (asynchronous).",
    }),
    maxFailoverLagMib: key({
        change: "live",
        kind: kind.whole(0, 1024, "MiB"),
        default: 1,
        description:
            "A replica that lags behind by more MiB than this does not become leader. It matters only while synchronousMode is off.",
    }),
    patroniCallbacks: key({
        change: "live",
        kind: kind.object(callbackScripts, `must be a map of ${callbackActions.join(", ")} to scripts`),
        default: {},
        description: `Map of ${callbackActions.join(", ")} to texts of scripts, which Patroni runs on the affected node: as postgres, in bash unless the first line names an interpreter, with the action, the role and the cluster's name as arguments, for 60 s at most.`,
    }),
    maxReplicaLagMib: key({
        change: "live",
        kind: kind.whole(1, 10_240, "MiB"),
        default: 16,
        description:
            "A replica that lags behind by more MiB than this gets no new sessions from port 5001. What becomes of those that it has there, keepReadsOnLaggingReplica says.",
    }),
    keepReadsOnLaggingReplica: key({
        change: "live",
        kind: kind.flag,
        default: false,
        description:
            "Whether sessions from port 5001 go on when their replica lags behind by more than maxReplicaLagMib, so that long reads finish, with data that may be older. False ends them. When a replica fails, its sessions end in either case.",
    }),
};

type Configuration = Values<typeof highAvailabilityKeys>;
const rule = ruleOver<Configuration>();

export const highAvailability: Subject = {
    title: "High availability",
    keys: highAvailabilityKeys,
    rules: [
        rule(["profile", "timingOverrides"], ({ profile, timingOverrides }, refuse) => {
            for (const mistake of checkTimings(profile, resolveTimings(profile, timingOverrides))) {
                refuse(`timingOverrides.${mistake.path}`, mistake.value, mistake.rule);
            }
        }),
    ],
};

/** The settings of Patroni, etcd, HAProxy and TCP. */
export function highAvailabilitySettings(configuration: Configuration) {
    const { profile, synchronousMode, timingOverrides } = configuration;
    return {
        highAvailability: {
            /** The profile's timings with the configured overrides. */
            timings: resolveTimings(profile, withSynchronousMode(synchronousMode, timingOverrides)),
            synchronousMode,
            /** A replica that lags behind by more never becomes leader (matters only while synchronousMode is off). */
            maxFailoverLagMib: configuration.maxFailoverLagMib,
            /** A replica that lags behind by more gets no reads on port 5001. */
            maxReplicaLagMib: configuration.maxReplicaLagMib,
            /** Whether such a replica keeps the sessions that it has. */
            keepReadsOnLaggingReplica: configuration.keepReadsOnLaggingReplica,
            /**
             * Whether a watchdog resets a leader that hangs. Under the fast profile's short lease a machine that is frozen
             * for ten seconds would come within three seconds of a reset.
             */
            watchdog: profile !== "fast",
            /** Scripts that run when Patroni starts, stops, restarts or reloads PostgreSQL or changes its role. */
            callbacks: configuration.patroniCallbacks,
        },
    };
}
