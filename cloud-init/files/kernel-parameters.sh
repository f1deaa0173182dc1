#!/usr/bin/env bash
# Says which of the kernel's parameters that the program sets are not in force, whoever changed them since. Never fails:
# a container or a kernel may refuse single ones, and none of them is needed to serve.
set -euo pipefail

wrong=()
for file in /etc/sysctl.d/*-postgres-ha-*.conf; do
    while IFS='=' read -r name value; do
        name=${name// /}
        wanted=$(xargs <<<"$value")
        actual=$(sysctl --values "$name" 2>/dev/null | xargs) || true
        [ "$actual" = "$wanted" ] || wrong+=("$name is ${actual:-not there}, not $wanted")
    done < <(grep --no-messages '=' "$file")
done
if [ -e /etc/systemd/system/transparent-huge-pages.service ] && ! grep --quiet --fixed-strings '[never]' /sys/kernel/mm/transparent_hugepage/enabled; then
    wrong+=("transparent huge pages are on")
fi
for line in "${wrong[@]}"; do
    printf '%s: WARNING: %s\n' "$(hostname)" "$line"
done
