#!/usr/bin/python3
"""Makes Patroni's dynamic configuration what /etc/postgres-ha/patroni-dynamic.json says.

Every node runs this; the first one changes something, the others find nothing to do. Then, if this
node's PostgreSQL waits for a restart, it is restarted in its turn, while no other node is: replicas
first, then the leader, which hands over to a synchronous standby before. Where a parameter that
standbys must not have lower than their leader goes down, the leader is the first, and restarts in
place. Does nothing where Patroni does not run yet: its first start reads the same values from its
bootstrap section.
"""
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

CLUSTER = "/etc/postgres-ha/cluster.json"
DESIRED = "/etc/postgres-ha/patroni-dynamic.json"
TLS = "/etc/postgres-ha/tls"
DEADLINE_SECONDS = 480
RESTART = ["/usr/local/libexec/postgres-ha/one-after-another", "/usr/local/libexec/postgres-ha/restart-postgresql"]
# A node that cannot be restarted must not keep the leader waiting for ever.
TURN_SECONDS = 180
# PostgreSQL's manual, 26.4.6 Administrator's Overview: a standby does not start with less than its primary. By the
# name of the parameter, what pg_controldata calls the primary's.
NOT_LOWER_THAN_LEADER = {
    "max_connections": "max_connections setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_worker_processes": "max_worker_processes setting",
}
PATCH_ATTEMPTS = 20
REST = "https://127.0.0.1:8008"


def request(path, method="GET", body=None):
    context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
    context.load_cert_chain(f"{TLS}/node.crt", f"{TLS}/node.key")
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(REST + path, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=60, context=context) as response:
        text = response.read().decode()
    try:
        return json.loads(text)
    except ValueError:
        return text


def difference(desired, actual):
    """The PATCH that turns actual into desired. Parameters that nobody asks for any more are removed."""
    patch = {}
    for key, value in desired.items():
        if isinstance(value, dict):
            inner = difference(value, actual.get(key) or {})
            if key == "parameters":
                inner.update({name: None for name in (actual.get(key) or {}) if name not in value})
            if inner:
                patch[key] = inner
        elif actual.get(key) != value:
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
        print(f"changed {json.dumps(patch)}")
        return True
    return False


def own_state():
    return request("/patroni")


def lowered(member):
    """What standbys must not have less of than their leader, and this member has less of after a restart: the new values."""
    reasons = member.get("pending_restart_reason") or {}
    values = {name: (int(reason["old_value"]), int(reason["new_value"])) for name, reason in reasons.items() if name in NOT_LOWER_THAN_LEADER}
    return {name: new for name, (old, new) in values.items() if new < old}


def control_data():
    """What PostgreSQL on this node notes beside its data; of a standby, its leader's parameters as of the WAL it has replayed."""
    with open(CLUSTER, encoding="utf-8") as source:
        cluster = json.load(source)
    command = [f"{cluster['binDirectory']}/pg_controldata", cluster["dataDirectory"]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def leader_still_has_more(own):
    """Whether this standby would start with what it has, because its leader has not been restarted yet. Patroni would keep
    the old values, and leave another restart pending; and of the leader it tells everybody up to two rounds later."""
    new_values = lowered(own)
    if own["role"] != "replica" or not new_values:
        return False
    noted = control_data()
    return any(int(noted[NOT_LOWER_THAN_LEADER[name]]) > new for name, new in new_values.items())


def next_to_restart(members):
    """The names of those whose turn it is, of the members as Patroni's /cluster lists them."""
    pending = [member for member in members if member.get("pending_restart")]
    leading = [member for member in pending if member["role"] in ("leader", "master", "standby_leader")]
    following = [member for member in pending if member not in leading]
    first, second = (leading, following) if any(map(lowered, leading)) else (following, leading)
    return [member["name"] for member in first or second]


def restart_in_turn():
    deadline = time.monotonic() + TURN_SECONDS
    while True:
        own = own_state()
        if not own.get("pending_restart"):
            return
        members = request("/cluster")["members"]
        name = own["patroni"]["name"]
        is_next = name in next_to_restart(members) and not leader_still_has_more(own)
        if is_next or time.monotonic() > deadline:
            in_place = any(member["name"] == name and lowered(member) for member in members)
            subprocess.run(RESTART + (["in-place"] if in_place else []), check=True, timeout=DEADLINE_SECONDS)
            return
        time.sleep(1)


def main():
    try:
        own_state()
    except (urllib.error.URLError, OSError):
        print("Patroni does not run yet: nothing to change")
        return
    with open(DESIRED, encoding="utf-8") as source:
        change_dynamic_configuration(json.load(source))

    # Patroni notices in its next round, within loop_wait; a parameter that needs a restart then sets pending_restart.
    # Whoever found the change already made waits as well: it may have been made a moment ago. The round begins now on
    # the node that made it, and by this patch, which removes a key that is not there, on the others.
    request("/config", "PATCH", {"no_such_key": None})
    time.sleep(request("/config").get("loop_wait", 10) + 2)
    restart_in_turn()


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        sys.exit(f"apply-dynamic-configuration: {error.url}: {error.code} {error.read().decode()[:500]}")
