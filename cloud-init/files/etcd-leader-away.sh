#!/usr/bin/env bash
# If this node holds PostgreSQL's leader and etcd's leader, hands etcd's to another healthy member.
# Losing both at once would cost an election and a renewed lease on top of the lease itself.
set -euo pipefail

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh

curl --silent --fail --max-time 3 --cacert "$ETCDCTL_CACERT" --output /dev/null https://127.0.0.1:8008/primary || exit 0
exec "$(dirname "$0")/etcd-hand-over"
