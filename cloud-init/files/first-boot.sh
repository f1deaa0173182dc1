#!/usr/bin/env bash
# The last step of cloud-init: packages, SELinux, services. Idempotent; a second run changes nothing.
# Reads /etc/postgres-ha/first-boot.conf (bash arrays, written by cloud-init before this runs):
#   PACKAGES       RPMs to install
#   SELINUX        commands that teach SELinux this machine's ports and connections
#   UNITS          units to enable and start now
#   DEADLINE_SECONDS  for everything here
set -euo pipefail

# shellcheck source=/dev/null
. /etc/postgres-ha/first-boot.conf

if [ "${FIRST_BOOT_SUPERVISED:-}" != yes ]; then
    FIRST_BOOT_SUPERVISED=yes exec timeout --kill-after=10 "$DEADLINE_SECONDS" "$0" "$@"
fi

log() { printf 'first-boot: %s\n' "$*"; }

# Mirrors have bad minutes; the deadline above ends the attempts.
retry() {
    local pause=1
    until "$@"; do
        log "failed, again in ${pause} s: $*"
        sleep "$pause"
        pause=$((pause < 30 ? pause * 2 : 30))
    done
}

missing=()
for package in "${PACKAGES[@]}"; do
    rpm --quiet -q "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    log "installing ${missing[*]}"
    retry dnf --quiet --assumeyes --nodocs --setopt=install_weak_deps=False install "${missing[@]}"
fi
rpm -q "${PACKAGES[@]}"

if command -v getenforce >/dev/null && [ "$(getenforce)" != Disabled ]; then
    for command in "${SELINUX[@]}"; do
        log "SELinux: $command"
        bash -euo pipefail -c "$command"
    done
fi

# A container or a kernel may refuse single values; say so and go on with the others.
systemctl restart systemd-sysctl || log "some kernel parameters could not be set (journalctl -u systemd-sysctl)"
systemctl restart systemd-journald && journalctl --flush
systemctl daemon-reload
systemctl disable --quiet --now firewalld 2>/dev/null || true

# One after another, in this order: the firewall has to stand before anything connects. A packet of a
# connection older than the firewall may count as one out of the blue, and is dropped.
for unit in "${UNITS[@]}"; do
    systemctl enable --quiet "$unit"
    systemctl restart "$unit"
done
log "done"
