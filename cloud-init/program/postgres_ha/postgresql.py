"""This node's PostgreSQL as its own programs show it, and any node's over libpq."""

import os
import re

from .system import journal, run

PSQL = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Postgresql:
    def __init__(self, machine):
        self.machine = machine

    def connection(self, host, port, user, **more):
        parameters = {
            "host": host,
            "port": port,
            "dbname": self.machine.postgresql.database,
            "user": user,
            "connect_timeout": 5,
            "sslmode": "verify-full",
            "sslrootcert": self.machine.tls.ca,
            **more,
        }
        return " ".join(f"{name}={value}" for name, value in parameters.items())

    def as_superuser(self, host, sql):
        """(status, output) of psql on a node's PostgreSQL."""
        machine = self.machine
        connection = self.connection(
            host,
            machine.ports.postgresql,
            machine.sql_roles.superuser,
            passfile=machine.postgresql.password_file,
        )
        return run([*PSQL, f"--command={sql}", connection])

    def as_health_check(self, host, port, sql, password):
        """(status, output) of psql as an application would connect."""
        connection = self.connection(host, port, self.machine.sql_roles.health_check)
        return run([*PSQL, f"--command={sql}", connection], environment={"PGPASSWORD": password})

    def here(self, sql):
        """(status, output) of psql over this node's socket."""
        machine = self.machine
        return run(
            [
                *PSQL,
                f"--host={machine.postgresql.socket_directory}",
                f"--port={machine.ports.postgresql}",
                f"--username={machine.sql_roles.superuser}",
                f"--dbname={machine.postgresql.database}",
                f"--command={sql}",
            ]
        )

    def console(self, command):
        """(status, output) of a command on PgBouncer's console."""
        pgbouncer = self.machine.pgbouncer
        return run(
            [
                *PSQL,
                f"--host={pgbouncer.socket_directory}",
                f"--port={self.machine.ports.pgbouncer}",
                f"--username={self.machine.sql_roles.superuser}",
                f"--dbname={pgbouncer.console}",
                f"--command={command}",
            ]
        )

    def is_ready_command(self):
        """Fails while PostgreSQL on this node refuses connections, at once."""
        directory, port = self.machine.postgresql.socket_directory, self.machine.ports.postgresql
        return [self.program("pg_isready"), "--quiet", "--timeout=0", f"--host={directory}", f"--port={port}"]

    def program(self, name):
        return f"{self.machine.postgresql.bin_directory}/{name}"

    def server(self):
        return self.program("postgres")

    def has_data(self):
        """Whether this node was ever part of the cluster."""
        return os.path.exists(f"{self.machine.postgresql.data_directory}/PG_VERSION")

    def has_all_data(self):
        """Whether PostgreSQL could start here: a copy brings this file last."""
        return os.path.exists(f"{self.machine.postgresql.data_directory}/global/pg_control")

    def control_data(self):
        """What PostgreSQL notes beside its data, whether it runs or not."""
        status, output = run([self.program("pg_controldata"), self.machine.postgresql.data_directory])
        if status != 0:
            raise OSError(f"pg_controldata: {output}")
        return {name: value.strip() for name, _, value in (line.partition(":") for line in output.splitlines())}


def last_complaints():
    """Of PostgreSQL's, in Patroni's journal, without the time and process before them."""
    lines = journal("patroni", 60, "--output=cat").splitlines()
    found = [re.search("(FATAL|PANIC|DETAIL|HINT): .*", line) for line in lines]
    words = [each.group() for each in found if each]
    return "\n".join(words[-3:]) or "journalctl -u patroni says why"
