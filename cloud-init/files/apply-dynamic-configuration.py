#!/usr/bin/python3
"""Makes Patroni's dynamic configuration what /etc/postgres-ha/patroni-dynamic.json says.

First this node's PostgreSQL tries the parameters; what it refuses changes nothing anywhere. Every node
runs this; the first one changes Patroni's configuration, the others find nothing to do. Then, if this
node's PostgreSQL waits for a restart, it is restarted in its turn, while no other node is: replicas
first, then the leader, which hands over to a synchronous standby before. Where a parameter that
standbys must not have lower than their leader goes down, the leader is the first, and restarts in
place. No node restarts while another one is not well, so a value with which PostgreSQL does not start
costs one node; with the value put back, Patroni starts that one again by itself. Does nothing where
Patroni does not run yet: its first start reads the same values from its bootstrap section.

Usage: apply-dynamic-configuration                       all of it
       apply-dynamic-configuration difference            print what Patroni's configuration lacks, as JSON
       apply-dynamic-configuration restart [in-place]    restart this node, under the lock of one-after-another
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CLUSTER = "/etc/postgres-ha/cluster.json"
DESIRED = "/etc/postgres-ha/patroni-dynamic.json"
TLS = "/etc/postgres-ha/tls"
PATCH_ATTEMPTS = 20
TRY_SECONDS = 30

# The limits lie in one another: five slow nodes may restart one after another within what apply gives this script, and
# within the wait of one-after-another for the lock; a node's own restart is counted from when it has the lock.
DEADLINE_SECONDS = 1650
# Without a restart of any node: a node that is not configured in this run must not block the leader for ever.
TURN_SECONDS = 480
# Another node may have restarted a moment ago, or be on its first boot.
OTHERS_SECONDS = 120
# A clean stop, which checkpoints, and a start; a switchover before.
RESTART_SECONDS = 300
# Patroni tries again in each round, and a start may fail for a reason that passes.
FAILED_SECONDS = 15
# After the configuration was put back Patroni starts PostgreSQL within a round.
START_SECONDS = 90

RESTART = [
    "/usr/local/libexec/postgres-ha/one-after-another",
    "/usr/local/libexec/postgres-ha/apply-dynamic-configuration",
    "restart",
]
CHECK = ["/usr/local/libexec/postgres-ha/check-cluster", "parameters"]
PATRONICTL = ["patronictl", "-c", "/etc/patroni"]
LEADERS = ("leader", "master", "primary", "standby_leader")
# PostgreSQL's manual, 26.4.6 Administrator's Overview: a standby does not start with less than its primary. By the
# name of the parameter, what pg_controldata calls the primary's.
NOT_LOWER_THAN_LEADER = {
    "max_connections": "max_connections setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_worker_processes": "max_worker_processes setting",
}


class Refused(Exception):
    """Why the configuration is not in force on this node."""


def request(path, method="GET", body=None, address="127.0.0.1", timeout_seconds=60):
    context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
    context.load_cert_chain(f"{TLS}/node.crt", f"{TLS}/node.key")
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(
        f"https://{address}:8008{path}", data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=timeout_seconds, context=context) as response:
        text = response.read().decode()
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_json(path):
    with open(path, encoding="utf-8") as source:
        return json.load(source)


def same(wanted, found):
    """Patroni's tools keep off as false, which is no other value."""
    spellings = {"on": True, "off": False}
    return (
        spellings.get(wanted, wanted) == spellings.get(found, found)
        if isinstance(wanted, (str, bool)) and isinstance(found, (str, bool))
        else wanted == found
    )


def difference(desired, actual):
    """The PATCH that turns actual into desired. Parameters that are no longer desired are removed."""
    patch = {}
    for key, value in desired.items():
        if isinstance(value, dict):
            inner = difference(value, actual.get(key) or {})
            if key == "parameters":
                inner.update({name: None for name in (actual.get(key) or {}) if name not in value})
            if inner:
                patch[key] = inner
        elif not same(value, actual.get(key)):
            patch[key] = value
    return patch


def change_dynamic_configuration(desired):
    """Returns whether this node changed anything. Another node may be doing the same: then look again."""
    for attempt in range(PATCH_ATTEMPTS):
        patch = difference(desired, request("/config"))
        if not patch:
            return False
        try:
            request("/config", "PATCH", patch)
        except urllib.error.HTTPError as error:
            if error.code != 409 or attempt == PATCH_ATTEMPTS - 1:
                raise
            time.sleep(0.5)
            continue
        print(f"changed {json.dumps(patch)}", flush=True)
        return True
    return False


def configuration_file(parameters):
    """postgresql.conf for the trial. What each session loads, and a reload would bring in, is loaded at once."""
    tried = dict(parameters)
    libraries = [
        str(tried[name]) for name in ("shared_preload_libraries", "session_preload_libraries") if tried.get(name)
    ]
    tried["shared_preload_libraries"] = ",".join(libraries)
    quoted = {name: str(value).replace("\\", "\\\\").replace("'", "''") for name, value in tried.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def try_parameters(cluster, parameters):
    """Has PostgreSQL on this node read the values, load the libraries and compute its shared memory, beside the running
    server: `postgres -C` of what it computes at run time goes through all that, and starts nothing. Raises Refused with
    PostgreSQL's own words."""
    data = cluster["dataDirectory"]
    if not os.path.exists(f"{data}/PG_VERSION"):
        return
    scratch = tempfile.mkdtemp(prefix="postgres-ha-trial-")
    try:
        os.mkdir(f"{scratch}/global")
        for name in ("PG_VERSION", "global/pg_control"):
            shutil.copy(f"{data}/{name}", f"{scratch}/{name}")
        for name, text in {"postgresql.conf": configuration_file(parameters), "postgresql.auto.conf": ""}.items():
            with open(f"{scratch}/{name}", "w", encoding="utf-8") as target:
                target.write(text)
        subprocess.run(["chown", "-R", "postgres:", scratch], check=True, timeout=TRY_SECONDS)
        command = [
            "runuser",
            "-u",
            "postgres",
            "--",
            f"{cluster['binDirectory']}/postgres",
            "-C",
            "shared_memory_size",
            "-D",
            scratch,
            "-c",
            "log_line_prefix=",
        ]
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TRY_SECONDS, cwd="/")
    finally:
        shutil.rmtree(scratch)
    if result.returncode != 0:
        words = [line for line in result.stderr.splitlines() if line.strip() and "contains errors" not in line]
        raise Refused(
            "PostgreSQL does not take the parameters, nothing was changed:\n"
            + "\n".join(words or [f"postgres -C ended with {result.returncode}"])
        )


def own_state():
    return request("/patroni")


def is_in_force(name):
    """Whether Patroni's configuration and this node's PostgreSQL are as asked for already: mostly, since this runs each
    time the machine is configured."""
    return subprocess.run(CHECK + [name], check=False, capture_output=True, timeout=TRY_SECONDS).returncode == 0


def why_not_started():
    """PostgreSQL's last complaints; Patroni's journal has them."""
    lines = subprocess.run(
        ["journalctl", "--no-pager", "--unit=patroni", "--lines=60", "--output=cat"],
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.splitlines()
    # Without the time and process before them.
    words = [
        line[found.start() :] for line in lines for found in [re.search("(FATAL|PANIC|DETAIL|HINT): ", line)] if found
    ]
    return "\n".join(words[-3:]) or "journalctl -u patroni says why"


def wait_for_start():
    """Whose PostgreSQL did not start is started by Patroni when the configuration is right again."""
    deadline = time.monotonic() + START_SECONDS
    if own_state().get("state") != "start failed":
        return
    while own_state().get("state") != "running":
        if time.monotonic() > deadline:
            raise Refused(f"PostgreSQL does not start:\n{why_not_started()}")
        time.sleep(1)


def lowered(member):
    """What standbys must not have less of than their leader, and this member has less of after a restart: the new values."""
    reasons = member.get("pending_restart_reason") or {}
    values = {
        name: (int(reason["old_value"]), int(reason["new_value"]))
        for name, reason in reasons.items()
        if name in NOT_LOWER_THAN_LEADER
    }
    return {name: new for name, (old, new) in values.items() if new < old}


def control_data():
    """What PostgreSQL on this node notes beside its data; of a standby, its leader's parameters as of the WAL it has replayed."""
    cluster = read_json(CLUSTER)
    command = [f"{cluster['binDirectory']}/pg_controldata", cluster["dataDirectory"]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def leader_still_has_more(own):
    """Whether this standby would start with what it has, because its leader has not been restarted yet. Patroni would keep
    the old values, and leave another restart pending; and it reports the leader's state up to two rounds late."""
    new_values = lowered(own)
    if own["role"] != "replica" or not new_values:
        return False
    noted = control_data()
    return any(int(noted[NOT_LOWER_THAN_LEADER[name]]) > new for name, new in new_values.items())


def next_to_restart(members):
    """The names of those whose turn it is, of the members as Patroni's /cluster lists them."""
    pending = [member for member in members if member.get("pending_restart")]
    leading = [member for member in pending if member["role"] in LEADERS]
    following = [member for member in pending if member not in leading]
    first, second = (leading, following) if any(map(lowered, leading)) else (following, leading)
    return [member["name"] for member in first or second]


def not_started(members):
    return sorted(member["name"] for member in members if member.get("state") == "start failed")


def restart_in_turn(deadline):
    """@param deadline: of all the waiting, by time.monotonic"""
    turn_ends, waiting, failed_since = time.monotonic() + TURN_SECONDS, None, None
    while True:
        own = own_state()
        if not own.get("pending_restart"):
            return
        members = request("/cluster")["members"]
        name = own["patroni"]["name"]
        now = time.monotonic()

        failed = not_started(members)
        failed_since = failed_since or (now if failed else None)
        if failed and now > failed_since + FAILED_SECONDS:
            raise Refused(others_first(f"{failed[0]}: PostgreSQL does not start"))

        pending = [member["name"] for member in members if member.get("pending_restart")]
        if pending != waiting:
            waiting, turn_ends = pending, now + TURN_SECONDS
            print(f"waiting for a restart: {', '.join(pending)}", flush=True)
        is_next = name in next_to_restart(members) and not leader_still_has_more(own)
        if is_next or now > min(turn_ends, deadline):
            in_place = any(member["name"] == name and lowered(member) for member in members)
            result = subprocess.run(
                RESTART + (["in-place"] if in_place else []), check=False, timeout=max(60, deadline - now)
            )
            if result.returncode != 0:
                sys.exit(1)  # It has said why.
            return
        time.sleep(1)


def others_first(reason):
    return f"not restarted, because not every other node is well: {reason}. Mend that node, or put the parameters back; then `up` again"


def unwell(member):
    """What is wrong with another node, asked of itself, None when nothing is; and its state."""
    try:
        state = request("/patroni", address=member["address"], timeout_seconds=5)
    except (urllib.error.URLError, OSError) as error:
        return f"Patroni does not answer: {getattr(error, 'reason', error)}", {}
    if state.get("state") != "running":
        return f"PostgreSQL is {state.get('state')}", state
    if state.get("role") not in LEADERS and state.get("replication_state") != "streaming":
        return "PostgreSQL does not stream from the leader", state
    return None, state


def look_at_others(cluster, own):
    """What keeps this node from restarting: the state of the others, or that no standby could become leader with
    everything acknowledged. None when nothing does."""
    states = []
    for member in cluster["members"]:
        if member["name"] == own["patroni"]["name"]:
            continue
        wrong, state = unwell(member)
        if wrong is not None:
            return f"{member['name']}: {wrong}"
        states.append(state)
    synchronous = any(state.get("sync_standby") or state.get("quorum_standby") for state in states)
    if own["role"] in LEADERS and cluster["synchronousMode"] != "off" and not synchronous:
        return "no standby is a synchronous one"
    return None


def wait_for_others(cluster):
    deadline, failed_since = time.monotonic() + OTHERS_SECONDS, None
    while True:
        reason = look_at_others(cluster, own_state())
        if reason is None:
            return
        now = time.monotonic()
        failed_since = failed_since or (now if reason.endswith("start failed") else None)
        if now > deadline or (failed_since is not None and now > failed_since + FAILED_SECONDS):
            raise Refused(others_first(reason))
        time.sleep(1)


def wait_until(is_right, deadline, what):
    """The state is right; or it has been seen for FAILED_SECONDS that PostgreSQL does not start."""
    failed_since = None
    while True:
        state = own_state()
        if is_right(state):
            return
        now = time.monotonic()
        failed_since = failed_since or (now if state.get("state") == "start failed" else None)
        if failed_since is not None and now > failed_since + FAILED_SECONDS:
            raise Refused(
                f"PostgreSQL does not start. No other node is restarted: put the parameters back, then `up` again.\n{why_not_started()}"
            )
        if now > deadline:
            raise Refused(
                f"{what} took more than {RESTART_SECONDS} s: PostgreSQL is {state.get('state')} as {state.get('role')}"
            )
        time.sleep(0.5)


def restart(in_place):
    """Under the lock. A leader hands over to a synchronous standby before, so that clients see a switchover and not a
    restart; in place it stays the leader."""
    cluster = read_json(CLUSTER)
    wait_for_others(cluster)
    deadline = time.monotonic() + RESTART_SECONDS
    own = own_state()
    name, scope = own["patroni"]["name"], own["patroni"]["scope"]
    if not in_place and own["role"] in LEADERS:
        subprocess.run(PATRONICTL + ["switchover", "--leader", name, "--force"], check=True, timeout=RESTART_SECONDS)
        wait_until(
            lambda state: state.get("state") == "running" and state["role"] not in LEADERS, deadline, "handing over"
        )
    # It ends with 0 whatever becomes of the restart.
    subprocess.run(PATRONICTL + ["restart", scope, name, "--force"], check=True, timeout=RESTART_SECONDS)
    wait_until(lambda state: state.get("state") == "running", deadline, "the restart")


def apply():
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        own = own_state()
    except (urllib.error.URLError, OSError):
        print("Patroni does not run yet: nothing to change")
        return
    if not own.get("pending_restart") and is_in_force(own["patroni"]["name"]):
        return
    desired = read_json(DESIRED)
    try_parameters(read_json(CLUSTER), desired["postgresql"]["parameters"])
    change_dynamic_configuration(desired)

    # Patroni notices in its next round, within loop_wait; a parameter that needs a restart then sets pending_restart.
    # A node that found the change already made waits as well: it may have been made a moment ago. The round begins now on
    # the node that made it, and by this patch, which removes a key that is not there, on the others.
    request("/config", "PATCH", {"no_such_key": None})
    time.sleep(request("/config").get("loop_wait", 10) + 2)
    wait_for_start()
    restart_in_turn(deadline)


def main(arguments):
    if arguments == ["difference"]:
        print(json.dumps(difference(read_json(DESIRED), request("/config"))))
    elif arguments[:1] == ["restart"]:
        restart(arguments[1:] == ["in-place"])
    else:
        apply()


if __name__ == "__main__":
    machine = os.uname().nodename
    try:
        main(sys.argv[1:])
    except Refused as error:
        sys.exit(f"{machine}: {error}")
    except urllib.error.HTTPError as error:
        sys.exit(f"{machine}: apply-dynamic-configuration: {error.url}: {error.code} {error.read().decode()[:500]}")
    except subprocess.SubprocessError as error:
        sys.exit(f"{machine}: apply-dynamic-configuration: {error}")
