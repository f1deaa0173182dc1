#!/usr/bin/env bash
# Brings back a replica that was away for longer than its slot may hold WAL (max_slot_wal_keep_size). Nothing but a
# new copy helps it, and Patroni waits for somebody to order one. Two parts, each on the node it concerns:
# - the leader drops slots that have lost their WAL: they are of no use any more, and Patroni before 4.1.4 keeps them;
# - a replica that is told "removed" and does not stream orders its own new copy.
# The prefix <4> makes a line a warning, which the unit's LogLevelMax lets through.
set -euo pipefail

export PATRONICTL_CONFIG_FILE=/etc/patroni
# As often as the timer looks: what was logged before may be settled.
recent_seconds=30

rest() { curl --silent --max-time 5 --cacert /etc/postgres-ha/tls/ca.crt "https://127.0.0.1:8008$1"; }

status=$(rest /patroni | jq -c '{role, state, replication_state}') || exit 0
case $(jq -r .role <<<"$status") in
primary)
    psql --host=/run/postgresql --username=postgres --no-psqlrc --quiet --tuples-only --no-align <<'SQL'
SELECT '<4>dropped ' || slot_name || ', which had lost its WAL' FROM (
    SELECT slot_name, pg_drop_replication_slot(slot_name) FROM pg_replication_slots
    WHERE slot_type = 'physical' AND wal_status = 'lost' AND NOT active
) AS dropped;
SQL
    ;;
replica)
    [ "$(jq -r '.state + " " + (.replication_state // "")' <<<"$status")" = "running " ] || exit 0
    journalctl --unit=patroni --since="-$recent_seconds" --output=cat --no-pager |
        grep --quiet 'requested WAL segment [0-9A-F]* has already been removed' || exit 0
    # A leader is needed to copy from.
    rest /cluster | jq --exit-status '.members | any(.role == "leader" and .state == "running")' >/dev/null || exit 0
    member=$(sed -n 's/^name: //p' /etc/patroni/patroni.yml)
    echo "<4>the leader has removed WAL that $member needs: copying anew"
    patronictl reinit "$(sed -n 's/^scope: //p' /etc/patroni/patroni.yml)" "$member" --force
    ;;
esac
