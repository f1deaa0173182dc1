#!/usr/bin/python3
"""Checks every promise of the cluster and fails if one is not kept within the deadline.

Standard input: {"password": "..."} of the health check's role.
/etc/postgres-ha/cluster.json: {"members": [{name, fqdn, address}], "loadBalancers": [{name, fqdn, address}],
"synchronousMode": "quorum" | "strict" | "off"}, and more for others.
Usage: check-cluster DEADLINE_SECONDS

Checked, in this order: etcd's members are all healthy; one leader and every replica streaming on its
timeline, none waiting for a restart; a synchronous standby where one is promised; each PgBouncer
reaches a PostgreSQL of the right role; through every load balancer a write on 5000 is read back on
5001 from a replica. Each connection verifies the server's certificate and name.
"""
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

TLS = "/etc/postgres-ha/tls"
CA = f"{TLS}/ca.crt"
ROLE = "health_check"
STEP_SECONDS = 10
WAKE_SECONDS = 1


class NotYet(Exception):
    """A promise that is not kept; the text says by which machine and unit."""


def run(arguments, environment=None):
    try:
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=STEP_SECONDS, env={**os.environ, **(environment or {})}, check=False)
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {STEP_SECONDS} s"
    return result.returncode, (result.stdout if result.returncode == 0 else result.stderr).strip()


def ask(url, patch=None, timeout_seconds=STEP_SECONDS):
    """The JSON that a service of the cluster answers, whatever its status says. Raises OSError if it does not."""
    context = ssl.create_default_context(cafile=CA)
    context.load_cert_chain(f"{TLS}/node.crt", f"{TLS}/node.key")
    try:
        request = urllib.request.Request(url) if patch is None else urllib.request.Request(url, json.dumps(patch).encode(), method="PATCH")
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
        members = patroni("127.0.0.1", "/cluster")["members"]
    except OSError as error:
        raise NotYet(f"Patroni on this node does not answer: {error}") from error
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
            raise NotYet(f"{expected['name']}: PostgreSQL is {member['state']} on timeline {member.get('timeline')}, not {wanted} on {found[leaders[0]].get('timeline')}")
        if member.get("pending_restart"):
            raise NotYet(f"{expected['name']}: PostgreSQL waits for a restart to take {', '.join(member.get('pending_restart_reason') or ['its parameters'])}")
    synchronous = [member["name"] for member in members if member["role"] in ("sync_standby", "quorum_standby")]
    if cluster["synchronousMode"] != "off" and not synchronous:
        raise NotYet("no replica is a synchronous standby")
    return leaders[0]


def wake_patroni(cluster):
    """Lets each Patroni begin its next round at once instead of after loop_wait: a patch of its configuration does.
    This one removes a key that is not there, so nothing is written."""
    for member in cluster["members"]:
        try:
            ask(f"https://{member['address']}:8008/config", {"no_such_key": None}, WAKE_SECONDS)
        except OSError:
            pass


def psql(host, port, sql, password):
    connection = f"host={host} port={port} dbname=postgres user={ROLE} connect_timeout=5 sslmode=verify-full sslrootcert={CA}"
    return run(["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--command={sql}", connection], {"PGPASSWORD": password})


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
    check_poolers(cluster, leader, password)
    check_endpoints(cluster, password)
    return leader


def told_by(member):
    """What describe-node has Patroni tell of a node, in headers of its answers."""
    try:
        answer = urllib.request.urlopen(f"https://{member['address']}:8008/patroni", timeout=STEP_SECONDS, context=ssl.create_default_context(cafile=CA))
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
            lines.append("WARNING: nodes have different versions: " + ", ".join(f"{package} on {' '.join(names)}" for package, names in sorted(versions.items())))
    watchdogs = {name: headers["postgres-ha-watchdog"] for name, headers in told.items() if "postgres-ha-watchdog" in headers}
    without = [name for name, watchdog in watchdogs.items() if watchdog == "none"]
    if without:
        lines.append(f"WARNING: no watchdog on {' '.join(without)}: nothing resets such a machine when it leads and hangs, and Patroni goes on without")
    return lines + [f"{name}: Patroni's watchdog, while it leads, is {watchdogs[name]}" for name in sorted(set(watchdogs) - set(without))]


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
    deadline_seconds = int(sys.argv[1])
    password = json.load(sys.stdin)["password"]
    with open("/etc/postgres-ha/cluster.json", encoding="utf-8") as source:
        cluster = json.load(source)
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
    print(f"healthy: leader {leader}, {len(cluster['members']) - 1} replicas streaming, writes and reads verified through {len(cluster['loadBalancers'])} load balancer(s)")


if __name__ == "__main__":
    main()
