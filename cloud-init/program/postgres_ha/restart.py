"""Restarts of this node's services, each through the one door."""

import time

from .deadline import Deadline
from .disruption import Disruption, Refused, one_after_another
from .etcd import LOOPBACK, Etcd
from .health import START_FAILED, Health, why_unwell
from .patroni import Patroni, Refusal, leads
from .postgresql import last_complaints
from .system import is_active, journal, run

# For a person who starts the program by hand; apply.py hands down its own.
DEFAULT_SECONDS = 1650


class RestartOfEtcd(Disruption):
    name = "restart of etcd"
    # Its unit's TimeoutStartSec is 600 s for a first boot; a member of a running cluster is there after two elections.
    seconds = 120
    # A cluster that has lost its quorum cannot lose it once more.
    without_quorum = True

    def __init__(self, machine):
        self.machine = machine
        self.health = Health(machine)
        self.etcd = Etcd(machine)

    def what_keeps_from_it(self):
        return self.health.etcd_of(self.machine.others)

    def do(self, deadline):
        try:
            self.etcd.hand_over()
        except OSError as error:
            print(f"etcd did not hand over: {error}", flush=True)
        status, output = run(["systemctl", "restart", "etcd.service"], deadline.remaining())
        if status != 0:
            print(f"systemctl restart etcd.service ended with {status}: {output}", flush=True)

    def what_is_missing(self):
        return self.etcd.health(LOOPBACK), not is_active("etcd.service")

    def last_words(self):
        return journal("etcd", 5, "--output=cat")


class RestartOfPostgresql(Disruption):
    """A leader hands over to a synchronous standby before, so that clients see a switchover and not a restart."""

    name = "restart of PostgreSQL"
    # A clean stop, which checkpoints, and a start; a switchover before.
    seconds = 300

    def __init__(self, machine, in_place):
        """@param in_place: the leader does not hand over"""
        self.machine = machine
        self.in_place = in_place
        self.health = Health(machine)
        self.patroni = Patroni(machine)

    def what_keeps_from_it(self):
        return self.health.without(self.machine.own)

    def do(self, deadline):
        if not self.in_place and leads(self.patroni.state()):
            self.patroni.switchover(self.machine.name, seconds=deadline.remaining())
            self.wait_until_it_follows(deadline)
        try:
            self.patroni.restart(deadline.remaining())
        except Refusal:
            # PostgreSQL that does not start is found by its state, with its own words.
            if self.patroni.state().get("state") == "running":
                raise

    def wait_until_it_follows(self, deadline):
        while True:
            state = self.patroni.state()
            if state.get("state") == "running" and not leads(state):
                return
            if deadline.is_over():
                raise Refused(f"handing over: PostgreSQL is {state.get('state')} as {state.get('role')}")
            time.sleep(0.5)

    def what_is_missing(self):
        state = self.patroni.state()
        if state.get("state") == START_FAILED:
            return "PostgreSQL does not start", True
        return why_unwell(state), False

    def last_words(self):
        return last_complaints()


def etcd(machine):
    """Lets etcd take its changed configuration. One that does not run takes it when it starts."""
    if is_active("etcd.service"):
        one_after_another(machine, RestartOfEtcd(machine), Deadline.inherited(DEFAULT_SECONDS))
