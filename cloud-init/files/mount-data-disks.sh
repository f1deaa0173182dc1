#!/usr/bin/env bash
# Has each data disk of this machine mounted, with a file system that takes the whole of the disk, which may be new or may have
# grown. /etc/postgres-ha/data-disks has a line for each: device, label, mount point.
set -euo pipefail

directory=$(dirname "$0")

while read -r device label mount_point; do
    if ! mountpoint --quiet "$mount_point"; then
        "$directory/format-data-disk" "$device" "$label"
        # As cloud-init wrote it into /etc/fstab.
        timeout 60 mount "$mount_point"
    fi
    # mkfs knows nothing of SELinux: the folder belongs to PostgreSQL.
    ! command -v restorecon >/dev/null || restorecon -F "$mount_point" "$mount_point/lost+found" || true
    timeout 300 resize2fs "$(findmnt --noheadings --output SOURCE --mountpoint "$mount_point")" 2>&1 | grep -v '^$'
done </etc/postgres-ha/data-disks
