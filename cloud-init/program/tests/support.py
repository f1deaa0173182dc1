"""A machine, a clock and services for the tests, without any of the real ones."""

import contextlib
import io
from unittest import mock

from postgres_ha.machine import Machine, parse

NAMES = ("db-1", "db-2", "db-3")


def described(**changes):
    """A description of db-1 of three, as the machine has it."""
    return {
        "clusterName": "main",
        "name": "db-1",
        "members": [
            {"name": name, "fqdn": f"{name}.internal", "address": f"10.0.0.{number}"}
            for number, name in enumerate(NAMES, 1)
        ],
        "loadBalancers": [{"name": "lb-1", "fqdn": "lb-1.internal", "address": "10.0.0.9"}],
        "synchronousMode": "quorum",
        "packages": ["etcd", "patroni"],
        "watchdog": True,
        "ports": {
            "etcdClient": 2379,
            "etcdPeer": 2380,
            "postgresql": 5432,
            "pgbouncer": 6432,
            "patroni": 8008,
            "leader": 5000,
            "replicas": 5001,
        },
        "sqlRoles": {"superuser": "postgres", "rewind": "rewinder", "healthCheck": "health_check"},
        "tls": {"ca": "/tls/ca", "certificate": "/tls/crt", "key": "/tls/key"},
        "etcd": {"configuration": "/etcd.yaml", "runtimeConfiguration": "/run/etcd.yaml", "dataDirectory": "/etcd"},
        "patroni": {
            "configurationDirectory": "/etc/patroni",
            "dynamicConfiguration": "/dynamic.json",
            "nodeConfiguration": "/etc/patroni/node.yml",
            "callbackDirectory": "/callbacks",
        },
        "postgresql": {
            "account": "postgres",
            "mountPoint": "/data",
            "dataDirectory": "/data/17",
            "binDirectory": "/bin17",
            "socketDirectory": "/sockets",
            "passwordFile": "/pgpass",
            "database": "postgres",
        },
        "pgbouncer": {"socketDirectory": "/pooler", "console": "pgbouncer"},
        **changes,
    }


def machine(**changes) -> Machine:
    return parse(Machine, described(**changes))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.seconds = 1000.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


@contextlib.contextmanager
def clock():
    """Replaces time for the whole program."""
    made = Clock()
    with mock.patch("time.monotonic", made.now), mock.patch("time.sleep", made.sleep):
        yield made


@contextlib.contextmanager
def printed():
    """What is written to standard output."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        yield output


def replaced(owner, **answers):
    """Patches attributes of a class or module: a list gives one answer a call and the last one for ever, an exception is
    raised, anything else is the answer."""
    stack = contextlib.ExitStack()
    mocks = {}
    for name, answer in answers.items():
        given = list(answer) if isinstance(answer, list) else [answer]

        def call(*_, given=given, **__):
            each = given.pop(0) if len(given) > 1 else given[0]
            if isinstance(each, BaseException):
                raise each
            return each

        mocks[name] = stack.enter_context(mock.patch.object(owner, name, side_effect=call))
    stack.mocks = mocks
    return stack


class EtcdStore:
    """etcd as its JSON API shows it: members, and keys with leases. `down` are addresses that do not answer."""

    def __init__(self, members=()):
        self.members = [dict(each) for each in members]
        self.keys = {}
        self.leases = 0
        self.down = set()
        self.calls = []
        self.statuses = {}

    def request(self, address, path, body=None, seconds=5):
        self.calls.append((address, path, body))
        if address in self.down or "all" in self.down:
            raise OSError("connection refused")
        return getattr(self, path.rsplit("/", 1)[1].replace("-", "_"))(address, body or {})

    def list(self, _address, _body):
        return {"members": self.members}

    def add(self, _address, body):
        self.members.append({"ID": "99", "peerURLs": body["peerURLs"]})
        return {}

    def remove(self, _address, body):
        self.members = [each for each in self.members if each["ID"] != body["ID"]]
        return {}

    def status(self, address, _body):
        return self.statuses[address]

    def transfer_leadership(self, _address, _body):
        return {}

    def health(self, _address, _body):
        return {"health": "true"}

    def grant(self, _address, _body):
        self.leases += 1
        return {"ID": str(self.leases)}

    def keepalive(self, _address, _body):
        return {}

    def revoke(self, _address, body):
        self.keys = {key: kept for key, kept in self.keys.items() if kept["lease"] != body["ID"]}
        return {}

    def put(self, _address, body):
        self.keys[body["key"]] = body
        return {}

    def range(self, _address, body):
        return {"kvs": [self.keys[body["key"]]]} if body["key"] in self.keys else {}

    def txn(self, _address, body):
        compare = body["compare"][0]
        key = compare["key"]
        if compare["target"] == "VALUE":
            if key in self.keys and self.keys[key]["value"] == compare["value"]:
                del self.keys[key]
            return {}
        if key not in self.keys:
            self.keys[key] = body["success"][0]["requestPut"]
            return {"succeeded": True}
        return {"responses": [{"response_range": {"kvs": [self.keys[key]]}}]}

    def changes(self):
        """(what, of which member) of each change of members."""
        wanted = {"add": "peerURLs", "remove": "ID"}
        found = [(path.rsplit("/", 1)[1], body) for _, path, body in self.calls]
        return [(what, body[wanted[what]]) for what, body in found if what in wanted]


def member(number, name=None, running=True):
    """A member of etcd as its API lists it. Only one that has run has a name and a client URL."""
    name = f"db-{number}" if name is None else name
    return {
        "ID": str(number),
        "peerURLs": [f"https://10.0.0.{number}:2380"],
        **({"name": name} if name else {}),
        **({"clientURLs": [f"https://10.0.0.{number}:2379"]} if running else {}),
    }
