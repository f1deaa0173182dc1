#!/usr/bin/python3
"""Prints the packages that the cluster's other nodes run, NAME-VERSION-RELEASE on a line each: the leader's if it
answers, else those of the first node that does. Prints nothing if no node answers, as when a cluster is created.

Each node tells its own in a header of Patroni's answers (see describe-node). Reads /etc/postgres-ha/cluster.json:
{"members": [{name, fqdn, address}]}, and more for others. Takes a second at most where no node is there.
"""

import concurrent.futures
import json
import re
import socket
import ssl
import sys
import urllib.error
import urllib.request

CLUSTER = "/etc/postgres-ha/cluster.json"
CA = "/etc/postgres-ha/tls/ca.crt"
PORT = 8008
HEADER = "Postgres-Ha-Packages"
CONNECT_SECONDS = 0.8
ANSWER_SECONDS = 5
# Of what others tell, only this reaches dnf's arguments.
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~^]*(-[A-Za-z0-9._+~^]+){2,}")


def ask(address):
    """(whether the node leads, its packages), or None if it does not answer."""
    try:
        socket.create_connection((address, PORT), timeout=CONNECT_SECONDS).close()
    except OSError:
        return None
    try:
        try:
            response = urllib.request.urlopen(
                f"https://{address}:{PORT}/patroni",
                timeout=ANSWER_SECONDS,
                context=ssl.create_default_context(cafile=CA),
            )
        except urllib.error.HTTPError as refusal:
            response = refusal
        with response:
            packages = [package for package in response.headers.get(HEADER, "").split() if PACKAGE.fullmatch(package)]
            return json.load(response).get("role") in ("primary", "master", "standby_leader"), packages
    except (OSError, ValueError) as error:
        print(f"peer-packages: {address}: {error}", file=sys.stderr)
        return None


def choose(answers):
    """The packages to take, from the answers in the order of the nodes."""
    telling = [answer for answer in answers if answer is not None and answer[1]]
    leading = [answer for answer in telling if answer[0]]
    return (leading + telling + [(False, [])])[0][1]


def main():
    with open(CLUSTER, encoding="utf-8") as source:
        addresses = [member["address"] for member in json.load(source)["members"]]
    with concurrent.futures.ThreadPoolExecutor(len(addresses)) as pool:
        for package in choose(list(pool.map(ask, addresses))):
            print(package)


if __name__ == "__main__":
    main()
