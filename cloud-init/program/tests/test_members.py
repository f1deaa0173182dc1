"""Members of etcd that come, and those that go."""

import os
import sys
import tempfile
import unittest
from unittest import mock

from postgres_ha import etcd_join, etcd_leader, reconcile_members
from postgres_ha.etcd import Etcd
from postgres_ha.etcd_join import Join
from postgres_ha.patroni import Patroni

from tests.support import EtcdStore, clock, described, machine, member, printed, replaced


class WithEtcd(unittest.TestCase):
    def etcd(self, *members):
        store = EtcdStore(members)
        patched = mock.patch.object(Etcd, "request", store.request)
        patched.start()
        self.addCleanup(patched.stop)
        return store


CONFIGURATION = """name: db-1
initial-advertise-peer-urls: https://10.0.0.1:2380
initial-cluster: db-1=https://10.0.0.1:2380,db-2=https://10.0.0.2:2380,db-3=https://10.0.0.3:2380
initial-cluster-state: new
"""
JOINED = CONFIGURATION.replace("state: new", "state: existing")
OTHERS = (member(2), member(3))


class AnEtcdThatStarts(WithEtcd):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(f"{self.folder}/etcd.yaml", "w", encoding="utf-8") as target:
            target.write(CONFIGURATION)
        self.machine = machine(
            etcd={
                "configuration": f"{self.folder}/etcd.yaml",
                "runtimeConfiguration": f"{self.folder}/result.yaml",
                "dataDirectory": f"{self.folder}/etcd",
            },
            postgresql={**described()["postgresql"], "dataDirectory": f"{self.folder}/data"},
        )

    def decide(self, old=False, mounted=True):
        with replaced(Join, is_mounted=mounted, cluster_is_old=old), clock(), printed() as output:
            self.said = output
            etcd_join.main(self.machine)
        with open(f"{self.folder}/result.yaml", encoding="utf-8") as source:
            return source.read()

    def test_continues_where_there_is_data_without_asking_other_members(self):
        store = self.etcd(member(1), *OTHERS)
        os.makedirs(f"{self.folder}/etcd/member")
        self.assertEqual(self.decide(old=True, mounted=False), CONFIGURATION)
        self.assertEqual(store.calls, [])

    def test_makes_a_new_cluster_if_no_member_answers_and_postgresql_has_never_run(self):
        self.etcd().down.add("all")
        self.assertEqual(self.decide(), CONFIGURATION)

    def test_takes_part_in_the_first_boot_of_members_that_were_quicker(self):
        store = self.etcd(member(1, running=False), *OTHERS)
        self.assertEqual(self.decide(), CONFIGURATION)
        self.assertEqual(store.changes(), [])

    def test_never_makes_a_new_cluster_where_postgresql_has_run(self):
        self.etcd().down.add("all")
        with self.assertRaisesRegex(SystemExit, "no other member let it join again"):
            self.decide(old=True)
        self.assertIn('see "All of etcd lost" in docs/operations.md', self.said.getvalue())
        self.assertFalse(os.path.exists(f"{self.folder}/result.yaml"))

    def test_decides_nothing_while_the_data_disk_is_not_mounted(self):
        self.etcd().down.add("all")
        with self.assertRaisesRegex(SystemExit, "^etcd-join: /data is not mounted"):
            self.decide(mounted=False)
        self.assertFalse(os.path.exists(f"{self.folder}/result.yaml"))

    def test_replaces_the_member_whose_data_is_lost(self):
        for old in (True, False):
            store = self.etcd(member(1), *OTHERS)
            expected = "db-2=https://10.0.0.2:2380,db-3=https://10.0.0.3:2380,db-1=https://10.0.0.1:2380"
            self.assertIn(f"\ninitial-cluster: {expected}\n", self.decide(old=old))
            self.assertIn("the cluster knows db-1 as member 1, whose data is lost", self.said.getvalue())
            self.assertEqual(store.changes(), [("remove", "1"), ("add", ["https://10.0.0.1:2380"])])

    def test_asks_only_the_others(self):
        store = self.etcd(member(1), *OTHERS)
        self.decide(old=True)
        self.assertNotIn("10.0.0.1", [address for address, _, _ in store.calls])

    def test_goes_on_where_it_was_interrupted(self):
        store = self.etcd(*OTHERS)
        self.decide(old=True)
        self.assertEqual(store.changes(), [("add", ["https://10.0.0.1:2380"])])
        self.assertIn("initial-cluster-state: existing", self.decide(old=True))
        self.assertEqual(store.changes(), [("add", ["https://10.0.0.1:2380"])])

    def test_tries_again_where_the_members_refuse(self):
        store = self.etcd(*OTHERS)
        answers = [OSError("unhealthy cluster"), None]

        def add(address, body):
            answer = answers.pop(0)
            if answer:
                raise answer
            return EtcdStore.add(store, address, body)

        store.add = add
        self.assertIn("state: existing", self.decide(old=True))


class NodesThatGo(WithEtcd):
    def reconcile(self, etcd, patroni, seconds=30):
        """Returns what was done. `patroni`: roles by name; a switchover swaps two."""
        store = self.etcd(*etcd)
        roles, done = dict(patroni), []

        def switchover(_, leading, candidate=None, seconds=60):
            done.append(f"switchover {leading} {candidate}")
            roles.update({leading: "replica", candidate: "leader"})

        def cluster(_):
            return {"members": [{"name": name, "role": role} for name, role in roles.items()]}

        removes = store.remove
        store.remove = lambda address, body: (done.append(f"remove {body['ID']}"), removes(address, body))[1]
        with clock(), printed(), mock.patch.object(Patroni, "switchover", switchover):
            with mock.patch.object(Patroni, "cluster", cluster), mock.patch.object(sys, "stderr") as errors:
                self.errors = errors
                try:
                    reconcile_members.main(machine(), seconds)
                except SystemExit as error:
                    done.append(f"exit {error.code}")
        return done

    FIVE = [member(number) for number in (1, 2, 3, 4, 5)]

    def test_are_none_where_the_members_are_as_planned_or_are_just_joining(self):
        joining = {"ID": "3", "peerURLs": ["https://10.0.0.3:2380"]}
        self.assertEqual(self.reconcile([member(1), member(2), joining], {"db-1": "leader"}), [])

    def test_are_those_that_are_not_planned_dead_or_alive(self):
        roles = {"db-1": "leader", "db-2": "replica", "db-3": "quorum_standby", "db-4": "quorum_standby"}
        self.assertEqual(self.reconcile(self.FIVE, roles), ["remove 4", "remove 5"])

    def test_hand_over_before_to_a_synchronous_standby_that_stays(self):
        roles = {
            "db-1": "replica",
            "db-2": "replica",
            "db-3": "quorum_standby",
            "db-4": "leader",
            "db-5": "quorum_standby",
        }
        self.assertEqual(self.reconcile(self.FIVE, roles), ["switchover db-4 db-3", "remove 4", "remove 5"])

    def test_stay_if_no_other_node_can_become_leader_and_it_is_reported(self):
        self.assertEqual(self.reconcile(self.FIVE, {"db-4": "leader", "db-5": "quorum_standby"}, 3), ["exit 1"])

    def test_wait_for_an_etcd_that_answers(self):
        done = self.reconcile(self.FIVE, {"db-1": "leader"})
        self.assertEqual(done, ["remove 4", "remove 5"])


def status(member_id, leader, learner=False):
    return {"header": {"member_id": member_id}, "leader": leader, "isLearner": learner}


class EtcdsLeader(WithEtcd):
    OWN, OTHER, LEARNER = "18446744073709551615", "9223372036854775809", "11"

    def moves(self, statuses, role="primary"):
        store = self.etcd()
        store.statuses = dict(zip(("127.0.0.1", "10.0.0.2", "10.0.0.3"), statuses))
        store.down.update({"10.0.0.2", "10.0.0.3"} - set(store.statuses))
        with replaced(Patroni, state={"role": role}):
            etcd_leader.leader_away(machine())
        return [body["targetID"] for _, path, body in store.calls if path.endswith("transfer-leadership")]

    def test_moves_from_the_node_of_postgresqls_to_a_voting_member_by_all_digits_of_its_id(self):
        found = [status(self.OWN, self.OWN), status(self.LEARNER, self.OWN, True), status(self.OTHER, self.OWN)]
        self.assertEqual(self.moves(found), [self.OTHER])

    def test_stays_otherwise(self):
        own, other = status(self.OWN, self.OWN), status(self.OTHER, self.OWN)
        self.assertEqual(self.moves([own, other], role="replica"), [])
        self.assertEqual(self.moves([status(self.OWN, self.OTHER), other]), [])
        self.assertEqual(self.moves([own, status(self.LEARNER, self.OWN, True)]), [])

    def settle(self, versions, health=None):
        with clock() as now, replaced(Etcd, cluster_version=versions, health=health, hand_over=None) as patched:
            began = now.now()
            etcd_leader.settle_version(machine())
            return patched.mocks["hand_over"].call_count, now.now() - began

    def test_changes_until_the_version_is_decided_and_no_longer_than_10_seconds(self):
        self.assertEqual(self.settle(["3.0.0", "3.6.0"])[0], 1)
        self.assertEqual(self.settle(["3.6.0"])[0], 0)
        self.assertEqual(self.settle(["not_decided"], "etcd does not answer")[0], 0)
        self.assertAlmostEqual(self.settle(["not_decided"], "etcd does not answer")[1], 10, delta=0.5)
        self.assertEqual(self.settle(OSError("refused"))[0], 0)
