#!/usr/bin/python3
"""Checks every promise of the cluster and fails if one is not kept within the deadline.

Standard input: {"password": "..."} of the health check's role.
/etc/postgres-ha/cluster.json: {"members": [{name, fqdn, address}], "loadBalancers": [{name, fqdn, address}],
"synchronousMode": "quorum" | "strict" | "off", "users": [{name, databases}]}, and more for others.
/etc/postgres-ha/patroni-dynamic.json: Patroni's configuration, with PostgreSQL's parameters, as asked for.
Usage: check-cluster DEADLINE_SECONDS
       check-cluster parameters NAME      only Patroni's configuration and the parameters of one node, without waiting

Checked, in this order: etcd's members are all healthy; Patroni is not paused; one leader and every
replica streaming on its timeline, none waiting for a restart; a synchronous standby where one is
promised; Patroni's configuration is the one asked for, and on each node every parameter of it is in
force; each user can log in and connect to its databases; each PgBouncer reaches a PostgreSQL of the
right role; through every load balancer a write on 5000 is read back on 5001 from a replica. Each
connection verifies the server's certificate and name.
"""

import contextlib
import json
import math
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

TLS = "/etc/postgres-ha/tls"
CA = f"{TLS}/ca.crt"
DESIRED = "/etc/postgres-ha/patroni-dynamic.json"
DIFFERENCE = ["/usr/local/libexec/postgres-ha/apply-dynamic-configuration", "difference"]
ROLE = "health_check"
STEP_SECONDS = 10
WAKE_SECONDS = 1


class NotYet(Exception):
    """A promise that is not kept; the text says by which machine and unit."""


def run(arguments, environment=None):
    try:
        result = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {STEP_SECONDS} s"
    return result.returncode, (result.stdout if result.returncode == 0 else result.stderr).strip()


def ask(url, patch=None, timeout_seconds=STEP_SECONDS):
    """The JSON that a service of the cluster answers, whatever its status says. Raises OSError if it does not."""
    context = ssl.create_default_context(cafile=CA)
    context.load_cert_chain(f"{TLS}/node.crt", f"{TLS}/node.key")
    try:
        request = (
            urllib.request.Request(url)
            if patch is None
            else urllib.request.Request(url, json.dumps(patch).encode(), method="PATCH")
        )
        response = urllib.request.urlopen(request, timeout=timeout_seconds, context=context)
    except urllib.error.HTTPError as refusal:
        response = refusal
    with response:
        try:
            return json.load(response)
        except ValueError as error:
            raise OSError(f"status {response.status} and no JSON") from error


def etcd(address, path):
    return ask(f"https://{address}:2379{path}")


def patroni(address, path):
    return ask(f"https://{address}:8008{path}")


def check_etcd(cluster):
    for member in cluster["members"]:
        try:
            health = etcd(member["address"], "/health")
        except OSError as error:
            raise NotYet(f"{member['name']}: etcd does not answer: {error}") from error
        if health["health"] != "true":
            raise NotYet(f"{member['name']}: etcd is not healthy: {health.get('reason')}")


def check_patroni(cluster):
    """Returns the leader's name."""
    try:
        state = patroni("127.0.0.1", "/cluster")
    except OSError as error:
        raise NotYet(f"Patroni on this node does not answer: {error}") from error
    if state.get("pause"):
        raise NotYet(
            "Patroni is paused, nobody would take over from a lost leader: `patronictl resume` on a database node ends that"
        )
    members = state["members"]
    found = {member["name"]: member for member in members}
    leaders = [member["name"] for member in members if member["role"] in ("leader", "standby_leader")]
    if len(leaders) != 1:
        raise NotYet(f"Patroni reports {len(leaders)} leaders: {leaders}")
    for expected in cluster["members"]:
        member = found.get(expected["name"])
        if member is None:
            raise NotYet(f"{expected['name']}: patroni.service has not joined the cluster")
        wanted = "running" if expected["name"] == leaders[0] else "streaming"
        if member["state"] != wanted or member.get("timeline") != found[leaders[0]].get("timeline"):
            raise NotYet(
                f"{expected['name']}: PostgreSQL is {member['state']} on timeline {member.get('timeline')}, not {wanted} on {found[leaders[0]].get('timeline')}"
            )
        if member.get("pending_restart"):
            raise NotYet(
                f"{expected['name']}: PostgreSQL waits for a restart to take {', '.join(member.get('pending_restart_reason') or ['its parameters'])}"
            )
    synchronous = [member["name"] for member in members if member["role"] in ("sync_standby", "quorum_standby")]
    if cluster["synchronousMode"] != "off" and not synchronous:
        raise NotYet("no replica is a synchronous standby")
    return leaders[0]


def wake_patroni(cluster):
    """Lets each Patroni begin its next round at once instead of after loop_wait: a patch of its configuration does.
    This one removes a key that is not there, so nothing is written."""
    for member in cluster["members"]:
        with contextlib.suppress(OSError):
            ask(f"https://{member['address']}:8008/config", {"no_such_key": None}, WAKE_SECONDS)


def psql(host, port, sql, password=None):
    """As the health check's role, or as the superuser where no password is given."""
    user = "user=postgres passfile=/etc/postgres-ha/superuser.pgpass" if password is None else f"user={ROLE}"
    connection = (
        f"host={host} port={port} dbname=postgres {user} connect_timeout=5 sslmode=verify-full sslrootcert={CA}"
    )
    return run(
        [
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            f"--command={sql}",
            connection,
        ],
        {} if password is None else {"PGPASSWORD": password},
    )


def literal(text):
    return "'" + text.replace("'", "''") + "'"


# Each unit in the smallest of its kind, the largest first.
MEMORY_UNITS = {"TB": 1024**4, "GB": 1024**3, "MB": 1024**2, "kB": 1024, "B": 1}
TIME_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}


def number(text, unit):
    """As PostgreSQL reads it, in the parameter's unit; settings/postgresql/amounts.ts is the same for the configuration."""
    digits, given = re.fullmatch(r"\s*([-+.0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*", text).groups()
    value = float(digits)
    if not given:
        return value
    table = MEMORY_UNITS if unit.endswith("B") else TIME_UNITS
    factor, name = re.fullmatch(r"([0-9]*)([A-Za-z]+)", unit).groups()
    size = value * table[given]
    smaller = [step for step in table.values() if step < table[given]]
    if smaller:
        size = round(size / smaller[0]) * smaller[0]
    return size / (int(factor or 1) * table[name])


def truth(text):
    return {
        "on": True,
        "true": True,
        "yes": True,
        "1": True,
        "off": False,
        "false": False,
        "no": False,
        "0": False,
    }.get(text.lower())


def words(text):
    return [word for word in re.split(r"[\s,]+", text.lower()) if word]


def in_force(name, wanted, vartype, unit, actual):
    """Whether pg_settings shows a value as it was asked for."""
    if vartype in ("integer", "real"):
        try:
            value = number(wanted, unit)
        except (AttributeError, KeyError, ValueError):
            return False
        # pg_settings shows six digits of a real number.
        return (
            round(value) == int(actual)
            if vartype == "integer"
            else math.isclose(value, float(actual), rel_tol=1e-5, abs_tol=1e-9)
        )
    if vartype in ("bool", "enum") and truth(wanted) is not None:
        return truth(wanted) == truth(actual)
    if name.lower() == "datestyle":
        # Asked for by half, the other half stays PostgreSQL's.
        return set(words(wanted)) <= set(words(actual))
    # Of its texts, PostgreSQL respells the names of encodings.
    return (
        wanted.lower() == actual.lower() if vartype == "enum" or name.lower() == "client_encoding" else wanted == actual
    )


# The session has a value of its own, which says nothing of the server's.
OF_THE_SESSION = ("global", "database", "user", "database user", "client", "interactive", "session")


def wrong_parameters(wanted, found):
    """Sentences. `found`: by the name in lower case, what SETTINGS asks for."""
    sentences = []
    for name, value in wanted.items():
        text = str(value)  # JSON's true becomes True, which PostgreSQL takes as well
        if name.lower() not in found:
            sentences.append(f"PostgreSQL does not know {name}")
            continue
        vartype, unit, actual, shown, source, file = found[name.lower()]
        computed = source == "override" and text in ("-1", "0")
        if source in OF_THE_SESSION or computed or in_force(name, text, vartype, unit, actual or ""):
            continue
        by_hand = (
            f" (by ALTER SYSTEM; `ALTER SYSTEM RESET {name}` on this node takes that back)"
            if (file or "").endswith("/postgresql.auto.conf")
            else ""
        )
        sentences.append(f"{name} is {shown}, not {text}{by_hand}")
    return sentences


SETTINGS = """SELECT json_build_object(
    'errors', (SELECT coalesce(json_agg(format('%s: %s', name, error)), '[]') FROM pg_file_settings WHERE error IS NOT NULL),
    'settings', (SELECT json_object_agg(lower(name), json_build_array(vartype, unit, reset_val, current_setting(name, true), source, sourcefile))
        FROM pg_settings WHERE lower(name) = ANY (string_to_array({names}, ','))))"""


def check_parameters(cluster):
    with open(DESIRED, encoding="utf-8") as source:
        wanted = json.load(source)["postgresql"]["parameters"]
    status, output = run(DIFFERENCE)
    if status != 0:
        raise NotYet(f"Patroni's configuration cannot be compared: {output[-300:]}")
    different = json.loads(output)
    parameters = different.get("postgresql", {}).pop("parameters", {})
    keys = [*parameters, *(key for key, value in different.items() if value != {})]
    if keys:
        raise NotYet(
            f"Patroni's configuration is not the one asked for: {', '.join(keys)} differ. `pulumi up --replace '**-revision'` sends it again"
        )

    sql = SETTINGS.format(names=literal(",".join(wanted).lower()))
    for member in cluster["members"]:
        status, output = psql(member["fqdn"], 5432, sql)
        if status != 0:
            raise NotYet(f"{member['name']}: PostgreSQL does not serve the superuser: {output[-300:]}")
        found = json.loads(output)
        if found["errors"]:
            raise NotYet(
                f"{member['name']}: PostgreSQL's configuration files have errors, and it would not start again: {'; '.join(found['errors'])}"
            )
        wrong = wrong_parameters(wanted, found["settings"])
        if wrong:
            raise NotYet(f"{member['name']}: {'; '.join(wrong)}")


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


def check_access(cluster, leader):
    fqdn = next(member["fqdn"] for member in cluster["members"] if member["name"] == leader)
    status, output = psql(fqdn, 5432, ACCESS.format(users=literal(json.dumps(cluster["users"]))))
    if status != 0:
        raise NotYet(f"{leader}: PostgreSQL does not serve the superuser: {output[-300:]}")
    if output:
        raise NotYet(f"{leader}: {output}")


def check_poolers(cluster, leader, password):
    for member in cluster["members"]:
        status, output = psql(member["fqdn"], 6432, "SELECT pg_is_in_recovery()", password)
        if status != 0:
            raise NotYet(f"{member['name']}: PgBouncer does not serve: {output[-300:]}")
        if output != ("f" if member["name"] == leader else "t"):
            raise NotYet(f"{member['name']}: PgBouncer leads to a server in recovery: {output}")


def check_endpoints(cluster, password):
    for balancer in cluster["loadBalancers"]:
        token = str(uuid.uuid4())
        write = f"INSERT INTO {ROLE}.probe (token) VALUES ('{token}') ON CONFLICT (only_row) DO UPDATE SET token = excluded.token, written_at = clock_timestamp()"
        status, output = psql(balancer["fqdn"], 5000, write, password)
        if status != 0:
            raise NotYet(f"{balancer['name']}: no write through HAProxy's port 5000: {output[-300:]}")
        status, output = psql(balancer["fqdn"], 5001, f"SELECT pg_is_in_recovery(), token FROM {ROLE}.probe", password)
        if status != 0:
            raise NotYet(f"{balancer['name']}: no read through HAProxy's port 5001: {output[-300:]}")
        if output != f"t|{token}":
            raise NotYet(f"{balancer['name']}: port 5001 read {output!r}, not the row just written from a replica")


def check_everything(cluster, password):
    check_etcd(cluster)
    leader = check_patroni(cluster)
    check_parameters(cluster)
    check_access(cluster, leader)
    check_poolers(cluster, leader, password)
    check_endpoints(cluster, password)
    return leader


def told_by(member):
    """What describe-node has Patroni tell of a node, in headers of its answers."""
    try:
        answer = urllib.request.urlopen(
            f"https://{member['address']}:8008/patroni",
            timeout=STEP_SECONDS,
            context=ssl.create_default_context(cafile=CA),
        )
    except urllib.error.HTTPError as refusal:
        answer = refusal
    except OSError:
        return {}
    with answer:
        return {name.lower(): value for name, value in answer.headers.items()}


def remarks(cluster):
    """Lines about what does not keep the cluster from working and should be known all the same."""
    lines = []
    told = {member["name"]: told_by(member) for member in cluster["members"]}
    builds = {}
    for name, headers in told.items():
        for package in headers.get("postgres-ha-packages", "").split():
            builds.setdefault(package.rsplit("-", 2)[0], {}).setdefault(package, []).append(name)
    for versions in builds.values():
        if len(versions) > 1:
            lines.append(
                "WARNING: nodes have different versions: "
                + ", ".join(f"{package} on {' '.join(names)}" for package, names in sorted(versions.items()))
            )
    watchdogs = {
        name: headers["postgres-ha-watchdog"] for name, headers in told.items() if "postgres-ha-watchdog" in headers
    }
    without = [name for name, watchdog in watchdogs.items() if watchdog == "none"]
    if without:
        lines.append(
            f"WARNING: no watchdog on {' '.join(without)}: nothing resets such a machine when it leads and hangs, and Patroni goes on without"
        )
    return lines + [
        f"{name}: Patroni's watchdog, while it leads, is {watchdogs[name]}"
        for name in sorted(set(watchdogs) - set(without))
    ]


def explain():
    """What an engineer looks at first; on standard error, because it goes with the failure."""
    for title, command in {
        "patronictl list": ["patronictl", "-c", "/etc/patroni", "list"],
        "patroni.service": ["journalctl", "--no-pager", "-u", "patroni", "-n", "20"],
        "etcd.service": ["journalctl", "--no-pager", "-u", "etcd", "-n", "10"],
        "pgbouncer.service": ["journalctl", "--no-pager", "-u", "pgbouncer", "-n", "10"],
    }.items():
        print(f"--- {title} on {os.uname().nodename}\n{run(command)[1]}", file=sys.stderr)


def main():
    with open("/etc/postgres-ha/cluster.json", encoding="utf-8") as source:
        cluster = json.load(source)
    if sys.argv[1] == "parameters":
        try:
            return check_parameters(
                {"members": [member for member in cluster["members"] if member["name"] == sys.argv[2]]}
            )
        except NotYet as reason:
            sys.exit(str(reason))
    deadline_seconds = int(sys.argv[1])
    password = json.load(sys.stdin)["password"]
    started = time.monotonic()
    reported = ""
    woken = started
    while True:
        try:
            leader = check_everything(cluster, password)
            break
        except NotYet as reason:
            elapsed = time.monotonic() - started
            if elapsed > deadline_seconds:
                print(f"the cluster is not healthy after {deadline_seconds} s: {reason}", file=sys.stderr)
                explain()
                sys.exit(1)
            if str(reason) != reported:
                reported = str(reason)
                # Also keeps the SSH connection from being silent.
                print(f"{elapsed:.0f} s: {reported}", file=sys.stderr, flush=True)
            if time.monotonic() - woken >= WAKE_SECONDS:
                wake_patroni(cluster)
                woken = time.monotonic()
            time.sleep(0.3)
    for line in remarks(cluster):
        print(line)
    print(
        f"healthy: leader {leader}, {len(cluster['members']) - 1} replicas streaming, writes and reads verified through {len(cluster['loadBalancers'])} load balancer(s)"
    )


if __name__ == "__main__":
    main()
