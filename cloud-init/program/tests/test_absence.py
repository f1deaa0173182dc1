import io
import json
import threading
import unittest
from unittest import mock

from postgres_ha import absence
from postgres_ha.absence import come_back, is_still_here, leave, turns
from postgres_ha.deadline import Deadline
from postgres_ha.disruption import Refused
from postgres_ha.etcd import Etcd
from postgres_ha.health import Health
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import EtcdStore, clock, machine, printed, replaced

AWAY = "db-2: its machine is stopped"


class WithEtcd(unittest.TestCase):
    def setUp(self):
        self.store = EtcdStore()
        patched = mock.patch.object(Etcd, "request", self.store.request)
        patched.start()
        self.addCleanup(patched.stop)

    def holder(self):
        return Etcd(machine()).holder()


def status(role, state="running", **more):
    return {"role": role, "state": state, **more}


STREAMS = status("replica", replication_state="streaming")


class ANodeThatLeaves(WithEtcd):
    def leave(self, name="db-2", keeps=None, leading="db-1", states=STREAMS):
        members = [{"name": leading, "role": "leader"}]
        with clock(), printed() as output, mock.patch.object(Etcd, "hand_over") as etcd:
            with replaced(Health, without=keeps), replaced(Patroni, cluster={"members": members}, state=states):
                with replaced(Patroni, switchover=None) as patched:
                    try:
                        leave(machine(), name)
                    finally:
                        self.said, self.etcd = output.getvalue(), etcd
                        self.switchovers = patched.mocks["switchover"].call_count

    def test_has_its_turn_from_then_on_beyond_the_end_of_the_command(self):
        self.leave()
        self.assertEqual((self.holder(), self.switchovers), (AWAY, 0))
        self.etcd.assert_called_once_with("db-2", "10.0.0.2")

    def test_may_leave_again_when_what_followed_was_killed(self):
        self.leave()
        self.leave()
        self.assertEqual(self.holder(), AWAY)
        self.assertEqual(len(self.store.keys), 1)

    def test_hands_over_and_is_stopped_only_when_it_follows(self):
        states = [status("primary"), status("replica", "stopping"), STREAMS]
        self.leave(leading="db-2", states=states)
        self.assertEqual((self.switchovers, self.holder()), (1, AWAY))

    def test_stays_if_it_does_not_hand_over(self):
        with self.assertRaisesRegex(Refused, "^db-2 did not hand over within 120 s$"):
            self.leave(leading="db-2", states=status("primary"))
        self.assertIsNone(self.holder())

    def test_stays_while_another_node_is_not_well(self):
        with self.assertRaisesRegex(Refused, "not every other node is well: db-3: PostgreSQL is stopped"):
            self.leave(keeps="db-3: PostgreSQL is stopped")
        self.assertEqual((self.holder(), self.switchovers), (None, 0))

    def test_is_still_here_if_its_machine_was_not_stopped_and_gives_its_turn_back(self):
        self.leave()
        for name, state, holder in [
            ("db-3", STREAMS, AWAY),
            ("db-2", status("replica"), AWAY),
            ("db-2", STREAMS, None),
        ]:
            with replaced(Patroni, state=state):
                is_still_here(machine(name=name))
            self.assertEqual(self.holder(), holder)

    def test_has_no_turn_to_give_back_without_a_quorum(self):
        self.store.down.add("all")
        is_still_here(machine(name="db-2"))

    def test_does_not_leave_when_its_caller_is_gone(self):
        ended = threading.Event()
        with mock.patch("sys.stdin", io.StringIO()), mock.patch("os._exit", lambda _: ended.set()):
            with mock.patch.object(absence, "leave", lambda *_: self.assertTrue(ended.wait(5))):
                absence.main(machine(), "db-2")

    def test_waits_for_one_that_is_away(self):
        self.leave("db-3")
        with self.assertRaisesRegex(
            Refused, "^db-2 is not stopped: no turn .* because of db-3: its machine is stopped$"
        ):
            self.leave()
        self.assertEqual(self.holder(), "db-3: its machine is stopped")


class ANodeThatBoots(WithEtcd):
    def boot(self, *states, health=None, data=True):
        with clock(), printed(), replaced(Postgresql, has_data=data), replaced(Patroni, state=list(states)):
            with mock.patch.object(Etcd, "health", return_value=health):
                come_back(machine(name="db-2"))

    def away(self, name="db-2"):
        Etcd(machine()).lock_for(f"{name}: its machine is stopped", 60, Deadline(1))

    def test_is_back_when_it_is_well_again(self):
        self.away()
        self.boot(OSError("refused"), status("replica", "starting"), status("replica"), STREAMS)
        self.assertIsNone(self.holder())

    def test_keeps_its_turn_while_it_is_not_well_so_no_other_node_goes(self):
        for states, health, reason in [
            ([status("replica", "start failed")], None, "PostgreSQL is start failed"),
            ([STREAMS], "etcd does not answer", "etcd does not answer"),
            ([OSError("refused")], None, "Patroni does not answer: refused"),
        ]:
            self.away()
            with self.assertRaisesRegex(Refused, f"not well after 1800 s: {reason}$"):
                self.boot(*states, health=health)
            self.assertEqual(self.holder(), AWAY)

    def test_gives_back_no_turn_but_its_own(self):
        self.away("db-3")
        self.boot(AssertionError("asked"))
        self.assertEqual(self.holder(), "db-3: its machine is stopped")

    def test_waits_for_an_etcd_that_answers(self):
        self.away()
        self.store.down.add("all")

        def state(*_, **__):
            return STREAMS

        with clock() as now, printed(), replaced(Postgresql, has_data=True), mock.patch.object(Patroni, "state", state):
            sleep = now.sleep
            with mock.patch("time.sleep", lambda seconds: (sleep(seconds), self.store.down.clear())):
                come_back(machine(name="db-2"))
        self.assertIsNone(self.holder())

    def test_asks_nothing_where_it_is_new(self):
        self.store.down.add("all")
        self.boot(AssertionError("asked"), data=False)


class TheOrder(WithEtcd):
    def turns(self):
        members = [{"name": "db-3", "role": "leader"}]
        with printed() as output, replaced(Patroni, cluster={"members": members}):
            turns(machine())
        return json.loads(output.getvalue())

    def test_is_by_who_leads_and_who_is_away(self):
        self.assertEqual(self.turns(), {"leader": "db-3", "away": None})
        with Etcd(machine()).lock("restart of etcd", Deadline(1)):
            self.assertEqual(self.turns(), {"leader": "db-3", "away": None})
        Etcd(machine()).lock_for(absence.value("db-2"), 60, Deadline(1))
        self.assertEqual(self.turns(), {"leader": "db-3", "away": "db-2"})
