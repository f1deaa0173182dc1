"""Brings back a replica that was away for longer than its slot may hold WAL (max_slot_wal_keep_size). Nothing but a
new copy helps it, and Patroni waits for somebody to order one. Two parts, each on the node it concerns:
- the leader drops slots that have lost their WAL: they are of no use any more, and Patroni before 4.1.4 keeps them;
- a replica that PostgreSQL calls "removed" and that does not stream orders its own new copy.
The prefix <4> makes a line a warning, which the unit's LogLevelMax lets through.
"""

import re

from .patroni import Patroni, leads
from .postgresql import Postgresql
from .system import run

# As often as the timer looks: what was logged before may be settled.
RECENT_SECONDS = 30
REMOVED = re.compile("requested WAL segment [0-9A-F]* has already been removed")
DROP_LOST_SLOTS = """SELECT '<4>dropped ' || slot_name || ', which had lost its WAL' FROM (
    SELECT slot_name, pg_drop_replication_slot(slot_name) FROM pg_replication_slots
    WHERE slot_type = 'physical' AND wal_status = 'lost' AND NOT active
) AS dropped"""


def recent_log():
    return run(["journalctl", "--no-pager", "--unit=patroni", f"--since=-{RECENT_SECONDS}", "--output=cat"])[1]


def main(machine):
    patroni = Patroni(machine)
    try:
        state = patroni.state(seconds=5)
    except OSError:
        return
    if leads(state):
        status, output = Postgresql(machine).here(DROP_LOST_SLOTS)
        if output:
            print(output if status == 0 else f"<4>lost slots could not be dropped: {output}")
        return
    if state.get("state") != "running" or state.get("replication_state") or not REMOVED.search(recent_log()):
        return
    # A leader is needed to copy from.
    members = patroni.cluster()["members"]
    if any(leads(member) and member.get("state") == "running" for member in members):
        print(f"<4>the leader has removed WAL that {machine.name} needs: copying anew", flush=True)
        patroni.reinitialize()
