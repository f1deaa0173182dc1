import unittest

from postgres_ha.disruption import others_first
from postgres_ha.etcd import Etcd
from postgres_ha.health import Health
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import machine, replaced

STANDBY = {"state": "running", "role": "replica", "replication_state": "streaming", "quorum_standby": True}
BEHIND = {**STANDBY, "quorum_standby": False}
PRIMARY = {"state": "running", "role": "primary"}


class OtherNodes(unittest.TestCase):
    def look(self, own, *others, **changes):
        """What keeps from a restart of PostgreSQL. Patroni's answers: the other nodes', then this one's where it is asked."""
        with replaced(Patroni, state=[*others, {"role": own}]):
            return Health(machine(**changes)).postgresql_without(machine().own)

    def test_are_well_when_they_lead_or_stream(self):
        self.assertIsNone(self.look("replica", PRIMARY, STANDBY))
        self.assertIsNone(self.look("primary", STANDBY, BEHIND))

    def test_are_named_when_they_are_not(self):
        failed = {"state": "start failed", "role": "replica"}
        self.assertEqual(self.look("replica", failed, STANDBY), "db-2: PostgreSQL is start failed")
        recovering = {**STANDBY, "replication_state": "in archive recovery"}
        self.assertEqual(self.look("replica", PRIMARY, recovering), "db-3: PostgreSQL does not stream from the leader")
        self.assertEqual(
            self.look("replica", OSError("timed out"), STANDBY), "db-2: Patroni does not answer: timed out"
        )

    def test_are_waited_for_while_they_are_copied(self):
        copied = {"state": "creating replica", "role": "uninitialized"}
        with replaced(Postgresql, as_superuser=(0, f"{12 * 1024**2}|{80 * 1024**2}")) as patched:
            self.assertEqual(self.look("replica", PRIMARY, copied), "db-3 is copying: 12.0 of 80.0 MiB")
        host, sql = patched.mocks["as_superuser"].call_args.args
        self.assertEqual(host, "db-1.internal")
        self.assertIn("client_addr = '10.0.0.3'", sql)
        self.assertRegex(
            others_first("db-3 is copying"), "well: db-3 is copying. Wait until it streams; then `up` again$"
        )

    def test_let_a_leader_restart_only_where_a_standby_has_everything_if_that_is_promised(self):
        self.assertEqual(self.look("primary", BEHIND, BEHIND), "no standby is a synchronous one")
        self.assertIsNone(self.look("primary", BEHIND, {**BEHIND, "sync_standby": True}))
        self.assertIsNone(self.look("primary", BEHIND, BEHIND, synchronousMode="off"))
        self.assertIsNone(self.look("replica", PRIMARY, BEHIND))

    def test_are_not_well_while_their_etcd_is_not(self):
        with replaced(Etcd, request=[{"health": "true"}, {"health": "false", "reason": "RAFT NO LEADER"}]):
            self.assertEqual(Health(machine()).etcd_of(machine().others), "db-3: etcd is not healthy: RAFT NO LEADER")
        with replaced(Etcd, request=OSError("connection refused")):
            self.assertEqual(Health(machine()).without(machine().own), "db-2: etcd does not answer: connection refused")
