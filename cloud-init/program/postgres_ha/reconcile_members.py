"""Takes nodes that are no longer planned out of the cluster, before their machines are deleted: a switchover first, then
etcd removes the member. Works for machines that are dead already. (Nodes that are new come in by themselves, see etcd_join.)

Usage: postgres-ha reconcile-members SECONDS
"""

import sys
import time

from .deadline import Deadline
from .etcd import Etcd
from .patroni import Patroni, Refusal, has_everything, leader


def first_leaving(machine, members):
    """Of etcd's members. One without a name is just joining."""
    planned = {member.name for member in machine.members}
    return next((member for member in members if member.name and member.name not in planned), None)


def successor(machine, members):
    """Of Patroni's members, the planned one that should lead: a synchronous standby before others. None if there is none."""
    planned = {member.name for member in machine.members}
    candidates = sorted(
        (member for member in members if member["name"] in planned), key=lambda member: not has_everything(member)
    )
    return candidates[0]["name"] if candidates else None


def take_out(machine, leaving):
    """One step. The next round looks anew: what was done and not answered must not be done twice."""
    patroni = Patroni(machine)
    members = patroni.cluster()["members"]
    if leader(members) != leaving.name:
        print(f"{leaving.name} is to go: etcd forgets it", flush=True)
        # Asked of members that stay: a member that is removed may not answer any more.
        Etcd(machine).remove(leaving)
        return
    candidate = successor(machine, members)
    if candidate is not None:
        print(f"{leaving.name} leads and is to go: {candidate} takes over", flush=True)
        patroni.switchover(leaving.name, candidate)


def main(machine, seconds):
    etcd, deadline = Etcd(machine), Deadline(int(seconds))
    while not deadline.is_over():
        try:
            leaving = first_leaving(machine, etcd.members())
            if leaving is None:
                return
            take_out(machine, leaving)
        except (OSError, Refusal) as error:
            # Perhaps it can in a moment.
            print(error, flush=True)
        time.sleep(0.5)
    print(f"reconcile-members: not done within {seconds} s; etcd's members:", file=sys.stderr)
    try:
        for member in etcd.members():
            print(f"{member.id}, {member.name or 'not started'}, {member.peer_url}", file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)
    sys.exit(1)
