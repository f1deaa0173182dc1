#!/usr/bin/env bash
# Patroni's callback for every action; standard output is the journal (journalctl -t patroni-callback). Says what
# happened, runs the script that is configured for it (the setting patroniCallbacks) with the same arguments, and
# beside it tells PgBouncer of a new role.
# Patroni does not wait. It kills a callback that still runs when it has another one, so that no script acts on a
# role which the node has lost since; a script that hangs without a successor is ended here.
# Usage: patroni-callback ACTION ROLE SCOPE
set -euo pipefail

deadline_seconds=60
action=$1
role=$2
scope=$3

# PgBouncer passes on to every client the in_hot_standby that it heard first, and libpq goes by that where a connection
# string names several hosts. With new connections it hears it anew; sessions that are in use keep theirs.
reconnect_pooler() {
    local in_recovery=t
    [ "$role" != primary ] || in_recovery=f
    export PGUSER=postgres PGCONNECT_TIMEOUT=5
    until [ "$(psql --host=/run/postgresql --dbname=postgres -XAtc 'SELECT pg_is_in_recovery()' 2>/dev/null)" = "$in_recovery" ]; do
        if [ "$SECONDS" -ge 30 ]; then
            echo "$action: PostgreSQL is no $role after 30 s, PgBouncer keeps its connections"
            return
        fi
        sleep 0.1
    done
    psql --host=/run/pgbouncer --port=6432 --dbname=pgbouncer -Xqc RECONNECT || echo "$action: PgBouncer did not reconnect"
}

echo "$action role=$role scope=$scope"
case $action in
on_start | on_restart | on_role_change) reconnect_pooler & ;;
esac
status=0
timeout --kill-after=5 "$deadline_seconds" "/etc/postgres-ha/callbacks/$action" "$@" </dev/null || status=$?
case $status in
0) ;;
124 | 137) echo "$action: the script was ended after $deadline_seconds s" ;;
*) echo "$action: the script ended with status $status" ;;
esac
wait
exit "$status"
