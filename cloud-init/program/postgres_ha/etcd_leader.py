"""Where etcd's leader is: it should not be on the node of PostgreSQL's, and a new cluster's should be elected anew."""

import contextlib
import time

from .deadline import Deadline
from .etcd import Etcd
from .patroni import Patroni, leads

SETTLE_SECONDS = 10
UNDECIDED = ("3.0.0", "not_decided")


def leader_away(machine):
    """If this node holds PostgreSQL's leader and etcd's leader, hands etcd's to another healthy member. Losing both at once
    would cost an election and a renewed lease on top of the lease itself."""
    try:
        state = Patroni(machine).state(seconds=3)
    except OSError:
        return
    if leads(state):
        Etcd(machine).hand_over()


def settle_version(machine):
    """Waits until a new cluster's etcd has decided which version it is. Its leader does so when it is elected, if all members
    answer it then. Mostly the last one starts a moment later, and until the leader looks again, after 5 s, the cluster
    calls itself 3.0. Patroni believes that, finds no API of that time, and tries again after 5 s of its own. A leader
    that was just elected looks at once: so the lead changes hands as soon as all members are there.
    Fails never: without it Patroni starts later, with an etcd that says why."""
    etcd, deadline = Etcd(machine), Deadline(SETTLE_SECONDS)
    with contextlib.suppress(OSError):
        while etcd.cluster_version() in UNDECIDED and not deadline.is_over():
            if all(etcd.health(member.address, 1) is None for member in machine.members):
                with contextlib.suppress(OSError):
                    etcd.hand_over()
            time.sleep(0.2)
