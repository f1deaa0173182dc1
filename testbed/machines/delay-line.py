"""Delays every packet that is routed into a TUN device, and sends it back through the same device.

For kernels without netem. Ends when the device is deleted.
Arguments: DEVICE (made before) MILLISECONDS
"""

import collections
import errno
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
LARGEST_PACKET = 65536


def main(device: str, seconds: float) -> None:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    os.write(1, b"ready\n")  # in one piece: the reader goes away at once
    line: collections.deque[tuple[float, bytes]] = collections.deque()  # when due, packet
    while True:
        wait = max(0.0, line[0][0] - time.monotonic()) if line else None
        if select.select([tun], [], [], wait)[0]:
            line.extend((time.monotonic() + seconds, packet) for packet in waiting_packets(tun))
        while line and line[0][0] <= time.monotonic():
            os.write(tun, line.popleft()[1])


def waiting_packets(tun: int):
    while True:
        try:
            yield os.read(tun, LARGEST_PACKET)
        except BlockingIOError:
            return


try:
    main(sys.argv[1], int(sys.argv[2]) / 1000)
except OSError as error:
    if error.errno != errno.EBADFD:  # the device is gone
        raise
