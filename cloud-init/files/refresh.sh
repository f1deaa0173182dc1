#!/usr/bin/env bash
# Lets a running service take its changed files; a service that does not run, or is not even
# installed yet, will read them when it starts.
# Usage: refresh reload|restart UNIT
set -euo pipefail

action=$1
unit=$2
state=$(systemctl is-active "$unit") || true
case $action-$state in
# Does not wait for a service that is starting: that can take long, as PgBouncer waits for PostgreSQL.
reload-activating) exec systemctl --no-block reload-or-restart "$unit" ;;
reload-active | reload-reloading) exec timeout 120 systemctl reload-or-restart "$unit" ;;
restart-active | restart-activating | restart-reloading) exec timeout 120 systemctl restart "$unit" ;;
esac
