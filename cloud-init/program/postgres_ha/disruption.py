"""The one door to what disturbs a node: a restart of PostgreSQL, of etcd.

One node of the cluster is disturbed at a time, under a lock in etcd. Before it, every other node is well; after it, this
node is well again. A node that does not come back is not well, so no other node is disturbed after it.
"""

import time

from .copies import IS_COPYING
from .deadline import Patience
from .etcd import Etcd, NoQuorum
from .health import START_FAILED

# Another node may have been disturbed a moment ago, or be on its first boot.
OTHERS_SECONDS = 120
# Patroni tries again in each round, and a start may fail for a reason that passes.
FAILED_SECONDS = 15


class Refused(Exception):
    """Why something was not done, or did not succeed, on this node."""


class Disruption:
    """What disturbs this node."""

    # What a message calls it.
    name: str
    # From when the node may do it to when it is well again.
    seconds: int
    # Whether it goes on where etcd has no quorum, so that there is no lock.
    without_quorum = False

    def what_keeps_from_it(self):
        """A reason to wait: the state of another node. None if there is none."""
        raise NotImplementedError

    def do(self, deadline):
        raise NotImplementedError

    def what_is_missing(self):
        """(what this node lacks to be well again, whether that is without hope); None and anything if it is well."""
        raise NotImplementedError

    def last_words(self):
        """What the service said last, for the message."""
        raise NotImplementedError


def one_after_another(machine, disruption, deadline):
    """@param deadline: for all of it. Raises Refused."""
    try:
        needed = disruption.seconds + OTHERS_SECONDS
        with Etcd(machine).lock(disruption.name, deadline.less(needed)):
            disturb(disruption, deadline)
    except TimeoutError as error:
        raise Refused(f"{disruption.name}: {error}") from error
    except NoQuorum as error:
        if not disruption.without_quorum:
            raise Refused(
                f"{disruption.name}: etcd has no quorum, so nothing says whose turn it is: {error}"
            ) from error
        print(f"{disruption.name}: etcd has no quorum, so this node waits for no turn", flush=True)
        disruption.do(deadline.within(disruption.seconds))


def disturb(disruption, deadline):
    wait_for_others(disruption, deadline.within(OTHERS_SECONDS))
    at_once = deadline.within(disruption.seconds)
    disruption.do(at_once)
    wait_until_well(disruption, at_once)


def wait_for_others(disruption, deadline):
    patience = Patience(FAILED_SECONDS)
    while True:
        reason = disruption.what_keeps_from_it()
        if reason is None:
            return
        if patience.is_over(START_FAILED in reason) or deadline.is_over():
            raise Refused(others_first(reason))
        time.sleep(1)


def others_first(reason):
    help_it = "Wait until it streams" if IS_COPYING in reason else "Mend that node, or put back what was changed"
    return f"not restarted, because not every other node is well: {reason}. {help_it}; then `up` again"


def wait_until_well(disruption, deadline):
    patience, hopeless = Patience(FAILED_SECONDS), None
    while True:
        reason, without_hope = disruption.what_is_missing()
        if reason is None:
            return
        hopeless = reason if without_hope else hopeless
        if patience.is_over(without_hope):
            raise Refused(
                f"{hopeless}. No other node is restarted: put back what was changed, then `up` again.\n{disruption.last_words()}"
            )
        if deadline.is_over():
            raise Refused(f"{disruption.name} took more than {deadline.seconds:.0f} s: {reason}")
        time.sleep(0.5)
