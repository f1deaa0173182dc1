#!/usr/bin/env bash
# Runs the SQL script on standard input as the superuser on the leader, wherever that is.
# Usage: create-database-objects DEADLINE_SECONDS ADDRESS...   (the members' addresses)
set -euo pipefail

deadline_seconds=$1
shift
hosts=$(IFS=, && echo "$*")

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# The script is read once and kept in memory: it holds verifiers of passwords and may be needed again.
sql=$(cat)
connection="host=$hosts port=5432 dbname=postgres user=postgres target_session_attrs=primary connect_timeout=3"
# The configured limit for statements does not apply to the creation of a database.
connection+=" options='-c statement_timeout=0 -c transaction_timeout=0 -c lock_timeout=0'"
connection+=" sslmode=verify-full sslrootcert=/etc/postgres-ha/tls/ca.crt passfile=/etc/postgres-ha/superuser.pgpass"

# A leader answers a moment before Patroni has made its own roles; those for rewinding come last.
ready() {
    local found
    found=$(printf "SELECT count(*) FROM pg_roles WHERE rolname = 'rewinder';" |
        runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align "$connection" 2>"$errors") && [ "$found" = 1 ]
}
# 2 where there is no leader (yet), or not any more before the end.
try() {
    ready || return 2
    printf '%s\n' "$sql" | timeout 120 runuser -u postgres -- psql --no-psqlrc --quiet --output=/dev/null \
        --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse "$connection" 2>"$errors"
}
# All of the script may be repeated.
until try; do
    status=$?
    if [ "$status" -ne 2 ]; then
        echo "$(hostname): the roles and databases could not be made, psql ended with $status:" >&2
        cat "$errors" >&2
        exit 1
    fi
    if [ "$SECONDS" -ge "$deadline_seconds" ]; then
        echo "$(hostname): no leader to connect to within $deadline_seconds s:" >&2
        tail -n 5 "$errors" >&2
        exit 1
    fi
    sleep 0.3
done
cat "$errors" >&2
echo "roles and databases are as configured"
