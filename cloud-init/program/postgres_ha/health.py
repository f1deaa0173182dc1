"""Whether a node is well, and what keeps others from being disturbed while it is not."""

from .etcd import Etcd
from .patroni import Patroni, has_everything, leads

ASK_SECONDS = 5
START_FAILED = "start failed"


class Health:
    def __init__(self, machine):
        self.machine = machine
        self.etcd = Etcd(machine)
        self.patroni = Patroni(machine)

    def etcd_of_others(self):
        """What is wrong with the etcd of another node; None if nothing is."""
        for member in self.machine.others:
            reason = self.etcd.health(member.address, ASK_SECONDS)
            if reason is not None:
                return f"{member.name}: {reason}"
        return None

    def of_member(self, member):
        """What is wrong with another node's PostgreSQL, by its own Patroni, None if nothing is; and its state."""
        try:
            state = self.patroni.state(member.address, ASK_SECONDS)
        except OSError as error:
            return f"Patroni does not answer: {error}", {}
        if state.get("state") != "running":
            return f"PostgreSQL is {state.get('state')}", state
        if not leads(state) and state.get("replication_state") != "streaming":
            return "PostgreSQL does not stream from the leader", state
        return None, state

    def postgresql_of_others(self):
        """What keeps this node's PostgreSQL from a restart: the state of the others, or that no standby could become
        leader with everything acknowledged. None if nothing does."""
        states = []
        for member in self.machine.others:
            reason, state = self.of_member(member)
            if reason is not None:
                return f"{member.name}: {reason}"
            states.append(state)
        standby_is_missing = self.machine.synchronous_mode != "off" and not any(map(has_everything, states))
        if standby_is_missing and leads(self.patroni.state()):
            return "no standby is a synchronous one"
        return None

    def of_others(self):
        return self.etcd_of_others() or self.postgresql_of_others()
