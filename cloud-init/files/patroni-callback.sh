#!/usr/bin/env bash
# Patroni's callback for every action; standard output is the journal (journalctl -t patroni-callback). Says what
# happened, then runs the script that is configured for it (the setting patroniCallbacks) with the same arguments.
# Patroni does not wait. It kills a callback that still runs when it has another one, so that no script acts on a
# role which the node has lost since; a script that hangs without a successor is ended here.
# Usage: patroni-callback ACTION ROLE SCOPE
set -euo pipefail

deadline_seconds=60
action=$1
role=$2
scope=$3

echo "$action role=$role scope=$scope"
status=0
timeout --kill-after=5 "$deadline_seconds" "/etc/postgres-ha/callbacks/$action" "$@" </dev/null || status=$?
case $status in
0) ;;
124 | 137) echo "$action: the script was ended after $deadline_seconds s" ;;
*) echo "$action: the script ended with status $status" ;;
esac
exit "$status"
