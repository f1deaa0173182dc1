"""Runs the SQL script on standard input as the superuser on the leader, wherever that is. All of it may be repeated.

Usage: postgres-ha create-database-objects SECONDS
"""

import os
import subprocess
import sys
import time

from .deadline import Deadline
from .postgresql import PSQL, Postgresql, literal

SQL_SECONDS = 120
READY_SECONDS = 10
# psql's status when the connection is lost.
LEADER_WENT_AWAY = 2


def connection(machine):
    hosts = ",".join(member.address for member in machine.members)
    return Postgresql(machine).connection(
        hosts,
        machine.ports.postgresql,
        machine.sql_roles.superuser,
        connect_timeout=3,
        target_session_attrs="primary",
        passfile=machine.postgresql.password_file,
        # The configured limit for statements does not apply to the creation of a database.
        options="'-c statement_timeout=0 -c transaction_timeout=0 -c lock_timeout=0'",
    )


def psql(machine, seconds, sql, *options):
    """The finished psql, as the account that may read the superuser's password."""
    command = ["runuser", "-u", machine.postgresql.account, "--", *PSQL, *options, connection(machine)]
    return subprocess.run(command, input=sql, capture_output=True, text=True, timeout=seconds, check=False, cwd="/")


def why_not_ready(machine):
    """A leader answers a moment before Patroni has made its own roles; those for rewinding come last."""
    sql = f"SELECT count(*) FROM pg_roles WHERE rolname = {literal(machine.sql_roles.rewind)};"
    try:
        result = psql(machine, READY_SECONDS, sql)
    except subprocess.TimeoutExpired:
        # Several nodes that keep silent, 3 s each.
        return f"no answer within {READY_SECONDS} s"
    if result.returncode == 0 and result.stdout.strip() == "1":
        return None
    return result.stderr or "Patroni has not made its roles yet"


def main(machine, seconds):
    name = os.uname().nodename
    # Read once and kept in memory: it holds verifiers of passwords and may be needed again.
    sql = sys.stdin.read()
    deadline = Deadline(int(seconds))
    while True:
        reason = why_not_ready(machine)
        if reason is None:
            result = psql(machine, SQL_SECONDS, sql, "--output=/dev/null", "--set=VERBOSITY=terse")
            if result.returncode == 0:
                print(result.stderr, end="", file=sys.stderr)
                print("roles and databases are as configured")
                return
            if result.returncode != LEADER_WENT_AWAY:
                sys.exit(
                    f"{name}: the roles and databases could not be made, psql ended with {result.returncode}:\n{result.stderr}"
                )
            reason = result.stderr
        if deadline.is_over():
            last = "\n".join(reason.splitlines()[-5:])
            sys.exit(f"{name}: no leader to connect to within {seconds} s:\n{last}")
        time.sleep(0.3)
