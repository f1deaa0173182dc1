"""etcd's API in JSON (its gRPC gateway), as a client with this machine's certificate."""

import base64
import contextlib
import dataclasses
import threading
import time

from .system import ask

LOOPBACK = "127.0.0.1"
# A node that dies with the lock blocks the others for so long.
LEASE_SECONDS = 60
LOCK = "/postgres-ha/disruption"


class NoQuorum(OSError):
    """No member answers, or those that do have no leader."""


@dataclasses.dataclass(frozen=True)
class Member:
    id: str
    # Empty until the member has run.
    name: str
    peer_url: str
    # Empty until the member has run.
    client_url: str
    is_learner: bool


@dataclasses.dataclass(frozen=True)
class Status:
    id: str
    leader: str
    is_learner: bool


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    def __init__(self, machine):
        self.machine = machine

    def request(self, address, path, body=None, seconds=5):
        """An answer in JSON. Raises OSError for no answer or an error."""
        answer = ask(self.machine.tls, f"https://{address}:{self.machine.ports.etcd_client}{path}", body, None, seconds)
        if not isinstance(answer.body, dict) or (body is not None and answer.status >= 400):
            raise OSError(f"etcd on {address}: {answer.status} {str(answer.body)[:300]}")
        return answer.body

    def of_any(self, path, body, addresses=None, seconds=5):
        """The answer of the first member that gives one: this node's, then the others'."""
        asked = addresses or [self.machine.own.address, *(other.address for other in self.machine.others)]
        reasons = []
        for address in asked:
            try:
                return self.request(address, path, body, seconds)
            except OSError as error:
                reasons.append(str(error))
        raise NoQuorum("; ".join(reasons))

    def health(self, address, seconds=5):
        """None where the member is healthy, else the reason."""
        try:
            answer = self.request(address, "/health", seconds=seconds)
        except OSError as error:
            return f"etcd does not answer: {error}"
        return None if answer.get("health") == "true" else f"etcd is not healthy: {answer.get('reason')}"

    def cluster_version(self, address=LOOPBACK):
        return self.request(address, "/version", seconds=2).get("etcdcluster")

    def members(self, addresses=None, seconds=5):
        answer = self.of_any("/v3/cluster/member/list", {"linearizable": True}, addresses, seconds)
        return [
            Member(
                each["ID"],
                each.get("name", ""),
                each["peerURLs"][0],
                (each.get("clientURLs") or [""])[0],
                each.get("isLearner", False),
            )
            for each in answer["members"]
        ]

    def add(self, peer_url, addresses=None):
        self.of_any("/v3/cluster/member/add", {"peerURLs": [peer_url]}, addresses)

    def remove(self, member, addresses=None):
        self.of_any("/v3/cluster/member/remove", {"ID": member.id}, addresses)

    def status(self, address=LOOPBACK, seconds=3):
        answer = self.request(address, "/v3/maintenance/status", {}, seconds)
        return Status(answer["header"]["member_id"], answer.get("leader", "0"), answer.get("isLearner", False))

    def hand_over(self, name=None, address=LOOPBACK):
        """If a node, by default this one, is etcd's leader, another healthy member becomes it. Does nothing where there is
        none."""
        own = self.status(address)
        if own.id != own.leader:
            return
        for other in self.machine.all_but(name or self.machine.name):
            with contextlib.suppress(OSError):
                status = self.status(other.address)
                # A learner cannot lead.
                if not status.is_learner:
                    self.request(address, "/v3/maintenance/transfer-leadership", {"targetID": status.id})
                    return

    @contextlib.contextmanager
    def lock(self, doing, deadline):
        """Holds the lock that one machine of the cluster has at a time. Its value says who has it, and what for.
        Raises NoQuorum, or TimeoutError with the holder. A lease behind it ends with this process."""
        lease = self.grant(LEASE_SECONDS)
        over = threading.Event()
        keeper = threading.Thread(target=self.keep, args=[lease, over], daemon=True)
        keeper.start()
        try:
            self.wait_for_lock(f"{self.machine.name}: {doing}", lease, deadline)
            yield
        finally:
            over.set()
            self.revoke(lease)

    def lock_for(self, value, seconds, deadline):
        """Takes the lock in the name of a node that cannot keep it itself: it ends by itself, or with `unlock`. One that is
        held with the same value already is renewed."""
        lease = self.grant(seconds)
        try:
            if self.holder() == value:
                self.of_any("/v3/kv/put", {"key": encoded(LOCK), "value": encoded(value), "lease": lease})
            else:
                self.wait_for_lock(value, lease, deadline)
        except BaseException:
            self.revoke(lease)
            raise

    def unlock(self, value):
        """Gives back the lock if it is held with this value."""
        key = encoded(LOCK)
        compare = {"key": key, "target": "VALUE", "value": encoded(value)}
        self.of_any("/v3/kv/txn", {"compare": [compare], "success": [{"requestDeleteRange": {"key": key}}]})

    def holder(self):
        """The value of the lock, None if no node has it."""
        found = self.of_any("/v3/kv/range", {"key": encoded(LOCK)}).get("kvs")
        return base64.b64decode(found[0]["value"]).decode() if found else None

    def grant(self, seconds):
        return self.of_any("/v3/lease/grant", {"TTL": seconds})["ID"]

    def revoke(self, lease):
        with contextlib.suppress(OSError):
            self.of_any("/v3/lease/revoke", {"ID": lease})

    def wait_for_lock(self, value, lease, deadline):
        said = None
        while True:
            holder = self.try_lock(value, lease)
            if holder is None:
                return
            if deadline.is_over():
                raise TimeoutError(f"no turn within {deadline.seconds:.0f} s, because of {holder}")
            if holder != said:
                print(f"waiting for {holder}", flush=True)
                said = holder
            time.sleep(1)

    def try_lock(self, value, lease):
        """None with the lock, else its holder. May be repeated: what was done and not answered is seen the next time.
        A member that stops meanwhile costs a further try."""
        key = encoded(LOCK)
        body = {
            "compare": [{"key": key, "target": "CREATE", "createRevision": "0"}],
            "success": [{"requestPut": {"key": key, "value": encoded(value), "lease": lease}}],
            "failure": [{"requestRange": {"key": key}}],
        }
        try:
            answer = self.of_any("/v3/kv/txn", body)
        except NoQuorum as error:
            return f"etcd ({error})"
        if answer.get("succeeded"):
            return None
        found = answer["responses"][0]["response_range"]["kvs"][0]
        return None if found.get("lease") == lease else base64.b64decode(found["value"]).decode()

    def keep(self, lease, over):
        while not over.wait(LEASE_SECONDS / 6):
            with contextlib.suppress(OSError):
                self.of_any("/v3/lease/keepalive", {"ID": lease})
