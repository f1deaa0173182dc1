#!/usr/bin/env bash
# Ends when an SSH server answers on every machine.
# Usage: wait-for-ssh DEADLINE_SECONDS NAME=ADDRESS...
set -euo pipefail

deadline_seconds=$1
shift

answers() {
    # shellcheck disable=SC2016  # the inner shell expands it
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r banner <&3 && [[ $banner == SSH-2.0-* ]]' "$1" 2>/dev/null
}

for target in "$@"; do
    until answers "${target#*=}"; do
        if [ "$SECONDS" -ge "$deadline_seconds" ]; then
            echo "${target%%=*}: no SSH server answers on ${target#*=} after $deadline_seconds s; the serial console of the machine tells more" >&2
            exit 1
        fi
        sleep 0.3
    done
done
echo "reachable: $*"
