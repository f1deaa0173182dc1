"""Patroni's REST API, and the one answer to the question who leads."""

import time

from .system import ask

LEADING_ROLES = ("leader", "master", "primary", "standby_leader")
SYNCHRONOUS_ROLES = ("sync_standby", "quorum_standby")
LOOPBACK = "127.0.0.1"
# With another certificate Patroni opens its port anew, within moments: what is asked meanwhile breaks.
REOPENING_ATTEMPTS = 4
REOPENING_SECONDS = 0.5
# Someone else may be changing the configuration, too.
PATCH_ATTEMPTS = 20


class Refusal(Exception):
    """Patroni does not do what it was asked for; the text is its own."""


def leads(node):
    """Whether a node leads, by what it says of itself (`/patroni`) or is said of it (`/cluster`)."""
    return node.get("role") in LEADING_ROLES


def leader(members):
    """The name of the one member that leads; None while there is none, or more than one."""
    names = [member["name"] for member in members if leads(member)]
    return names[0] if len(names) == 1 else None


def has_everything(node):
    """Whether a standby has all that was acknowledged to clients: Patroni may make it the leader."""
    return bool(node.get("sync_standby") or node.get("quorum_standby") or node.get("role") in SYNCHRONOUS_ROLES)


class Patroni:
    """Without an address the methods ask this node's Patroni. They raise OSError if it does not answer."""

    def __init__(self, machine):
        self.machine = machine

    def request(self, path, body=None, method=None, address=LOOPBACK, seconds=10):
        url = f"https://{address}:{self.machine.ports.patroni}{path}"
        return ask(self.machine.tls, url, body, method, seconds)

    def read(self, path, address=LOOPBACK, seconds=10):
        """An answer in JSON, whatever its status."""
        for attempt in range(REOPENING_ATTEMPTS):
            try:
                answer = self.request(path, address=address, seconds=seconds)
                break
            except ConnectionError:
                if attempt == REOPENING_ATTEMPTS - 1:
                    raise
                time.sleep(REOPENING_SECONDS)
        if not isinstance(answer.body, dict):
            raise OSError(f"status {answer.status} and no JSON")
        return answer.body

    def change(self, path, body, method="POST", address=LOOPBACK, seconds=10):
        answer = self.request(path, body, method, address, seconds)
        if answer.status >= 400:
            raise Refusal(f"{path}: {answer.status} {str(answer.body)[:500]}")
        return answer.body

    def state(self, address=LOOPBACK, seconds=10):
        return self.read("/patroni", address, seconds)

    def cluster(self):
        return self.read("/cluster")

    def configuration(self):
        return self.read("/config")

    def patch(self, difference_from):
        """Changes the configuration by what the function makes of the present one. Returns the patch; {} for none."""
        sent = {}
        for attempt in range(PATCH_ATTEMPTS):
            patch = difference_from(self.configuration())
            if not patch:
                return sent
            try:
                answer = self.request("/config", patch, "PATCH", seconds=60)
            except ConnectionError:
                if attempt == PATCH_ATTEMPTS - 1:
                    raise
                # It may have arrived all the same: the next look at the configuration tells.
                sent = patch
                continue
            if answer.status < 400:
                return patch
            if answer.status != 409 or attempt == PATCH_ATTEMPTS - 1:
                raise Refusal(f"/config: {answer.status} {str(answer.body)[:500]}")
            time.sleep(0.5)
        return {}

    def begin_round(self, address=LOOPBACK, seconds=10):
        """Has a Patroni begin its next round at once instead of after loop_wait: any patch does. This one removes a key
        that is not there, so nothing is written."""
        self.request("/config", {"no_such_key": None}, "PATCH", address, seconds)

    def switchover(self, leading, candidate=None, seconds=60):
        """Patroni chooses a synchronous standby where no candidate is named."""
        body = {"leader": leading} if candidate is None else {"leader": leading, "candidate": candidate}
        self.change("/switchover", body, seconds=seconds)

    def restart(self, seconds):
        self.change("/restart", {}, seconds=seconds)

    def reinitialize(self):
        self.change("/reinitialize", {"force": True})
