"""Whether a node is well, and what keeps others from being disturbed while it is not."""

from .copies import Copies, is_copying
from .etcd import Etcd
from .patroni import Patroni, has_everything, leads

ASK_SECONDS = 5
START_FAILED = "start failed"


class Health:
    def __init__(self, machine):
        self.machine = machine
        self.etcd = Etcd(machine)
        self.patroni = Patroni(machine)
        self.copies = Copies(machine)

    def etcd_of(self, members):
        """What is wrong with the etcd of one of them; None if nothing is."""
        for member in members:
            reason = self.etcd.health(member.address, ASK_SECONDS)
            if reason is not None:
                return f"{member.name}: {reason}"
        return None

    def of_member(self, member):
        """What is wrong with a node's PostgreSQL, by its own Patroni, None if nothing is; and its state."""
        try:
            state = self.patroni.state(member.address, ASK_SECONDS)
        except OSError as error:
            return f"Patroni does not answer: {error}", {}
        return why_unwell(state), state

    def postgresql_without(self, node):
        """What keeps a node's PostgreSQL from being stopped: the state of the others, or that no standby could become
        leader with everything acknowledged. None if nothing does."""
        states = []
        for member in self.machine.all_but(node.name):
            reason, state = self.of_member(member)
            if is_copying(state):
                return self.copies.look(member)
            if reason is not None:
                return f"{member.name}: {reason}"
            states.append(state)
        standby_is_missing = self.machine.synchronous_mode != "off" and not any(map(has_everything, states))
        if standby_is_missing and not any(map(leads, states)):
            return "no standby is a synchronous one"
        return None

    def without(self, node):
        """What keeps a node from being stopped, None if nothing does."""
        return self.etcd_of(self.machine.all_but(node.name)) or self.postgresql_without(node)


def why_unwell(state):
    """What is missing to a node's PostgreSQL, by what its Patroni says; None if it leads or streams."""
    if state.get("state") != "running":
        return f"PostgreSQL is {state.get('state')}"
    if not leads(state) and state.get("replication_state") != "streaming":
        return "PostgreSQL does not stream from the leader"
    return None
