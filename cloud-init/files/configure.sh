#!/usr/bin/env bash
# Brings this machine to the state on standard input (see apply), then waits until everything that
# should run here runs (see wait-until-ready, which may just have been replaced by a newer one).
# Usage: configure DEADLINE_SECONDS UNIT...
set -euo pipefail

directory=$(dirname "$0")
machine=$(hostname)

# An `up` that was killed leaves its configure running. The later one has the last word, so it waits for the earlier.
exec {lock}>/run/lock/postgres-ha-configure
if ! flock --nonblock "$lock"; then
    printf '%s: waiting for an earlier configure that still runs\n' "$machine" >&2
    flock --timeout 1800 "$lock" || {
        printf '%s: an earlier configure still runs after 1800 s\n' "$machine" >&2
        exit 1
    }
fi
if ! timeout --kill-after=10 1800 "$directory/apply" {lock}>&-; then
    printf '%s: the configuration could not be applied\n' "$machine" >&2
    exit 1
fi
"$directory/mount-data-disks" {lock}>&-
# Patroni keeps this in etcd, where a person may have changed it.
if [ -x "$directory/apply-dynamic-configuration" ]; then
    timeout --kill-after=10 1750 "$directory/apply-dynamic-configuration" {lock}>&-
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
