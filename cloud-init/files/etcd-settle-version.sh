#!/usr/bin/env bash
# Waits until a new cluster's etcd has decided which version it is. Its leader does so when it is elected, if all members
# answer it then. Mostly the last one starts a moment later, and until the leader looks again, after 5 s, the cluster
# calls itself 3.0. Patroni believes that, finds no API of that time, and tries again after 5 s of its own. A leader
# that was just elected looks at once: so the lead changes hands as soon as all members are there.
# Fails never: without it Patroni starts later, with an etcd that says why.
set -euo pipefail

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh
deadline=$((SECONDS + 10))

is_undecided() {
    curl --silent --max-time 2 --cacert "$ETCDCTL_CACERT" --cert "$ETCDCTL_CERT" --key "$ETCDCTL_KEY" https://127.0.0.1:2379/version |
        grep --quiet --extended-regexp '"etcdcluster":"(3\.0\.0|not_decided)"'
}

while is_undecided && [ "$SECONDS" -lt "$deadline" ]; do
    if timeout 3 etcdctl --dial-timeout=1s --command-timeout=1s endpoint health >/dev/null 2>&1; then
        "$(dirname "$0")/etcd-hand-over" || true
    fi
    sleep 0.2
done
