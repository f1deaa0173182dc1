"""The commands of the program: postgres-ha COMMAND [ARGUMENT...]"""

import importlib
import os
import subprocess
import sys

from .disruption import Refused
from .machine import read
from .patroni import Refusal

# A command's module is loaded when it runs: what a timer starts every few seconds is quick.
COMMANDS = {
    # For the program that made the cluster, on any node.
    "check-cluster": "check_cluster.main",
    "differences": "check_cluster.differences",
    "create-database-objects": "database_objects.main",
    "reconcile-members": "reconcile_members.main",
    "leave": "absence.main",
    "turns": "absence.turns",
    # For configure.sh and apply.py, on the node they configure.
    "apply-dynamic-configuration": "dynamic_configuration.main",
    "restart-etcd": "restart.etcd",
    "describe-node": "describe_node.main",
    # For units.
    "come-back": "absence.come_back",
    "etcd-join": "etcd_join.main",
    "etcd-settle-version": "etcd_leader.settle_version",
    "etcd-leader-away": "etcd_leader.leader_away",
    "replica-guard": "replica_guard.main",
    "unreachable-peers": "unreachable_peers.main",
    "pgbouncer-guard": "pgbouncer_guard.main",
    # For Patroni.
    "patroni-callback": "patroni_callback.main",
    # For first-boot.sh.
    "peer-packages": "peer_packages.main",
    # For people.
    "end-of-wal": "end_of_wal.main",
    "welcome": "welcome.main",
}


def main(arguments):
    name = COMMANDS.get(arguments[0] if arguments else "")
    if name is None:
        sys.exit(f"usage: postgres-ha COMMAND [ARGUMENT...]\ncommands: {', '.join(COMMANDS)}")
    module, function = name.split(".")
    command = getattr(importlib.import_module(f".{module}", __package__), function)
    try:
        command(read(), *arguments[1:])
    except (Refused, Refusal, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{os.uname().nodename}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
