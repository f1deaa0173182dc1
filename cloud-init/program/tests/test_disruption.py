import threading
import unittest
from unittest import mock

from postgres_ha.deadline import Deadline
from postgres_ha.disruption import Disruption, Refused, one_after_another
from postgres_ha.etcd import Etcd

from tests.support import EtcdStore, clock, machine, printed


class Restart(Disruption):
    name = "restart of a service"
    seconds = 60

    def __init__(self, others=(None,), missing=((None, False),), do=None):
        self.others = list(others)
        self.missing = list(missing)
        self.done = 0
        self.then = do

    def what_keeps_from_it(self):
        return self.others.pop(0) if len(self.others) > 1 else self.others[0]

    def do(self, _deadline):
        self.done += 1
        if self.then:
            self.then()

    def what_is_missing(self):
        return self.missing.pop(0) if len(self.missing) > 1 else self.missing[0]

    def last_words(self):
        return "FATAL:  no memory"


class TheDoor(unittest.TestCase):
    def setUp(self):
        self.store = EtcdStore()
        patched = mock.patch.object(Etcd, "request", self.store.request)
        patched.start()
        self.addCleanup(patched.stop)

    def go(self, disruption, seconds=1000, name="db-1"):
        with printed() as output:
            one_after_another(machine(name=name), disruption, Deadline(seconds))
        return output.getvalue()

    def refused(self, disruption, seconds=1000):
        with clock(), self.assertRaises(Refused) as raised:
            self.go(disruption, seconds)
        return str(raised.exception)

    def test_lets_one_in_and_is_open_again_after_it(self):
        restart = Restart(do=lambda: self.assertEqual(len(self.store.keys), 1))
        self.go(restart)
        self.assertEqual((restart.done, self.store.keys), (1, {}))

    def test_is_open_again_after_a_failure(self):
        self.refused(Restart(others=["db-2: away"]))
        self.assertEqual(self.store.keys, {})

    def test_lets_the_second_wait_and_says_for_what(self):
        order, first_is_in, second_waits = [], threading.Event(), threading.Event()

        def first():
            order.append("in")
            first_is_in.set()
            second_waits.wait(10)
            order.append("out")

        one = threading.Thread(target=lambda: one_after_another(machine(), Restart(do=first), Deadline(1000)))
        one.start()
        first_is_in.wait(10)
        with mock.patch("time.sleep", lambda _: (second_waits.set(), one.join(10))):
            said = self.go(Restart(do=lambda: order.append("second")), name="db-2")
        self.assertEqual(order, ["in", "out", "second"])
        self.assertEqual(said, "waiting for db-1: restart of a service\n")

    def test_gives_up_when_its_turn_does_not_come_in_time_and_names_who_is_in(self):
        with printed(), Etcd(machine(name="db-2")).lock("restart of etcd", Deadline(10)):
            self.assertEqual(
                self.refused(Restart(), seconds=400),
                "restart of a service: no turn within 220 s, because of db-2: restart of etcd",
            )

    def test_is_not_forgotten_by_a_member_of_etcd_that_stops_meanwhile(self):
        def after_a_while(_):
            self.store.down.clear()

        self.store.down.update({"10.0.0.1"})
        restart = Restart()
        with mock.patch("time.sleep", after_a_while):
            self.go(restart)
        self.assertEqual(restart.done, 1)

    def test_stays_shut_without_a_quorum_except_for_what_may_mend_it(self):
        self.store.down.add("all")
        restart = Restart()
        self.assertRegex(self.refused(restart), "^restart of a service: etcd has no quorum")
        self.assertEqual(restart.done, 0)
        restart.without_quorum = True
        self.go(restart)
        self.assertEqual(restart.done, 1)

    def test_waits_until_the_others_are_well(self):
        restart = Restart(others=["db-2: PostgreSQL is starting", "db-2: PostgreSQL is start failed", None])
        with clock():
            self.go(restart)
        self.assertEqual(restart.done, 1)

    def test_stays_shut_while_another_node_is_not_well(self):
        restart = Restart(others=["db-2: PostgreSQL is starting"])
        with clock() as now:
            began = now.now()
            with self.assertRaises(Refused) as raised:
                self.go(restart)
            self.assertAlmostEqual(now.now() - began, 120, delta=2)
        self.assertEqual(
            str(raised.exception),
            "not restarted, because not every other node is well: db-2: PostgreSQL is starting. Mend that node, or put back what was changed; then `up` again",
        )
        self.assertEqual(restart.done, 0)

    def test_waits_less_for_a_node_that_does_not_start(self):
        with clock() as now:
            began = now.now()
            with self.assertRaises(Refused):
                self.go(Restart(others=["db-2: PostgreSQL is start failed"]))
            self.assertAlmostEqual(now.now() - began, 16, delta=2)

    def test_shuts_behind_a_node_only_when_it_is_well_again(self):
        restart = Restart(missing=[("starting", False), ("start failed", True), (None, False)])
        with clock():
            self.go(restart)
        self.assertEqual(restart.missing, [(None, False)])

    def test_fails_with_the_services_words_when_it_does_not_come_back(self):
        self.assertEqual(
            self.refused(Restart(missing=[("PostgreSQL does not start", True)])),
            "PostgreSQL does not start. No other node is restarted: put back what was changed, then `up` again.\nFATAL:  no memory",
        )

    def test_fails_as_soon_where_the_service_is_starting_again_in_between(self):
        fails = [("PostgreSQL does not start", True), ("PostgreSQL is starting", False)] * 30
        with clock() as now:
            began = now.now()
            with self.assertRaisesRegex(Refused, "^PostgreSQL does not start. No other node is restarted"):
                self.go(Restart(missing=fails))
            self.assertLess(now.now() - began, 20)

    def test_fails_when_it_takes_too_long(self):
        self.assertEqual(
            self.refused(Restart(missing=[("PostgreSQL is starting", False)])),
            "restart of a service took more than 60 s: PostgreSQL is starting",
        )
