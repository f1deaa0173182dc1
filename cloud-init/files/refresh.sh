#!/usr/bin/env bash
# Lets a running service take its changed files; a service that does not run, or is not even
# installed yet, will read them when it starts.
# Usage: refresh reload|restart UNIT
set -euo pipefail

action=$1
unit=$2
case $(systemctl is-active "$unit") in
active | activating | reloading)
    if [ "$action" = reload ]; then action=reload-or-restart; fi
    exec timeout 120 systemctl "$action" "$unit"
    ;;
esac
