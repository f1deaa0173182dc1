"""How far the copies are from which replicas are made. A large one takes hours, and nothing is wrong meanwhile."""

import dataclasses
import time

from .postgresql import Postgresql, literal

# Patroni's state of a node that pg_basebackup runs on.
COPYING = "creating replica"
IS_COPYING = "is copying"
# A copy that brought nothing for so long does not go on. Half of the shortest deadline of a check.
STALLED_SECONDS = 30
# The node that is copied from knows: the leader, or another replica.
PROGRESS = """SELECT backup_streamed, coalesce(backup_total, 0) FROM pg_stat_progress_basebackup
    JOIN pg_stat_replication USING (pid) WHERE client_addr = {address} ORDER BY backup_streamed DESC LIMIT 1"""
UNITS = {"GiB": 1024**3, "MiB": 1024**2}


@dataclasses.dataclass
class Copy:
    began_at: float
    began_with: int
    most: int
    grew_at: float


def is_copying(state):
    return state.get("state") == COPYING


class Copies:
    """What was seen of them, look after look."""

    def __init__(self, machine):
        self.machine = machine
        self.postgresql = Postgresql(machine)
        self.seen = {}

    def progress(self, member):
        """(bytes that arrived, bytes in all), None while no node says that it sends any."""
        for source in self.machine.all_but(member.name):
            status, output = self.postgresql.as_superuser(source.fqdn, PROGRESS.format(address=literal(member.address)))
            if status == 0 and output:
                arrived, total = map(int, output.split("|"))
                return arrived, total
        return None

    def look(self, member):
        """A sentence about the member's copy."""
        now, progress = time.monotonic(), self.progress(member)
        arrived, total = progress or (0, 0)
        copy = self.seen.setdefault(member.name, Copy(now, arrived, arrived, now))
        # One that fails begins again: it goes on when it is further than it ever was.
        if arrived > copy.most:
            copy.most, copy.grew_at = arrived, now
        if total == 0:
            return f"{member.name} {IS_COPYING}"
        unit = "GiB" if total >= UNITS["GiB"] else "MiB"
        figures = f"{arrived / UNITS[unit]:.1f} of {max(total, arrived) / UNITS[unit]:.1f} {unit}"
        return f"{member.name} {IS_COPYING}: {figures}{time_left(copy, now, arrived, total)}"

    def go_on(self, names):
        """Whether the copies of these members brought something of late."""
        now = time.monotonic()
        return all(name in self.seen and now - self.seen[name].grew_at < STALLED_SECONDS for name in names)


def time_left(copy, now, arrived, total):
    """At the pace since the first look."""
    if arrived <= copy.began_with or now <= copy.began_at:
        return ""
    minutes = max(total - arrived, 0) * (now - copy.began_at) / (arrived - copy.began_with) / 60
    if minutes < 1:
        return ", less than a minute left"
    hours, rest = divmod(round(minutes), 60)
    return f", about {f'{hours} h ' if hours else ''}{rest} min left"
