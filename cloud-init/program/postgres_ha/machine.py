"""The description of this machine: the names, addresses, ports and paths that the other modules use.

`cloud-init/machine/description.ts` is the same for the program that writes the file. Each key there is a field here: an
unknown key is refused, and so is a missing one.
"""

import dataclasses
import json
import re
import typing

PATH = "/etc/postgres-ha/machine.json"


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    fqdn: str
    address: str


@dataclasses.dataclass(frozen=True)
class Ports:
    etcd_client: int
    etcd_peer: int
    postgresql: int
    pgbouncer: int
    patroni: int
    leader: int
    replicas: int


@dataclasses.dataclass(frozen=True)
class SqlRoles:
    superuser: str
    rewind: str
    health_check: str


@dataclasses.dataclass(frozen=True)
class Tls:
    ca: str
    certificate: str
    key: str


@dataclasses.dataclass(frozen=True)
class EtcdPaths:
    configuration: str
    runtime_configuration: str
    data_directory: str


@dataclasses.dataclass(frozen=True)
class PatroniPaths:
    configuration_directory: str
    dynamic_configuration: str
    node_configuration: str
    callback_directory: str


@dataclasses.dataclass(frozen=True)
class Postgresql:
    account: str
    mount_point: str
    data_directory: str
    bin_directory: str
    socket_directory: str
    password_file: str
    database: str


@dataclasses.dataclass(frozen=True)
class Pgbouncer:
    socket_directory: str
    console: str


@dataclasses.dataclass(frozen=True)
class Machine:
    cluster_name: str
    name: str
    members: tuple[Peer, ...]
    load_balancers: tuple[Peer, ...]
    synchronous_mode: str
    packages: tuple[str, ...]
    watchdog: bool
    ports: Ports
    sql_roles: SqlRoles
    tls: Tls
    etcd: EtcdPaths
    patroni: PatroniPaths
    postgresql: Postgresql
    pgbouncer: Pgbouncer

    @property
    def own(self) -> Peer:
        return self.member(self.name)

    @property
    def others(self) -> tuple[Peer, ...]:
        return self.all_but(self.name)

    def all_but(self, name) -> tuple[Peer, ...]:
        return tuple(member for member in self.members if member.name != name)

    def member(self, name) -> Peer:
        return next(member for member in self.members if member.name == name)


class Mistake(Exception):
    """The description is not one."""


def snake_case(key):
    return re.sub("[A-Z]", lambda letter: f"_{letter.group().lower()}", key)


def parse(kind, value, path="machine"):
    """The value as an object of a type: a dataclass, a tuple of one type, or a plain type."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise Mistake(f"{path}: expected an object")
        given = {snake_case(key): each for key, each in value.items()}
        types = typing.get_type_hints(kind)
        for what, names in {"unknown": given.keys() - types.keys(), "missing": types.keys() - given.keys()}.items():
            if names:
                raise Mistake(f"{path}: {what} keys: {', '.join(sorted(names))}")
        return kind(**{name: parse(types[name], each, f"{path}.{name}") for name, each in given.items()})
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise Mistake(f"{path}: expected a list")
        element = typing.get_args(kind)[0]
        return tuple(parse(element, each, f"{path}[{index}]") for index, each in enumerate(value))
    if type(value) is not kind:
        raise Mistake(f"{path}: expected {kind.__name__}, not {value!r}")
    return value


def read(path=PATH) -> Machine:
    with open(path, encoding="utf-8") as source:
        return parse(Machine, json.load(source))
