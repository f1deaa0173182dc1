"""What nodes tell each other about their packages."""

import json
import os
import tempfile
import unittest
from unittest import mock

from postgres_ha import describe_node
from postgres_ha.patroni import Patroni
from postgres_ha.peer_packages import ask, choose
from postgres_ha.system import Answer

from tests.support import described, machine, replaced


class ANode(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/node.yml"

    def describe(self, *options, watchdog="Software Watchdog", promised=True, active=True):
        """Returns how often Patroni was reloaded."""
        patroni = {**described()["patroni"], "nodeConfiguration": self.path}
        rpm = mock.Mock(stdout="etcd-3.6.6-1PGDG.rhel9\npackage patroni is not installed\n")
        with replaced(describe_node, run=(0, ""), watchdog=watchdog, is_active=active) as patched:
            with mock.patch("subprocess.run", return_value=rpm):
                describe_node.main(machine(patroni=patroni, watchdog=promised), *options)
        commands = [call.args[0] for call in patched.mocks["run"].call_args_list]
        return commands.count(["systemctl", "reload", "patroni.service"])

    def headers(self):
        with open(self.path, encoding="utf-8") as source:
            return json.load(source)["restapi"]["https_extra_headers"]

    def test_tells_its_packages_and_its_watchdog_where_one_is_promised(self):
        self.describe()
        self.assertEqual(
            self.headers(),
            {"Postgres-Ha-Packages": "etcd-3.6.6-1PGDG.rhel9", "Postgres-Ha-Watchdog": "Software Watchdog"},
        )
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o644)
        self.describe(promised=False)
        self.assertEqual(list(self.headers()), ["Postgres-Ha-Packages"])

    def test_lets_a_running_patroni_know_what_is_new(self):
        self.assertEqual(self.describe("--reload"), 1)
        self.assertEqual(self.describe("--reload"), 0)
        self.assertEqual(self.describe("--reload", watchdog="none"), 1)
        self.assertEqual(self.describe("--reload", active=False), 0)
        self.assertEqual(self.describe(watchdog="none"), 0)

    def test_has_no_watchdog_where_there_is_no_device_or_postgres_may_not_open_it(self):
        with mock.patch("os.stat", side_effect=FileNotFoundError):
            self.assertEqual(describe_node.watchdog(machine()), "none")
        with mock.patch("stat.S_ISCHR", return_value=True), mock.patch("os.stat"), replaced(describe_node, run=(1, "")):
            self.assertEqual(describe_node.watchdog(machine()), "none")


class ALaterNode(unittest.TestCase):
    def test_takes_the_leaders_packages_else_the_first_nodes_that_tells_any(self):
        self.assertEqual(choose([(False, ["etcd-1-1"]), None, (True, ["etcd-2-1"])]), ["etcd-2-1"])
        self.assertEqual(choose([None, (True, []), (False, ["etcd-1-1"])]), ["etcd-1-1"])
        self.assertEqual(choose([None, None, None]), [])

    def test_takes_nothing_that_is_no_package(self):
        told = "etcd-3.6.6-1PGDG.rhel9 --installroot=/x $(reboot) etcd"
        answer = Answer(503, {"postgres-ha-packages": told}, {"role": "primary"})
        with mock.patch("socket.create_connection"), replaced(Patroni, request=answer):
            self.assertEqual(ask(machine(), "10.0.0.2"), (True, ["etcd-3.6.6-1PGDG.rhel9"]))
