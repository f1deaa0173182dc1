#!/usr/bin/env bash
# Ends when an SSH server answers on every machine; or on any of them, whose name it prints.
# Usage: wait-for-ssh DEADLINE_SECONDS [--any] NAME=ADDRESS...
set -euo pipefail

deadline_seconds=$1
which=$2
shift
[ "$which" != --any ] || shift

answers() {
    # shellcheck disable=SC2016  # the inner shell expands it
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r banner <&3 && [[ $banner == SSH-2.0-* ]]' "$1" 2>/dev/null
}
# give_up WHO ADDRESSES
give_up() {
    echo "$1: no SSH server answers on $2 after $deadline_seconds s; the serial console of the machine tells more" >&2
    exit 1
}

while [ "$which" = --any ]; do
    for target in "$@"; do
        if answers "${target#*=}"; then
            echo "${target%%=*}"
            exit
        fi
    done
    [ "$SECONDS" -lt "$deadline_seconds" ] || give_up "no machine" "any of $*"
    sleep 0.3
done
for target in "$@"; do
    until answers "${target#*=}"; do
        [ "$SECONDS" -lt "$deadline_seconds" ] || give_up "${target%%=*}" "${target#*=}"
        sleep 0.3
    done
done
echo "reachable: $*"
