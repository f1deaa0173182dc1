#!/usr/bin/env bash
# Brings this machine to the state on standard input (see apply), then waits until everything that
# should run here runs (see wait-until-ready, which may just have been replaced by a newer one).
# Usage: configure DEADLINE_SECONDS UNIT...   (the deadline of the last wait)
# CHANGE_SECONDS in the environment is the budget of all before that wait: an earlier configure that still runs, files,
# disks that grow, services that restart node after node. Each step gets what is left of it.
set -euo pipefail

directory=$(dirname "$0")
machine=$(hostname)
remaining() { echo $((SECONDS < CHANGE_SECONDS ? CHANGE_SECONDS - SECONDS : 1)); }
# step COMMAND...: ends it when nothing is left. It knows what it has, so it can end before, and say why.
step() { REMAINING_SECONDS=$(remaining) timeout --kill-after=10 "$(remaining)" "$@" {lock}>&-; }

# An `up` that was killed leaves its configure running. The later one has the last word, so it waits for the earlier.
exec {lock}>/run/lock/postgres-ha-configure
if ! flock --nonblock "$lock"; then
    printf '%s: waiting for an earlier configure that still runs\n' "$machine" >&2
    flock --timeout "$(remaining)" "$lock" || {
        printf '%s: an earlier configure still runs after %s s\n' "$machine" "$SECONDS" >&2
        exit 1
    }
fi
if ! step "$directory/apply"; then
    printf '%s: the configuration could not be applied\n' "$machine" >&2
    exit 1
fi
step "$directory/mount-data-disks"
# Patroni keeps this in etcd, where a person may have changed it.
if [ -x /usr/local/bin/postgres-ha ]; then
    step /usr/local/bin/postgres-ha apply-dynamic-configuration
fi
# Starts what is new or was stopped or disabled. Before the first boot is done there is nothing to start yet.
if systemctl --quiet is-active postgres-ha.path; then
    UNITS=()
    # shellcheck source=/dev/null
    [ ! -e /etc/postgres-ha/first-boot.conf ] || . /etc/postgres-ha/first-boot.conf
    for unit in "${UNITS[@]}"; do
        systemctl --quiet is-enabled "$unit" 2>/dev/null || systemctl --quiet enable "$unit"
        systemctl --quiet is-active "$unit" || systemctl start "$unit"
    done
    systemctl start --no-block postgres-ha.target
fi
exec {lock}>&-
exec "$directory/wait-until-ready" "$@"
