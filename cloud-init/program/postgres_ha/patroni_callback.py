"""Patroni's callback for every action; standard output is the journal (journalctl -t patroni-callback). Says what happened,
runs the script that is configured for it (the setting patroniCallbacks) with the same arguments, and beside it tells
PgBouncer of a new role.

Patroni does not wait. It kills a callback that still runs when it has another one, so that no script acts on a role which the
node has lost since; a script that hangs without a successor is ended here.

Usage: postgres-ha patroni-callback ACTION ROLE SCOPE
"""

import os
import subprocess
import sys
import threading
import time

from .deadline import Deadline
from .postgresql import Postgresql

SCRIPT_SECONDS = 60
ROLE_SECONDS = 30
NEW_ROLE = ("on_start", "on_restart", "on_role_change")


def say(line):
    print(line, flush=True)


def reconnect_pooler(machine, action, role):
    """PgBouncer passes on to every client the in_hot_standby that it heard first, and libpq goes by that where a connection
    string names several hosts. With new connections it hears it anew; sessions that are in use keep theirs."""
    postgresql, deadline = Postgresql(machine), Deadline(ROLE_SECONDS)
    in_recovery = "f" if role == "primary" else "t"
    while postgresql.here("SELECT pg_is_in_recovery()") != (0, in_recovery):
        if deadline.is_over():
            say(f"{action}: PostgreSQL is no {role} after {ROLE_SECONDS} s, PgBouncer keeps its connections")
            return
        time.sleep(0.1)
    status, output = postgresql.console("RECONNECT")
    if status != 0:
        say(f"{action}: PgBouncer did not reconnect: {output}")


def run_script(path, arguments):
    """The status of the script, 0 where none is configured. What it starts ends with it."""
    if not os.path.exists(path):
        return 0
    command = ["timeout", "--kill-after=5", str(SCRIPT_SECONDS), path, *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def main(machine, action, role, scope):
    say(f"{action} role={role} scope={scope}")
    pooler = threading.Thread(target=reconnect_pooler, args=[machine, action, role])
    if action in NEW_ROLE:
        pooler.start()
    status = run_script(os.path.join(machine.patroni.callback_directory, action), [action, role, scope])
    if status in (124, 137):
        say(f"{action}: the script was ended after {SCRIPT_SECONDS} s")
    elif status != 0:
        say(f"{action}: the script ended with status {status}")
    if action in NEW_ROLE:
        pooler.join()
    sys.exit(status)
