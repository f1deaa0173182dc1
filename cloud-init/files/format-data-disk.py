#!/usr/bin/python3
"""Makes a file system on a data disk on which nothing was ever written, and on no other.

A disk outlives its machine, so the machine that gets it cannot tell from its own state whether it is new. This
program reads the disk itself: cloud-init's own test asks udev's database or formats without a test, as its version
has it. A disk with an ext4 file system is left as it is. Any other disk that is not all zeros is left as it is too,
and the program fails: perhaps somebody can still repair what is on it.

A new disk of the cloud reads as zeros. Read are its first 16 MiB, its last MiB (where a partition table has its
copy), and the beginning of its block groups of 128 MiB, a thousand of them at most: there ext4 keeps the copies of
its superblock.

Usage: format-data-disk DEVICE LABEL
"""

import os
import signal
import subprocess
import sys

DEADLINE_SECONDS = 300
MIB = 1024**2
HEAD_BYTES = 16 * MIB
TAIL_BYTES = MIB
GROUP_BYTES = 128 * MIB
SAMPLE_BYTES = 64 * 1024
MOST_SAMPLES = 1000
# Groups with a copy of the superblock in any case (ext4, "sparse_super").
GROUPS_WITH_COPY = (1, 3, 5, 7)


def file_system(device):
    """The type of the file system or partition table on the device, read from the device itself; empty if none is known."""
    found = subprocess.run(
        ["blkid", "--probe", "--output", "export", device], capture_output=True, text=True, check=False
    )
    fields = dict(line.split("=", 1) for line in found.stdout.splitlines() if "=" in line)
    return fields.get("TYPE") or fields.get("PTTYPE") or ""


def ranges(size):
    """Offset and length of what is read of a device of that many bytes."""
    yield 0, min(HEAD_BYTES, size)
    yield max(0, size - TAIL_BYTES), min(TAIL_BYTES, size)
    groups = size // GROUP_BYTES + 1
    step = max(1, -(-groups // MOST_SAMPLES))
    for group in sorted({*range(0, groups, step), *GROUPS_WITH_COPY}):
        offset = group * GROUP_BYTES
        if offset < size:
            yield offset, min(SAMPLE_BYTES, size - offset)


def first_written(device):
    """The offset of the first part that is not zeros, or None."""
    with open(device, "rb") as disk:
        size = disk.seek(0, os.SEEK_END)
        for offset, length in ranges(size):
            disk.seek(offset)
            if any(disk.read(length)):
                return offset
    return None


def main():
    signal.alarm(DEADLINE_SECONDS)
    device, label = sys.argv[1:]
    found = file_system(device)
    if found == "ext4":
        print(f"{device} has an ext4 file system: it is kept")
        return
    written = None if found else first_written(device)
    if found or written is not None:
        what = f"{found}, not ext4" if found else f"data at byte {written} and no file system that can be read"
        sys.exit(
            f"format-data-disk: {device} has {what}. Nothing was written to it, and no service starts without it.\n"
            f"If it may hold the cluster's data, repair it: sudo fsck.ext4 {device}\n"
            f"If nothing on it is needed: sudo mkfs.ext4 -L {label} {device}\n"
            "Then run `pulumi up` again."
        )
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, device], check=True)
    print(f"{device} was empty: it has a new file system")


if __name__ == "__main__":
    main()
