"""Prints the packages that the cluster's other nodes run, NAME-VERSION-RELEASE on a line each: the leader's if it
answers, else those of the first node that does. Prints nothing if no node answers, as when a cluster is created.

Each node tells its own in a header of Patroni's answers (see describe-node). Takes a second at most where no node is there.
"""

import concurrent.futures
import re
import socket
import sys

from .describe_node import PACKAGES
from .patroni import Patroni, leads

CONNECT_SECONDS = 0.8
ANSWER_SECONDS = 5
# Of what others tell, only this reaches dnf's arguments.
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~^]*(-[A-Za-z0-9._+~^]+){2,}")


def ask(machine, address):
    """(whether the node leads, its packages), or None if it does not answer."""
    try:
        socket.create_connection((address, machine.ports.patroni), timeout=CONNECT_SECONDS).close()
    except OSError:
        return None
    try:
        answer = Patroni(machine).request("/patroni", address=address, seconds=ANSWER_SECONDS)
    except OSError as error:
        print(f"peer-packages: {address}: {error}", file=sys.stderr)
        return None
    told = answer.headers.get(PACKAGES.lower(), "").split()
    packages = [package for package in told if PACKAGE.fullmatch(package)]
    return isinstance(answer.body, dict) and leads(answer.body), packages


def choose(answers):
    """The packages to take, from the answers in the order of the nodes."""
    telling = [answer for answer in answers if answer is not None and answer[1]]
    leading = [answer for answer in telling if answer[0]]
    return (leading + telling + [(False, [])])[0][1]


def main(machine):
    addresses = [member.address for member in machine.members]
    with concurrent.futures.ThreadPoolExecutor(len(addresses)) as pool:
        for package in choose(list(pool.map(lambda address: ask(machine, address), addresses))):
            print(package)
