#!/usr/bin/env bash
# Ends a PgBouncer that lives but does not answer; systemd starts it again at once. A process that
# died needs no guard. Runs for as long as its service does.
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

failures=0
while true; do
    if [ "$(systemctl is-active pgbouncer)" != active ] || answers; then
        failures=0
    else
        failures=$((failures + 1))
        if [ "$failures" -ge "$failures_allowed" ]; then
            echo "PgBouncer has not answered $failures times: ending it" >&2
            systemctl kill --signal=KILL pgbouncer
            failures=0
        fi
    fi
    sleep "$interval_seconds"
done
