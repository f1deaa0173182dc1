#!/usr/bin/env bash
# Ends when cloud-init is done and every unit that should run on this machine runs. A first boot that failed or lost power
# is completed. A failure names the machine, the unit and the last lines of its log.
# Usage: wait-until-ready DEADLINE_SECONDS UNIT...
set -euo pipefail

deadline_seconds=$1
shift
if [ "${WAIT_SUPERVISED:-}" != yes ]; then
    WAIT_SUPERVISED=yes exec timeout --kill-after=10 "$((deadline_seconds + 30))" "$0" "$deadline_seconds" "$@"
fi

machine=$(hostname)
fail() {
    printf '%s: %s\n' "$machine" "$1" >&2
    shift
    "$@" >&2 || true
    exit 1
}

# 0 is done, 2 is done with complaints that cloud-init calls recoverable.
status=0
timeout "$deadline_seconds" cloud-init status --wait >/dev/null 2>&1 || status=$?
case $status in
0) ;;
2)
    printf '%s: cloud-init finished with warnings\n' "$machine"
    # This exits with 2 as well.
    cloud-init status --long || true
    ;;
124) fail "cloud-init did not finish within $deadline_seconds s" tail -n 40 /var/log/cloud-init-output.log ;;
esac

remaining() { echo $((deadline_seconds - SECONDS)); }

# first_boot_again WHY
first_boot_again() {
    local left
    left=$(remaining)
    # timeout takes 0 for no limit.
    REMAINING_SECONDS=$((left > 1 ? left : 1)) "$(dirname "$0")/first-boot" >/var/log/postgres-ha-first-boot.log 2>&1 ||
        fail "$1, and again now" tail -n 40 /var/log/postgres-ha-first-boot.log
}
case $status in
0 | 2)
    # cloud-init runs its last step once, even where the machine lost power in it. The path unit is the last that this step
    # starts.
    systemctl --quiet is-active postgres-ha.path || first_boot_again "the first boot did not complete"
    ;;
*)
    # Perhaps a mirror did not answer. Only cloud-init's last step can fail, and it can be repeated.
    first_boot_again "the first boot failed (cloud-init)"
    ;;
esac
for unit in "$@"; do
    until systemctl is-active --quiet "$unit"; do
        if [ "$(remaining)" -le 0 ]; then
            fail "$unit is $(systemctl is-active "$unit" || true) after $deadline_seconds s" journalctl --no-pager -u "$unit" -n 30
        fi
        sleep 0.2
    done
done
"$(dirname "$0")/kernel-parameters" || true
printf '%s: %s active\n' "$machine" "$*"
