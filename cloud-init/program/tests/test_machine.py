import unittest

from postgres_ha.machine import Machine, Mistake, parse

from tests.support import described, machine


class TheDescription(unittest.TestCase):
    def test_is_read_whole(self):
        read = machine()
        self.assertEqual(read.own.address, "10.0.0.1")
        self.assertEqual([other.name for other in read.others], ["db-2", "db-3"])
        self.assertEqual(read.sql_roles.health_check, "health_check")

    def refused(self, description, message):
        with self.assertRaises(Mistake) as raised:
            parse(Machine, description)
        self.assertEqual(str(raised.exception), message)

    def test_has_no_unknown_keys(self):
        self.refused(described(more=1), "machine: unknown keys: more")
        self.refused(
            described(tls={"ca": "", "certificate": "", "key": "", "old": ""}), "machine.tls: unknown keys: old"
        )

    def test_misses_none(self):
        given = described()
        del given["members"][1]["fqdn"], given["watchdog"]
        self.refused(given, "machine: missing keys: watchdog")
        self.refused({**given, "watchdog": False}, "machine.members[1]: missing keys: fqdn")

    def test_has_the_right_types(self):
        self.refused(described(clusterName=1), "machine.cluster_name: expected str, not 1")
        self.refused(described(watchdog=1), "machine.watchdog: expected bool, not 1")
        self.refused(described(packages="etcd"), "machine.packages: expected a list")
        self.refused(described(ports=[]), "machine.ports: expected an object")
