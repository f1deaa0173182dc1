#!/usr/bin/env bash
# Restarts this node's PostgreSQL. A leader hands over to a synchronous standby before, so that
# clients see a switchover and not a restart; with in-place it stays the leader.
# Usage: restart-postgresql [in-place]
set -euo pipefail

export PATRONICTL_CONFIG_FILE=/etc/patroni
member=$(sed -n 's/^name: //p' /etc/patroni/patroni.yml)
deadline=$((SECONDS + 300))

rest() { curl --silent --max-time 5 --cacert /etc/postgres-ha/tls/ca.crt "$@" >/dev/null; }
leads() { rest --fail https://127.0.0.1:8008/primary; }
wait_until() {
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "restart-postgresql: $member: waited too long for: $*" >&2; exit 1; }
        sleep 0.5
    done
}
follows() { rest --fail https://127.0.0.1:8008/replica; }

if [ "${1:-}" != in-place ] && leads; then
    patronictl switchover --leader "$member" --force
    wait_until follows
fi
patronictl restart "$(sed -n 's/^scope: //p' /etc/patroni/patroni.yml)" "$member" --force
wait_until rest --fail https://127.0.0.1:8008/health
