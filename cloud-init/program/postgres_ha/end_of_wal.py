"""Prints how far this node's PostgreSQL has got: its timeline, and where its WAL ends on disk.

For a person who has to choose the node that goes on when etcd is lost, and with it Patroni's knowledge of who had
everything: the highest timeline wins, then the highest position. PostgreSQL need not run.
"""

import re
import subprocess

from .postgresql import Postgresql

DEADLINE_SECONDS = 600


def last_record(postgresql, timeline, start):
    """The position of the last whole record; the start where there is none behind it."""
    command = [
        postgresql.program("pg_waldump"),
        f"--path={postgresql.machine.postgresql.data_directory}/pg_wal",
        f"--timeline={timeline}",
        f"--start={start}",
    ]
    last = start
    with subprocess.Popen(
        ["timeout", str(DEADLINE_SECONDS), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as records:
        for line in records.stdout:
            position = re.search(r"lsn: ([0-9A-F]+/[0-9A-F]+),", line)
            last = position.group(1) if position else last
    return last


def main(machine):
    postgresql = Postgresql(machine)
    noted = postgresql.control_data()
    checkpoint_timeline = int(noted["Latest checkpoint's TimeLineID"])
    recovery_timeline = int(noted["Min recovery ending loc's timeline"])
    # A standby that follows a new leader has no checkpoint of the new timeline yet.
    if recovery_timeline > checkpoint_timeline:
        timeline, start = recovery_timeline, noted["Minimum recovery ending location"]
    else:
        timeline, start = checkpoint_timeline, noted["Latest checkpoint's REDO location"]
    # Padded, so that the lines of several nodes can be compared as text.
    high, low = last_record(postgresql, timeline, start).split("/")
    print(f"timeline {timeline:08d}, WAL up to {int(high, 16):08X}/{int(low, 16):08X}")
