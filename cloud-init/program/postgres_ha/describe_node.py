"""Lets Patroni's REST API tell what this node is made of, in headers of its answers: the packages that a node which is made
later should have in the same versions (see peer_packages), and the watchdog, where one is promised (see check_cluster).

Runs before Patroni starts, and with --reload, which lets a running Patroni know, after each transaction of dnf.
"""

import json
import os
import re
import stat
import subprocess

from .system import is_active, run

PACKAGES, WATCHDOG = "Postgres-Ha-Packages", "Postgres-Ha-Watchdog"
# The kernel's first one. Patroni opens it as its own account, and only while it leads.
DEVICE = "/dev/watchdog"
IDENTITY = "/sys/class/watchdog/watchdog0/identity"


def packages(machine):
    """NAME-VERSION-RELEASE of each that is installed."""
    command = ["rpm", "-q", "--queryformat", "%{NAME}-%{VERSION}-%{RELEASE}\\n", *machine.packages]
    # rpm fails where one is missing, and names it in a sentence among the others.
    lines = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return [line for line in lines if " " not in line]


def watchdog(machine):
    try:
        is_device = stat.S_ISCHR(os.stat(DEVICE).st_mode)
    except OSError:
        return "none"
    if not is_device or run(["runuser", "-u", machine.postgresql.account, "--", "test", "-w", DEVICE])[0] != 0:
        return "none"
    try:
        with open(IDENTITY, encoding="utf-8") as source:
            return re.sub("[^A-Za-z0-9 ._-]", "", source.read()).strip()
    except OSError:
        return "unknown"


def headers(machine):
    told = {PACKAGES: " ".join(packages(machine))}
    return {**told, WATCHDOG: watchdog(machine)} if machine.watchdog else told


def main(machine, *options):
    path = machine.patroni.node_configuration
    # JSON is YAML.
    text = json.dumps({"restapi": {"https_extra_headers": headers(machine)}}, indent=2) + "\n"
    try:
        with open(path, encoding="utf-8") as source:
            if source.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(f"{path}.new", "w", encoding="utf-8") as target:
        target.write(text)
    os.chmod(f"{path}.new", 0o644)
    os.replace(f"{path}.new", path)
    if "--reload" in options and is_active("patroni.service"):
        run(["systemctl", "reload", "patroni.service"], 120)
