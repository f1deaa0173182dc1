#!/usr/bin/env bash
# Lets the file system of each data disk take the whole of its disk, which may have grown. The mount
# points stand in /etc/postgres-ha/data-disks, one a line.
set -euo pipefail

while read -r mount_point; do
    if device=$(findmnt --noheadings --output SOURCE --mountpoint "$mount_point"); then
        timeout 300 resize2fs "$device" 2>&1 | grep -v '^$'
    fi
done </etc/postgres-ha/data-disks
