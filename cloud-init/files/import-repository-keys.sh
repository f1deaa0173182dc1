#!/usr/bin/env bash
# Fetches the keys that repositories are signed with and lays each where /etc/yum.repos.d names it, but only if it is the
# one that the program knows: neither a mirror nor a host between can choose the key that signatures are checked with.
# Reads /etc/postgres-ha/repository-keys, lines of FINGERPRINT FILE URL. A file that is right is not fetched again.
# Exit status: 0, 65 when trying again is of no use, 1 when it may be.
set -euo pipefail

keys=/etc/postgres-ha/repository-keys
final=65
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'import-repository-keys: %s\n' "$*" >&2; }
gpg_alone() { gpg --homedir "$work" --batch --quiet --no-autostart --no-auto-check-trustdb "$@" 2>/dev/null; }

# primary_keys FILE: the fingerprints of all primary keys in it, on one line
primary_keys() {
    gpg_alone --with-colons --show-keys "$1" | awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }' | xargs
}

# fetch URL
fetch() {
    local code
    code=$(curl --silent --show-error --location --max-time 60 --max-filesize 1M --output "$work/fetched" --write-out '%{http_code}' "$1") || return 1
    case $code in
    2*) return 0 ;;
    408 | 429 | 5*) say "$1: status $code" && return 1 ;;
    *) say "$1: status $code" && return "$final" ;;
    esac
}

# take FINGERPRINT FILE URL
take() {
    local fingerprint=$1 file=$2 url=$3 found before
    before=$([ ! -e "$file" ] || primary_keys "$file" || true)
    [ "$before" != "$fingerprint" ] || return 0
    fetch "$url" || return
    found=$(primary_keys "$work/fetched") || true
    if [ "$found" != "$fingerprint" ]; then
        say "$url holds ${found:-no key}, but the key must be $fingerprint. If this mirror signs with a key of its own, name that key's fingerprint in the configuration (epelKeyFingerprint, pgdgKeyFingerprint)"
        return "$final"
    fi
    # Not the file as it came: a subkey that the primary key did not sign is dropped on import.
    gpg_alone --import "$work/fetched" || return "$final"
    mkdir -p "$(dirname "$file")"
    gpg_alone --armor --export "$fingerprint" >"$file.new"
    chmod 0644 "$file.new"
    mv "$file.new" "$file"
    # What was trusted before must not be any longer: dnf keeps a repository's keys in its cache, rpm in its database.
    rm -rf /var/cache/dnf/*/pubring
    for key in $before; do
        rpm --erase --allmatches "gpg-pubkey-$(tail -c 9 <<<"$key" | tr '[:upper:]' '[:lower:]')" 2>/dev/null || true
    done
    printf 'import-repository-keys: %s holds %s, as it must\n' "$url" "$fingerprint"
}

result=0
while read -r fingerprint file url; do
    status=0
    take "$fingerprint" "$file" "$url" || status=$?
    [ "$result" -eq "$final" ] || [ "$status" -eq 0 ] || result=$status
done <"$keys"
exit "$result"
