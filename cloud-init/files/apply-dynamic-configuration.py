#!/usr/bin/python3
"""Makes Patroni's dynamic configuration what /etc/postgres-ha/patroni-dynamic.json says.

Every node runs this; the first one changes something, the others find nothing to do. Then, if this
node's PostgreSQL waits for a restart, it is restarted while no other node is. A leader hands over to
a synchronous standby before. Does nothing where Patroni does not run yet: its first start reads the
same values from its bootstrap section.
"""
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

DESIRED = "/etc/postgres-ha/patroni-dynamic.json"
TLS = "/etc/postgres-ha/tls"
DEADLINE_SECONDS = 480
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


def main():
    try:
        own_state()
    except (urllib.error.URLError, OSError):
        print("Patroni does not run yet: nothing to change")
        return
    with open(DESIRED, encoding="utf-8") as source:
        change_dynamic_configuration(json.load(source))

    # Patroni notices within loop_wait; a parameter that needs a restart then sets pending_restart. Whoever
    # found the change already made waits as well: it may have been made a moment ago.
    time.sleep(request("/config").get("loop_wait", 10) + 2)
    if not own_state().get("pending_restart"):
        return
    subprocess.run(
        ["/usr/local/libexec/postgres-ha/one-after-another", "/usr/local/libexec/postgres-ha/restart-postgresql"],
        check=True,
        timeout=DEADLINE_SECONDS,
    )


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        sys.exit(f"apply-dynamic-configuration: {error.url}: {error.code} {error.read().decode()[:500]}")
