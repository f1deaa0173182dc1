"""Decides how etcd starts on this node, just before it does, and writes the configuration it starts with.

With data it goes on as it was. Without, it is either the cluster's first boot, or this machine replaces one that is lost. A
member that lost its log must not go on under its old identity, because it might vote twice: it leaves the cluster and joins
it as a new one.
"""

import os
import re
import sys
import time

from .deadline import Deadline
from .etcd import Etcd
from .postgresql import Postgresql

DEADLINE_SECONDS = 300


class Join:
    def __init__(self, machine):
        self.machine = machine
        self.etcd = Etcd(machine)
        self.others = [other.address for other in machine.others]
        with open(machine.etcd.configuration, encoding="utf-8") as source:
            self.configuration = source.read()

    def peer_url(self):
        return f"https://{self.machine.own.address}:{self.machine.ports.etcd_peer}"

    def is_mounted(self):
        return os.path.ismount(self.machine.postgresql.mount_point)

    def cluster_is_old(self):
        """PostgreSQL's first start needs etcd: where it has run, so has etcd's cluster."""
        return Postgresql(self.machine).has_data()

    def members(self, seconds):
        """None where no other member answers."""
        try:
            return self.etcd.members(self.others, seconds)
        except OSError:
            return None

    def step(self, members):
        """Returns the configuration to start with. Raises OSError where the members refuse: without a quorum, or while they
        reconnect."""
        name, url = self.machine.name, self.peer_url()
        own = next((member for member in members if member.peer_url == url), None)
        if own is not None and own.name and not own.client_url:
            return self.configuration  # the first boot of all members
        if own is not None and own.client_url:
            print(
                f"etcd-join: the cluster knows {name} as member {int(own.id):x}, whose data is lost: it is replaced",
                flush=True,
            )
            self.etcd.remove(own, self.others)
            own = None
        if own is None:
            self.etcd.add(url, self.others)
        now = self.etcd.members(self.others, 3)
        listed = ",".join(f"{name if member.peer_url == url else member.name}={member.peer_url}" for member in now)
        joining = re.sub("(?m)^initial-cluster: .*", f"initial-cluster: {listed}", self.configuration)
        return re.sub("(?m)^initial-cluster-state: .*", "initial-cluster-state: existing", joining)

    def decide(self):
        """Returns the configuration to start with. Exits with a message where there is none."""
        if os.path.isdir(f"{self.machine.etcd.data_directory}/member"):
            return self.configuration
        if not self.is_mounted():
            sys.exit(
                f"etcd-join: {self.machine.postgresql.mount_point} is not mounted: only the data disk tells whether {self.machine.name} is new or replaces a lost machine"
            )
        is_old = self.cluster_is_old()
        if is_old:
            print(
                f"etcd-join: {self.machine.name} has PostgreSQL's data and none of etcd's: it waits until the other members let it join."
                ' If no node has etcd\'s data any more, see "All of etcd lost" in docs/operations.md',
                flush=True,
            )
        deadline = Deadline(DEADLINE_SECONDS)
        while not deadline.is_over():
            # The others may be at their first boot, too. If one is mistaken for it, etcd itself refuses to start.
            members = self.members(3 if is_old else 1)
            if members is None and not is_old:
                return self.configuration
            if members is not None:
                try:
                    return self.step(members)
                except OSError as error:
                    print(f"etcd-join: {error}", flush=True)
            time.sleep(1)
        sys.exit(
            f"etcd-join: {self.machine.name} has no data, and no other member let it join again; how to go on: etcdctl member list on another node"
        )


def main(machine):
    text, result = Join(machine).decide(), machine.etcd.runtime_configuration
    with open(f"{result}.new", "w", encoding="utf-8") as target:
        target.write(text)
    os.chmod(f"{result}.new", 0o644)
    os.replace(f"{result}.new", result)
