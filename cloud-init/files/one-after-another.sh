#!/usr/bin/env bash
# Runs a command on this node while no other node of the cluster runs one through this script:
# it holds a lock in etcd meanwhile. On a cluster that has no quorum (its first boot) there is
# nothing to protect yet, and the command runs at once.
# Usage: one-after-another COMMAND ARG...
set -euo pipefail

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh

# Counted from when this node has the lock; a queue may be as long as two nodes that need all of theirs.
command_seconds=540
queue_seconds=1080
if ! timeout 5 etcdctl --command-timeout=3s get --limit=1 / --prefix --keys-only >/dev/null 2>&1; then
    exec timeout "$command_seconds" "$@"
fi
# etcd may stop while this waits for the lock, because another node restarts it or this node's own restart is queued. Then
# the command has not begun, and waiting again is safe: the command itself removes the mark.
mark=$(mktemp)
trap 'rm -f "$mark"' EXIT
for attempt in 1 2 3; do
    status=0
    # The lease behind the lock ends with this process; a node that dies here blocks the others for 60 s.
    # shellcheck disable=SC2016 # the inner shell expands it
    timeout "$((queue_seconds + command_seconds))" etcdctl lock --ttl=60 /postgres-ha/one-after-another -- \
        timeout "$command_seconds" bash -c 'rm -f "$0" && exec "$@"' "$mark" "$@" || status=$?
    if [ ! -e "$mark" ] || [ "$status" -eq 124 ]; then exit "$status"; fi
    echo "one-after-another: etcd gave no lock, attempt $attempt" >&2
    sleep 2
done
exit "$status"
