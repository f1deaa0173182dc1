#!/usr/bin/env bash
# Takes nodes that are no longer planned out of the cluster, before their machines are deleted: a switchover
# first, then etcd removes the member. Works for machines that are dead already. (Nodes that are new come in
# by themselves, see etcd-join.)
# Usage: reconcile-members DEADLINE_SECONDS NAME...
set -euo pipefail

deadline_seconds=$1
shift
if [ "${RECONCILE_SUPERVISED:-}" != yes ]; then
    RECONCILE_SUPERVISED=yes exec timeout --kill-after=10 "$((deadline_seconds + 30))" "$0" "$deadline_seconds" "$@"
fi

# shellcheck source=/dev/null
. /etc/profile.d/postgres-ha-etcd.sh
export PATRONICTL_CONFIG_FILE=/etc/patroni/patroni.yml

is_planned() {
    local planned
    for planned in "${@:2}"; do [ "$planned" != "$1" ] || return 0; done
    return 1
}
# Name and role of every member, the synchronous standbys first.
members() { patronictl list --format json | python3 -c 'import json, sys
for member in sorted(json.load(sys.stdin), key=lambda one: "Standby" not in one["Role"]): print(member["Member"], member["Role"], sep="|")'; }
leader() { members | sed -n 's/|Leader$//p'; }

hand_over() {
    local from=$1 candidate
    shift
    for candidate in $(members | sed 's/|.*//'); do
        if is_planned "$candidate" "$@"; then
            echo "$from leads and is to go: $candidate takes over"
            patronictl switchover --leader "$from" --candidate "$candidate" --force
            return
        fi
    done
}

# The first member that is not planned, as ID|NAME; fails where etcd does not answer.
first_leaving() {
    local list id name
    list=$(timeout 10 etcdctl --command-timeout=5s member list | awk -F ', ' '{ print $1 "|" $3 }') || return
    while IFS='|' read -r id name; do
        # One without a name is just joining.
        if [ -n "$name" ] && ! is_planned "$name" "$@"; then
            echo "$id|$name"
            return
        fi
    done <<<"$list"
}

# Each round looks anew: what was done and not answered must not be done twice.
while [ "$SECONDS" -lt "$deadline_seconds" ]; do
    if leaving=$(first_leaving "$@"); then
        [ -n "$leaving" ] || exit 0
        name=${leaving#*|}
        if [ "$(leader)" = "$name" ]; then
            hand_over "$name" "$@" || true # Patroni says why; perhaps it can in a moment
        else
            echo "$name is to go: etcd forgets it"
            timeout 10 etcdctl --command-timeout=5s member remove "${leaving%%|*}" || true
        fi
    fi
    sleep 0.5
done
echo "reconcile-members: not done within $deadline_seconds s; etcd's members:" >&2
timeout 10 etcdctl --command-timeout=5s member list >&2
exit 1
