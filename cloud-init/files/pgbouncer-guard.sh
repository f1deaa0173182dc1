#!/usr/bin/env bash
# Ends a PgBouncer that lives but does not answer, or that has no PostgreSQL to lead to; systemd starts it
# again, as soon as PostgreSQL accepts connections. A process that died needs no guard. Runs for as long as
# its service does.
# Usage: pgbouncer-guard COMMAND...   the command fails while PostgreSQL refuses connections
set -euo pipefail

interval_seconds=2
answer_seconds=2
failures_allowed=2

# GSSENCRequest: any living PgBouncer refuses it with the letter N, without a line in its log.
answers() {
    # shellcheck disable=SC2016  # the inner shell expands it
    timeout "$answer_seconds" bash -c '
        exec 3<>/dev/tcp/127.0.0.1/6432
        printf "\x00\x00\x00\x08\x04\xd2\x16\x30" >&3
        read -r -N 1 answer <&3 && [ "$answer" = N ]' 2>/dev/null
}

# One that keeps silent is slow or hangs; whether it should, Patroni decides.
refuses() {
    local status=0
    timeout "$answer_seconds" "$@" || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 124 ]
}

failures=0
while true; do
    fault=
    if [ "$(systemctl is-active pgbouncer)" = active ]; then
        if ! answers; then
            fault="PgBouncer has not answered"
        elif refuses "$@"; then
            fault="PostgreSQL has refused connections"
        fi
    fi
    if [ -z "$fault" ]; then
        failures=0
    else
        failures=$((failures + 1))
        if [ "$failures" -ge "$failures_allowed" ]; then
            echo "$fault $failures times: ending PgBouncer" >&2
            systemctl kill --signal=KILL pgbouncer
            failures=0
        fi
    fi
    sleep "$interval_seconds"
done
