"""What an administrator wants to know on logging in to a database node: what it does just now, and the commands for it.
Never fails and never takes longer than a few seconds."""

import os

from .describe_node import DEVICE, IDENTITY
from .patroni import Patroni
from .system import run

STEP_SECONDS = 3


def role(machine):
    try:
        state = Patroni(machine).state(seconds=STEP_SECONDS)
    except OSError:
        return "Patroni does not answer"
    return f"{state.get('role')}, {state.get('state')}, timeline {state.get('timeline')}"


def watchdog():
    """Patroni opens it while it leads; only root sees whose it is."""
    if not os.path.exists(DEVICE):
        return "none, nothing resets this machine when it leads and hangs"
    status, identity = run(["cat", IDENTITY], STEP_SECONDS)
    name = identity if status == 0 else "unknown"
    process = run(["systemctl", "show", "--property=MainPID", "--value", "patroni"], STEP_SECONDS)[1]
    held = run(["sudo", "-n", "find", f"/proc/{process}/fd", "-lname", f"{DEVICE}*"], STEP_SECONDS)
    if held[0] == 0 and held[1]:
        return f"{name}, held by Patroni"
    return f"{name}, not held by Patroni (it holds it while it leads)"


def main(machine):
    print(f"""PostgreSQL here: {role(machine)}
Watchdog: {watchdog()}

  patronictl list                 the cluster; also topology, history, switchover, restart
  psql                            this node's PostgreSQL as superuser
  psql -p {machine.ports.pgbouncer} {machine.pgbouncer.console}          the pooler: SHOW POOLS; SHOW CLIENTS; SHOW DATABASES;
  etcdctl endpoint status -w table --cluster
  journalctl -u patroni -f        also etcd, pgbouncer; -t patroni-callback
""")
