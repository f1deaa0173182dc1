#!/usr/bin/env bash
# Lets Patroni's REST API tell what this node is made of, in headers of its answers: the packages that a node which is made
# later should have in the same versions (see peer-packages), and the watchdog, where one is promised (see check-cluster).
# Runs before Patroni starts, and with --reload, which lets a running Patroni know, after each transaction of dnf.
set -euo pipefail

# shellcheck source=/dev/null
. /etc/postgres-ha/first-boot.conf
file=/etc/patroni/node.yml

# Those that the nightly updates leave alone.
packages_told=$(rpm -q --queryformat '%{NAME}-%{VERSION}-%{RELEASE}\n' "${PACKAGES[@]}" | grep -E '^(postgresql|patroni|etcd|pgbouncer)[^ ]*$' | xargs) || true

# /dev/watchdog is the kernel's first one. Patroni opens it as postgres, and only while it leads.
watchdog=none
if [ -c /dev/watchdog ] && runuser -u postgres -- test -w /dev/watchdog; then
    watchdog=$(tr -cd '[:alnum:] ._-' </sys/class/watchdog/watchdog0/identity) || watchdog=unknown
fi

{
    printf 'restapi:\n  https_extra_headers:\n    Postgres-Ha-Packages: "%s"\n' "$packages_told"
    if grep --quiet --extended-regexp '^ +mode: (automatic|required)$' /etc/patroni/patroni.yml; then
        printf '    Postgres-Ha-Watchdog: "%s"\n' "$watchdog"
    fi
} >"$file.new"
if cmp --quiet "$file.new" "$file"; then
    rm "$file.new"
    exit
fi
chmod 0644 "$file.new"
mv "$file.new" "$file"
[ "${1:-}" != --reload ] || "$(dirname "$0")/refresh" reload patroni.service
