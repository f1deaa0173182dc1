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
    device=$(findmnt --noheadings --output SOURCE --mountpoint "$mount_point")
    if ! said=$(timeout 300 resize2fs "$device" 2>&1); then
        cat >&2 <<END
$said
$(hostname): $device is larger than its file system, and the kernel does not let that grow while it is mounted.
On one database node after another, replicas first, and looking at \`patronictl list\` in between:
  sudo systemctl stop patroni pgbouncer-guard pgbouncer && sudo umount $mount_point
  sudo e2fsck -f -p $device; sudo resize2fs $device
  sudo mount $mount_point && sudo systemctl start patroni pgbouncer-guard
Then run \`pulumi up\` again.
END
        exit 1
    fi
done </etc/postgres-ha/data-disks
