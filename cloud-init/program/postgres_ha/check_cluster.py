"""Checks every promise of the cluster and fails if one is not kept within the deadline.

Standard input: {"password", "users": [{"name", "databases"}], "databases": [name]}: the password is the health check's role's,
the others are what the settings list.
Usage: postgres-ha check-cluster SECONDS

Checked, in this order: etcd's members are all healthy; Patroni is not paused; one leader and every
replica streaming on its timeline, none waiting for a restart; a synchronous standby where one is
promised; Patroni's configuration is the one asked for, and on each node every parameter of it is in
force; each listed logical slot is on each node; each user can log in and connect to its databases; each PgBouncer
reaches a PostgreSQL of the right role; through every load balancer a write to the leader's port is read back on the replicas' port
from a replica. Each connection verifies the server's certificate and name.

A replica that is still being copied is waited for as anything else. At the deadline the check fails, because not everything
is checked; but while the copy goes on and all the rest is well, it says how far it is, and calls nothing unhealthy.
"""

import contextlib
import json
import os
import sys
import time
import uuid

from .configuration import wanted_configuration
from .copies import Copies, is_copying
from .deadline import Deadline
from .describe_node import PACKAGES, WATCHDOG
from .etcd import Etcd
from .parameters import why_not_in_force, why_not_of_node, why_not_of_patroni
from .patroni import Patroni, has_everything, leader, leads
from .postgresql import Postgresql, literal
from .system import journal, run

WAKE_SECONDS = 1
# How often figures are printed that change all the time.
PROGRESS_SECONDS = 10


class NotYet(Exception):
    """A promise that is not kept; the text says by which machine and unit."""


class StillCopying(NotYet):
    """Replicas are not there yet; nothing is known to be wrong."""

    def __init__(self, names, text):
        super().__init__(text)
        self.names = names


ACCESS = """SELECT coalesce(string_agg(DISTINCT problem, '; '), '') FROM (
    SELECT CASE
        WHEN r.oid IS NULL THEN format('there is no role %I', role)
        WHEN NOT r.rolcanlogin THEN format('role %1$I may not log in; ALTER ROLE %1$I LOGIN lets it', role)
        WHEN r.rolvaliduntil <= now() THEN format('role %1$I has a password that ended at %2$s; ALTER ROLE %1$I VALID UNTIL %3$L renews it', role, r.rolvaliduntil, 'infinity')
        WHEN r.rolconnlimit = 0 THEN format('role %1$I may have no connection; ALTER ROLE %1$I CONNECTION LIMIT -1 lets it', role)
        WHEN d.oid IS NULL THEN format('there is no database %I', database)
        WHEN NOT d.datallowconn THEN format('database %1$I takes no connections; ALTER DATABASE %1$I ALLOW_CONNECTIONS true opens it', database)
        WHEN d.datconnlimit = 0 THEN format('database %1$I takes no connections; ALTER DATABASE %1$I CONNECTION LIMIT -1 opens it', database)
        WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN format('role %1$I may not connect to database %2$I; GRANT CONNECT ON DATABASE %2$I TO %1$I lets it', role, database)
    END AS problem
    FROM (SELECT item ->> 'name' AS role, json_array_elements_text(item -> 'databases') AS database FROM json_array_elements({users}) AS item) AS wanted
    LEFT JOIN pg_roles AS r ON r.rolname = role
    LEFT JOIN pg_database AS d ON d.datname = database) AS judged"""


class Check:
    def __init__(self, machine, password, users, databases):
        self.machine = machine
        self.databases = databases
        self.password = password
        self.users = users
        self.etcd = Etcd(machine)
        self.patroni = Patroni(machine)
        self.postgresql = Postgresql(machine)
        self.copies = Copies(machine)

    def everything(self, without=()):
        """Returns the leader's name. Raises NotYet.
        @param without: the names of members whose PostgreSQL is not there yet, and whose promises are not checked"""
        members = [member for member in self.machine.members if member.name not in without]
        self.etcd_members(self.machine.members)
        state = self.state()
        self.is_not_paused(state)
        leading = self.patroni_members(state, members)
        self.parameters(members)
        self.slots(members)
        self.access(leading)
        self.poolers(leading, members)
        self.endpoints()
        return leading

    def differences(self):
        """What is not as it should be at this moment, a sentence each: every member, and not only the first reason."""
        wanted, members = wanted_configuration(self.machine), self.machine.members
        for member in members:
            yield from why_not(self.etcd_members, [member])
        yield from filter(None, [why_not_of_patroni(self.machine, wanted)])
        yield from filter(None, (why_not_of_node(self.machine, member, wanted) for member in members))
        state = self.state()
        yield from why_not(self.is_not_paused, state)
        yield from why_not(self.patroni_members, state, members)
        leading = leader(state["members"])
        if leading is not None:
            yield from why_not(self.access, leading)
        for member in members:
            yield from why_not(self.slots, [member])

    def etcd_members(self, members):
        for member in members:
            reason = self.etcd.health(member.address)
            if reason is not None:
                raise NotYet(f"{member.name}: {reason}")

    def state(self):
        """Of the cluster, as Patroni on this node has it."""
        try:
            return self.patroni.cluster()
        except OSError as error:
            raise NotYet(f"Patroni on this node does not answer: {error}") from error

    def is_not_paused(self, state):
        if state.get("pause"):
            raise NotYet(
                "Patroni is paused, nobody would take over from a lost leader: `patronictl resume` on a database node ends that"
            )

    def patroni_members(self, state, expected_members):
        """Returns the leader's name."""
        members = state["members"]
        found = {member["name"]: member for member in members}
        leading = leader(members)
        if leading is None:
            names = [member["name"] for member in members if leads(member)]
            raise NotYet(f"Patroni reports {len(names)} leaders: {names}")
        timeline = found[leading].get("timeline")
        copying = []
        for expected in expected_members:
            member = found.get(expected.name)
            if member is None:
                raise NotYet(f"{expected.name}: patroni.service has not joined the cluster")
            if is_copying(member):
                copying.append(expected)
                continue
            wanted = "running" if expected.name == leading else "streaming"
            if member["state"] != wanted or member.get("timeline") != timeline:
                raise NotYet(
                    f"{expected.name}: PostgreSQL is {member['state']} on timeline {member.get('timeline')}, not {wanted} on {timeline}"
                )
            if member.get("pending_restart"):
                raise NotYet(
                    f"{expected.name}: PostgreSQL waits for a restart to take {', '.join(member.get('pending_restart_reason') or ['its parameters'])}"
                )
        if copying:
            raise StillCopying([member.name for member in copying], "; ".join(map(self.copies.look, copying)))
        if self.machine.synchronous_mode != "off" and not any(map(has_everything, members)):
            raise NotYet("no replica is a synchronous standby")
        return leading

    def parameters(self, members):
        reason = why_not_in_force(self.machine, members, wanted_configuration(self.machine))
        if reason is not None:
            raise NotYet(reason)

    def slots(self, members):
        """The leader has them when their database is there; Patroni copies them to a replica a round or two later."""
        wanted = set(wanted_configuration(self.machine).get("slots", {}))
        for member in members if wanted else []:
            sql = "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical'"
            status, output = self.postgresql.as_superuser(member.fqdn, sql)
            if status != 0:
                raise NotYet(f"{member.name}: PostgreSQL does not serve the superuser: {output[-300:]}")
            missing = wanted - set(output.splitlines())
            if missing:
                raise NotYet(f"{member.name}: there is no logical slot {', '.join(sorted(missing))} yet")

    def access(self, leading):
        sql = ACCESS.format(users=literal(json.dumps(self.users)))
        status, output = self.postgresql.as_superuser(self.machine.member(leading).fqdn, sql)
        if status != 0:
            raise NotYet(f"{leading}: PostgreSQL does not serve the superuser: {output[-300:]}")
        if output:
            raise NotYet(f"{leading}: {output}")

    def query(self, host, port, sql):
        return self.postgresql.as_health_check(host, port, sql, self.password)

    def poolers(self, leading, members):
        for member in members:
            status, output = self.query(member.fqdn, self.machine.ports.pgbouncer, "SELECT pg_is_in_recovery()")
            if status != 0:
                raise NotYet(f"{member.name}: PgBouncer does not serve: {output[-300:]}")
            if output != ("f" if member.name == leading else "t"):
                raise NotYet(f"{member.name}: PgBouncer leads to a server in recovery: {output}")

    def endpoints(self):
        table = f"{self.machine.sql_roles.health_check}.probe"
        writes, reads = self.machine.ports.leader, self.machine.ports.replicas
        for balancer in self.machine.load_balancers:
            token = str(uuid.uuid4())
            write = f"INSERT INTO {table} (token) VALUES ('{token}') ON CONFLICT (only_row) DO UPDATE SET token = excluded.token, written_at = clock_timestamp()"
            status, output = self.query(balancer.fqdn, writes, write)
            if status != 0:
                raise NotYet(f"{balancer.name}: no write through HAProxy's port {writes}: {output[-300:]}")
            status, output = self.query(balancer.fqdn, reads, f"SELECT pg_is_in_recovery(), token FROM {table}")
            if status != 0:
                raise NotYet(f"{balancer.name}: no read through HAProxy's port {reads}: {output[-300:]}")
            if output != f"t|{token}":
                raise NotYet(f"{balancer.name}: port {reads} read {output!r}, not the row just written from a replica")

    def wake_patroni(self):
        for member in self.machine.members:
            with contextlib.suppress(OSError):
                self.patroni.begin_round(member.address, WAKE_SECONDS)

    def headers(self, member):
        """What describe-node has Patroni tell of a node, in headers of its answers."""
        try:
            return self.patroni.request("/patroni", address=member.address).headers
        except OSError:
            return {}

    def remarks(self):
        """Lines about what does not keep the cluster from working and should be known all the same."""
        told = {member.name: self.headers(member) for member in self.machine.members}
        return [*self.unlisted_databases(), *remarks(told)]

    def unlisted_databases(self):
        """Databases that the settings do not list, or no longer: nothing removes them."""
        sql = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname"
        status, output = self.postgresql.as_superuser(self.machine.own.fqdn, sql)
        listed = {*self.databases, self.machine.postgresql.database}
        names = [name for name in output.splitlines() if name not in listed] if status == 0 else []
        return [f"WARNING: not in the setting `databases`, and kept: {', '.join(names)}"] if names else []

    def explain(self):
        """What an engineer looks at first; on standard error, because it goes with the failure."""
        for title, text in {
            "patronictl list": run(["patronictl", "-c", self.machine.patroni.configuration_directory, "list"])[1],
            "patroni.service": journal("patroni", 20),
            "etcd.service": journal("etcd", 10),
            "pgbouncer.service": journal("pgbouncer", 10),
        }.items():
            print(f"--- {title} on {os.uname().nodename}\n{text}", file=sys.stderr)


def remarks(told):
    """@param told: by the node's name, the headers of its answers"""
    lines, builds = [], {}
    for name, headers in told.items():
        for package in headers.get(PACKAGES.lower(), "").split():
            builds.setdefault(package.rsplit("-", 2)[0], {}).setdefault(package, []).append(name)
    for versions in builds.values():
        if len(versions) > 1:
            lines.append(
                "WARNING: nodes have different versions: "
                + ", ".join(f"{package} on {' '.join(names)}" for package, names in sorted(versions.items()))
            )
    watchdogs = {name: headers[WATCHDOG.lower()] for name, headers in told.items() if WATCHDOG.lower() in headers}
    without = [name for name, watchdog in watchdogs.items() if watchdog == "none"]
    if without:
        lines.append(
            f"WARNING: no watchdog on {' '.join(without)}: nothing resets such a machine when it leads and hangs, and Patroni goes on without"
        )
    return lines + [
        f"{name}: Patroni's watchdog, while it leads, is {watchdogs[name]}"
        for name in sorted(set(watchdogs) - set(without))
    ]


def why_not(step, *arguments):
    """The reason of a step that fails, in a list; an empty one if it does not."""
    try:
        step(*arguments)
    except NotYet as reason:
        return [str(reason)]
    return []


def differences(machine):
    """Prints what of the cluster is not as it should be, a line each, and changes nothing. Standard input: {"users"}, as above.
    It connects as no client does, because it has no password: the load balancers' ports are not tried."""
    check = Check(machine, None, json.load(sys.stdin)["users"], [])
    try:
        for line in check.differences():
            print(" ".join(line.split()))
    except NotYet as reason:
        print(reason)


class Told:
    """Prints a reason to wait when it is a new one, and the figures of the same one now and then."""

    def __init__(self):
        self.began = time.monotonic()
        self.topic = None
        self.text = ""
        self.at = self.began

    def tell(self, reason):
        now, topic = time.monotonic(), getattr(reason, "names", str(reason))
        if topic == self.topic and (str(reason) == self.text or now < self.at + PROGRESS_SECONDS):
            return
        self.topic, self.text, self.at = topic, str(reason), now
        # Also keeps the SSH connection from being silent.
        print(f"{now - self.began:.0f} s: {reason}", file=sys.stderr, flush=True)


def why_it_ends(check, reason, seconds):
    """What is said at the deadline, and whether the cluster is well but for what it still waits for."""
    if not isinstance(reason, StillCopying):
        return f"the cluster is not healthy after {seconds} s: {reason}", False
    if not check.copies.go_on(reason.names):
        return f"the cluster is not healthy after {seconds} s: {reason}, and this does not go on", False
    try:
        check.everything(without=reason.names)
    except NotYet as other:
        return f"the cluster is not healthy after {seconds} s: {other}; {reason}", False
    return (
        f"not done yet after {seconds} s: {reason}. Everything else is well, and the cluster serves. "
        "When `patronictl list` shows that it streams, run `up` again: it checks the cluster. Until then the outputs are those of the last `up` that succeeded",
        True,
    )


def main(machine, seconds):
    given = json.load(sys.stdin)
    check = Check(machine, given["password"], given["users"], given["databases"])
    deadline, woken, told = Deadline(int(seconds)), time.monotonic(), Told()
    while True:
        try:
            leading = check.everything()
            break
        except NotYet as reason:
            if deadline.is_over():
                text, well = why_it_ends(check, reason, seconds)
                print(text, file=sys.stderr)
                if not well:
                    check.explain()
                sys.exit(1)
            told.tell(reason)
            if time.monotonic() - woken >= WAKE_SECONDS:
                check.wake_patroni()
                woken = time.monotonic()
            time.sleep(0.3)
    for line in check.remarks():
        print(line)
    print(
        f"healthy: leader {leading}, {len(machine.members) - 1} replicas streaming, writes and reads verified through {len(machine.load_balancers)} load balancer(s)"
    )
