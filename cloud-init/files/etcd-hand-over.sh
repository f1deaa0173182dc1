#!/usr/bin/env bash
# If this node is etcd's leader, transfers the leadership to another healthy member.
set -euo pipefail

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh

etcdctl() { timeout 5 /usr/bin/etcdctl --command-timeout=3s "$@"; }
# etcdctl refuses an endpoint that is given both as a flag and in the environment.
here() { ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 etcdctl "$@"; }

# The ids are unsigned 64-bit numbers: jq would round them, so this reads the line format.
field() { awk -F' : ' -v key="\"$1\"" '$1 == key { print $2 }'; }

own_status=$(here endpoint status --write-out=fields)
own_id=$(field MemberID <<<"$own_status")
[ "$own_id" = "$(field Leader <<<"$own_status")" ] || exit 0

# Only members that answer are listed; a learner cannot lead.
target=$(etcdctl endpoint status --write-out=fields 2>/dev/null |
    awk -F' : ' -v own="$own_id" '$1 == "\"MemberID\"" { id = $2 } $1 == "\"IsLearner\"" && $2 == "false" && id != own { print id; exit }') || true
[ -n "$target" ] || exit 0

here move-leader "$(printf '%x' "$target")"
