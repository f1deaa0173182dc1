"""A node whose machine is stopped for a while: another size. Its absence is a disruption that its own programs cannot see
through, so three steps make it, each of which may be repeated.

1. On any node, before the machine is stopped: `leave` waits for the node's turn and until every other node is well, and
   hands over what the node leads.
2. The machine is stopped, changed and started.
3. On the node itself, at each boot: `come_back` waits until it is well. Only then is it another node's turn.
"""

import contextlib
import json
import os
import sys
import threading
import time

from .deadline import Deadline
from .disruption import Refused, wait_for_others
from .etcd import Etcd, NoQuorum
from .health import Health, why_unwell
from .patroni import Patroni, leader, leads
from .postgresql import Postgresql

# For a person who starts the program by hand.
DEFAULT_SECONDS = 900
# A machine that is not back after this may be another node's hindrance, but no longer by the lock.
AWAY_SECONDS = 1800
HAND_OVER_SECONDS = 120
SUFFIX = ": its machine is stopped"


def value(name):
    """Of the lock."""
    return f"{name}{SUFFIX}"


class Leaving:
    """What has to be well while a node leaves: as of a Disruption."""

    def __init__(self, machine, node):
        self.health = Health(machine)
        self.node = node

    def what_keeps_from_it(self):
        return self.health.without(self.node)


def follows(state):
    return why_unwell(state) is None and not leads(state)


def hand_over(machine, node, deadline):
    """Moves PostgreSQL's leader and etcd's away from the node. One that does not answer leads nothing."""
    patroni, etcd = Patroni(machine), Etcd(machine)
    members = patroni.cluster()["members"]
    if leader(members) == node.name:
        print(f"{node.name} hands over", flush=True)
        patroni.switchover(node.name, seconds=deadline.remaining())
        while not follows(patroni.state(node.address)):
            if deadline.is_over():
                raise Refused(f"{node.name} did not hand over within {deadline.seconds:.0f} s")
            time.sleep(0.5)
    try:
        etcd.hand_over(node.name, node.address)
    except OSError as error:
        print(f"etcd on {node.name} did not hand over: {error}", flush=True)


def end_with_the_caller():
    """Ends this process when the other end of its standard input is closed: an `up` that was killed must not have a node leave
    later. The lease of a lock that it had not taken yet ends by itself."""

    def watch():
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(machine, name):
    end_with_the_caller()
    leave(machine, name)


def leave(machine, name):
    node, deadline, etcd = machine.member(name), Deadline.inherited(DEFAULT_SECONDS), Etcd(machine)
    try:
        etcd.lock_for(value(name), AWAY_SECONDS, deadline.less(2 * HAND_OVER_SECONDS))
    except (TimeoutError, NoQuorum) as error:
        raise Refused(f"{name} is not stopped: {error}") from error
    try:
        wait_for_others(Leaving(machine, node), deadline.within(HAND_OVER_SECONDS))
        hand_over(machine, node, deadline.within(HAND_OVER_SECONDS))
    except BaseException:
        etcd.unlock(value(name))
        raise
    print(f"{name} may be stopped")


def is_still_here(machine):
    """Gives back the turn of a node that is well, and whose machine was not stopped: the `up` that wanted it was killed.
    Without a quorum of etcd there are no turns."""
    with contextlib.suppress(NoQuorum):
        if Etcd(machine).holder() == value(machine.name) and why_unwell(Patroni(machine).state()) is None:
            Etcd(machine).unlock(value(machine.name))


def why_not_back(machine, etcd, patroni):
    """What this node, which left, still lacks; None if it is well, or never left."""
    try:
        if etcd.holder() != value(machine.name):
            return None
        return why_unwell(patroni.state()) or etcd.health(machine.own.address)
    except NoQuorum as error:
        return f"etcd does not say who is away: {error}"
    except OSError as error:
        return f"Patroni does not answer: {error}"


def come_back(machine):
    """Lets the next node go when this one, which left, is well again. Does nothing on a node that did not leave."""
    if not Postgresql(machine).has_data():
        return
    etcd, patroni, deadline, said = Etcd(machine), Patroni(machine), Deadline(AWAY_SECONDS), None
    while True:
        reason = why_not_back(machine, etcd, patroni)
        if reason is None:
            etcd.unlock(value(machine.name))
            return
        if deadline.is_over():
            raise Refused(f"its machine was started, and it is not well after {deadline.seconds:.0f} s: {reason}")
        if reason != said:
            print(f"not back yet: {reason}", flush=True)
            said = reason
        time.sleep(1)


def turns(machine):
    """Prints who leads and who is away, for who decides the order: {"leader", "away"}, null for none."""
    holder = Etcd(machine).holder() or ""
    away = holder[: -len(SUFFIX)] if holder.endswith(SUFFIX) else None
    print(json.dumps({"leader": leader(Patroni(machine).cluster()["members"]), "away": away}))
