#!/usr/bin/env bash
# Installs the packages that are missing, sets SELinux up, and enables and starts the units that do not run. It is the last
# step of cloud-init, and runs again when packages or units are added, or when the first boot lost power half-way. On a
# machine whose first boot is complete it restarts nothing.
# Reads /etc/postgres-ha/first-boot.conf (bash arrays, written by cloud-init before this runs):
#   PACKAGES       RPMs to install
#   SELINUX        commands that teach SELinux this machine's ports and connections
#   UNITS          units to enable and start now
#   DEADLINE_SECONDS  for everything here; REMAINING_SECONDS in the environment shortens it to what the caller has left
set -euo pipefail

# shellcheck source=/dev/null
. /etc/postgres-ha/first-boot.conf

if [ "${FIRST_BOOT_SUPERVISED:-}" != yes ]; then
    if [ -n "${REMAINING_SECONDS:-}" ] && [ "$REMAINING_SECONDS" -lt "$DEADLINE_SECONDS" ]; then
        DEADLINE_SECONDS=$REMAINING_SECONDS
    fi
    FIRST_BOOT_SUPERVISED=yes exec timeout --kill-after=10 "$DEADLINE_SECONDS" "$0" "$@"
fi

directory=$(dirname "$0")
output=$(mktemp)
trap 'rm -f "$output"' EXIT
log() { printf 'first-boot: %s\n' "$*"; }

# What dnf says of troubles that stay, and of those that pass. A list of mirrors may give both: then there is hope.
stays='nothing provides|No match for argument|Status code: 4(0[0-7]|[1-9][0-9]) |GPG check FAILED|GPG signature verification error|Bad GPG signature|Failed to retrieve GPG key|Failed to import public key'
passes='Status code: (408|429|5..) |Curl error \((5|6|7|16|18|28|35|52|55|56|92)\)|[Tt]imed? ?out'

# retry COMMAND...: until it succeeds, because mirrors have bad minutes; the deadline above ends the attempts.
# Returns 65 at once where trying again is of no use: a status of 65, or what dnf says.
retry() {
    local pause=1 status
    while true; do
        status=0
        "$@" 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
        [ "$status" -ne 0 ] || return 0
        if [ "$status" -eq 65 ] || { grep --quiet --extended-regexp "$stays" "$output" && ! grep --quiet --extended-regexp "$passes" "$output"; }; then
            log "failed, and would fail again: $*"
            return 65
        fi
        log "failed, again in ${pause} s: $*"
        sleep "$pause"
        pause=$((pause < 30 ? pause * 2 : 30))
    done
}

# Here a repository that does not answer is an error; the nightly updates go on without it. Old indexes are looked at
# again, because what they name may be gone. Not --quiet: dnf would not say what a mirror answered.
install() {
    retry dnf --assumeyes --nodocs --refresh '--setopt=*.skip_if_unavailable=0' --setopt=install_weak_deps=False install "$@"
}

# choose_versions: sets wanted to the missing packages, as NAME-VERSION-RELEASE where the cluster's other nodes have them.
choose_versions() {
    local package each found
    wanted=()
    for package in "${missing[@]}"; do
        found=$package
        for each in "${peers[@]}"; do
            [ "${each%-*-*}" != "$package" ] || found=$each
        done
        wanted+=("$found")
    done
}

# forget_lost_versions: takes out of peers what dnf has just not found, and what is of the same build; all if that was not it.
forget_lost_versions() {
    local each lost builds=" " kept=()
    while read -r lost; do
        builds+="${lost#"${lost%-*-*}"-} "
    done < <(sed -n 's/.*No match for argument: //p' "$output")
    for each in "${peers[@]}"; do
        [[ $builds == *" ${each#"${each%-*-*}"-} "* ]] || kept+=("$each")
    done
    if [ "${#kept[@]}" -eq "${#peers[@]}" ]; then kept=(); fi
    peers=("${kept[@]}")
}

missing=()
for package in "${PACKAGES[@]}"; do
    rpm --quiet -q "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    [ ! -e /etc/postgres-ha/repository-keys ] || retry "$directory/import-repository-keys"
    peers=()
    [ ! -x /usr/local/bin/postgres-ha ] || mapfile -t peers < <(/usr/local/bin/postgres-ha peer-packages)
    choose_versions
    log "installing ${wanted[*]}"
    until install "${wanted[@]}"; do
        before=${wanted[*]}
        forget_lost_versions
        choose_versions
        [ "${wanted[*]}" != "$before" ] || exit 65
        log "WARNING: the mirror does not have all that the other nodes run. They have $before, this node gets ${wanted[*]}"
    done
fi
rpm -q "${PACKAGES[@]}"

if command -v getenforce >/dev/null && [ "$(getenforce)" != Disabled ]; then
    for command in "${SELINUX[@]}"; do
        log "SELinux: $command"
        bash -euo pipefail -c "$command"
    done
fi

# Both would have the last word, over nftables' rules and at each boot over the kernel's parameters.
for unit in firewalld tuned; do
    systemctl disable --quiet --now "$unit" 2>/dev/null || true
done
# The last of UNITS is enabled when all before it run: then the first boot is complete. Before, services of the image may
# run with the image's files.
verb=start
if ! systemctl --quiet is-enabled "${UNITS[-1]}" 2>/dev/null; then
    verb=restart
    # A container or a kernel may refuse single values; say so and go on with the others.
    systemctl restart systemd-sysctl || log "some kernel parameters could not be set (journalctl -u systemd-sysctl)"
    systemctl restart systemd-journald && journalctl --flush
fi
systemctl daemon-reload

# One after another, in this order: the firewall has to stand before anything connects. A packet of a
# connection older than the firewall may count as one out of the blue, and is dropped.
for unit in "${UNITS[@]}"; do
    systemctl enable --quiet "$unit"
    systemctl "$verb" "$unit"
done
log "done"
