#!/usr/bin/env bash
# Decides how etcd starts on this node, just before it does, and writes the configuration it starts with.
# With data it goes on as it was. Without, it is either the cluster's first boot, or this machine replaces
# one that is lost. A member that lost its log must not go on under its old identity, because it might
# vote twice: it leaves the cluster and joins it as a new one.
# Usage: etcd-join CONFIGURATION RESULT DATA_MOUNT_POINT POSTGRESQL_DATA_DIRECTORY
set -euo pipefail

configuration=$1
result=$2
data_mount_point=$3
postgresql_data=$4
deadline=$((SECONDS + 300))

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh

setting() { sed -n "s/^$1: //p" "$configuration"; }
name=$(setting name)
peer_url=$(setting initial-advertise-peer-urls)
ETCDCTL_ENDPOINTS=$(tr , '\n' <<<"$ETCDCTL_ENDPOINTS" | grep -Fvx "$(setting advertise-client-urls)" | paste -sd,)
export ETCDCTL_ENDPOINTS

start_as_configured() {
    install -m 0644 "$configuration" "$result"
    exit 0
}

[ ! -d "$(setting data-dir)/member" ] || start_as_configured

if ! mountpoint --quiet "$data_mount_point"; then
    echo "etcd-join: $data_mount_point is not mounted: only the data disk tells whether $name is new or replaces a lost machine" >&2
    exit 1
fi
# PostgreSQL's first start needs etcd: where it has run, so has etcd's cluster.
if [ -e "$postgresql_data/PG_VERSION" ]; then
    cluster_is_old=yes
    echo "etcd-join: $name has PostgreSQL's data and none of etcd's: it waits until the other members let it join." \
        "If no node has etcd's data any more, see \"All of etcd lost\" in docs/operations.md"
else
    cluster_is_old=no
fi

answers_tcp() {
    local endpoint address
    for endpoint in ${ETCDCTL_ENDPOINTS//,/ }; do
        address=${endpoint#https://}
        ! timeout 1 bash -c ": <'/dev/tcp/${address%:*}/${address##*:}'" 2>/dev/null || return 0
    done
    return 1
}
ask() { timeout 10 etcdctl --dial-timeout=2s --command-timeout="$1" "${@:2}"; }

# Fields: id, status, name, peer URL, client URL (empty until the member has run), learner.
member_list() {
    if [ "$cluster_is_old" = yes ]; then
        ask 3s member list 2>/dev/null
    else
        # The others may be at their first boot, too. If one is mistaken for it, etcd itself refuses to start.
        answers_tcp && ask 1s member list 2>/dev/null
    fi
}

join() {
    local own id known_name client_url
    own=$(awk -F ', ' -v url="$peer_url" '$4 == url' <<<"$1")
    IFS='|' read -r id known_name client_url < <(awk -F ', ' '{ print $1 "|" $3 "|" $5 }' <<<"$own")
    if [ -n "$known_name" ] && [ -z "$client_url" ]; then
        start_as_configured # the first boot of all members
    fi
    if [ -n "$client_url" ]; then
        echo "etcd-join: the cluster knows $name as member $id, whose data is lost: it is replaced"
        ask 3s member remove "$id" || return
        own=
    fi
    if [ -z "$own" ]; then
        ask 3s member add "$name" "--peer-urls=$peer_url" || return
    fi
    local members
    members=$(ask 3s member list | awk -F ', ' -v url="$peer_url" -v name="$name" '{ print ($4 == url ? name : $3) "=" $4 }' | paste -sd,) || return
    sed -e "s#^initial-cluster: .*#initial-cluster: $members#" -e 's/^initial-cluster-state: .*/initial-cluster-state: existing/' \
        "$configuration" >"$result.new"
    chmod 0644 "$result.new"
    mv "$result.new" "$result"
    exit 0
}

while [ "$SECONDS" -lt "$deadline" ]; do
    if members=$(member_list); then
        join "$members" || true # without a quorum, or while members reconnect, it is refused
    elif [ "$cluster_is_old" = no ]; then
        start_as_configured
    fi
    sleep 1
done
echo "etcd-join: $name has no data, and no other member let it join again; how to go on: etcdctl member list on another node" >&2
exit 1
