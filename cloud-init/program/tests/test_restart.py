import unittest

from postgres_ha import restart
from postgres_ha.deadline import Deadline
from postgres_ha.disruption import Refused
from postgres_ha.etcd import Etcd
from postgres_ha.patroni import Patroni, Refusal
from postgres_ha.restart import RestartOfEtcd, RestartOfPostgresql

from tests.support import clock, machine, printed, replaced


def state(role, text="running", **more):
    return {"role": role, "state": text, **more}


class ARestartOfPostgresql(unittest.TestCase):
    def steps(self, in_place, *states, restart=None):
        steps = []
        with clock(), replaced(Patroni, state=list(states)):
            with replaced(Patroni, switchover=None, restart=restart) as patched:
                for name, made in patched.mocks.items():
                    answer = made.side_effect
                    made.side_effect = lambda *a, name=name, answer=answer, **k: (
                        steps.append((name, *a)),
                        answer(*a, **k),
                    )
                RestartOfPostgresql(machine(), in_place).do(Deadline(100))
        return [step[:2] if step[0] == "switchover" else step[:1] for step in steps]

    def test_hands_over_first_where_the_node_leads_and_restarts_only_when_it_follows(self):
        steps = self.steps(False, state("primary"), state("primary"), state("replica", "stopping"), state("replica"))
        self.assertEqual(steps, [("switchover", "db-1"), ("restart",)])

    def test_is_in_place_when_asked_for_and_where_the_node_does_not_lead(self):
        self.assertEqual(self.steps(True, state("primary")), [("restart",)])
        self.assertEqual(self.steps(False, state("replica")), [("restart",)])

    def test_does_not_begin_where_the_lead_is_not_handed_over(self):
        with self.assertRaisesRegex(Refused, "^handing over: PostgreSQL is running as primary$"):
            self.steps(False, state("primary"))

    def test_leaves_a_failed_start_to_be_found_by_its_state(self):
        failed = Refusal("503 failed")
        self.assertEqual(self.steps(True, state("replica", "start failed"), restart=failed), [("restart",)])
        with self.assertRaises(Refusal):
            self.steps(True, state("replica"), restart=failed)

    def missing(self, found):
        with replaced(Patroni, state=found):
            return RestartOfPostgresql(machine(), False).what_is_missing()

    def test_is_over_when_the_node_leads_or_streams(self):
        self.assertEqual(self.missing(state("primary")), (None, False))
        self.assertEqual(self.missing(state("replica", replication_state="streaming")), (None, False))
        self.assertEqual(self.missing(state("replica")), ("PostgreSQL does not stream from the leader", False))
        self.assertEqual(self.missing(state("replica", "starting")), ("PostgreSQL is starting", False))

    def test_has_failed_when_postgresql_does_not_start(self):
        self.assertEqual(self.missing(state("replica", "start failed")), ("PostgreSQL does not start", True))


class ARestartOfEtcd(unittest.TestCase):
    def test_hands_over_before_and_is_over_when_the_member_is_healthy(self):
        with printed(), replaced(Etcd, hand_over=None, health=None) as patched, replaced(restart, run=(0, "")) as ran:
            with replaced(restart, is_active=True):
                disruption = RestartOfEtcd(machine())
                disruption.do(Deadline(10))
                self.assertEqual(disruption.what_is_missing(), (None, False))
            self.assertEqual(patched.mocks["hand_over"].call_count, 1)
            self.assertEqual(ran.mocks["run"].call_args.args[0], ["systemctl", "restart", "etcd.service"])

    def test_is_without_hope_where_the_unit_does_not_stay_up(self):
        with replaced(Etcd, health="etcd does not answer"), replaced(restart, is_active=False):
            self.assertEqual(RestartOfEtcd(machine()).what_is_missing(), ("etcd does not answer", True))

    def test_goes_on_where_the_lead_cannot_be_handed_over(self):
        with printed() as output, replaced(Etcd, hand_over=OSError("no quorum")), replaced(restart, run=(0, "")):
            RestartOfEtcd(machine()).do(Deadline(10))
        self.assertEqual(output.getvalue(), "etcd did not hand over: no quorum\n")

    def test_is_not_for_an_etcd_that_does_not_run(self):
        with replaced(restart, is_active=False, one_after_another=AssertionError("restarted")):
            restart.etcd(machine())
