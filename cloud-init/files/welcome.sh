#!/usr/bin/env bash
# What an administrator wants to know on logging in: which machine this is, and what each service has to say (see greeting
# in scripts.ts). Never fails.
set -euo pipefail

printf '\n%s\n' "$(hostname)"
for greeting in /etc/postgres-ha/welcome/*; do
    [ ! -x "$greeting" ] || timeout 15 "$greeting" || true
done
