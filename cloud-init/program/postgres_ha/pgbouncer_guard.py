"""Ends a PgBouncer that lives but does not answer, or that has no PostgreSQL to lead to; systemd starts it again, as soon as
PostgreSQL accepts connections. A process that died needs no guard. Runs for as long as its service does.
"""

import socket
import sys
import time

from .postgresql import Postgresql
from .system import is_active, run

UNIT = "pgbouncer.service"
INTERVAL_SECONDS = 2
ANSWER_SECONDS = 2
FAILURES_ALLOWED = 2
# GSSENCRequest: any living PgBouncer refuses it with the letter N, without a line in its log.
QUESTION, ANSWER = bytes.fromhex("00000008 04d21630"), b"N"
LOOPBACK = "127.0.0.1"


def answers(machine):
    try:
        with socket.create_connection((LOOPBACK, machine.ports.pgbouncer), ANSWER_SECONDS) as connection:
            connection.sendall(QUESTION)
            return connection.recv(1) == ANSWER
    except OSError:
        return False


def postgresql_refuses(machine):
    """One that keeps silent is slow or hangs; whether it should, Patroni decides."""
    is_ready = Postgresql(machine).is_ready_command()
    return run(is_ready, ANSWER_SECONDS)[0] not in (0, 124)


def fault(machine):
    if not is_active(UNIT):
        return None
    if not answers(machine):
        return "PgBouncer has not answered"
    return "PostgreSQL has refused connections" if postgresql_refuses(machine) else None


def main(machine):
    failures = 0
    while True:
        found = fault(machine)
        failures = failures + 1 if found else 0
        if failures == FAILURES_ALLOWED:
            print(f"{found} {failures} times: ending PgBouncer", file=sys.stderr, flush=True)
            run(["systemctl", "kill", "--signal=KILL", UNIT])
            failures = 0
        time.sleep(INTERVAL_SECONDS)
