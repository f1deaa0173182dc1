#!/usr/bin/env bash
# Brings this machine to the state on standard input (see apply), then waits until everything that
# should run here runs (see wait-until-ready, which may just have been replaced by a newer one).
# Usage: configure DEADLINE_SECONDS UNIT...
set -euo pipefail

directory=$(dirname "$0")
if ! timeout --kill-after=10 1800 "$directory/apply"; then
    printf '%s: the configuration could not be applied\n' "$(hostname)" >&2
    exit 1
fi
"$directory/grow-data-disks"
# What a running machine has new; before the first boot is done there is nothing to start yet.
if systemctl --quiet is-active postgres-ha.path; then
    systemctl start --no-block postgres-ha.target
fi
exec "$directory/wait-until-ready" "$@"
