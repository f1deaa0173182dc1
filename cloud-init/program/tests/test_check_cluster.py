import contextlib
import io
import json
import unittest
from unittest import mock

from postgres_ha import check_cluster
from postgres_ha.check_cluster import Check, NotYet, main, remarks
from postgres_ha.etcd import Etcd
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import NAMES, clock, machine, printed, replaced

LEADER = {"name": "db-2", "role": "leader", "state": "running", "timeline": 3}


def standby(name, role="replica", **more):
    return {"name": name, "role": role, "state": "streaming", "timeline": 3, **more}


HEALTHY = [standby("db-1", "quorum_standby"), LEADER, standby("db-3", "quorum_standby")]


class ACheck(unittest.TestCase):
    def check(self, **changes):
        return Check(machine(**changes), "secret", [{"name": "app", "databases": ["app"]}], ["app"])

    def not_yet(self, step, *arguments):
        with self.assertRaises(NotYet) as raised:
            step(*arguments)
        return str(raised.exception)


class OfEtcd(ACheck):
    def test_asks_each_member(self):
        with replaced(Etcd, request={"health": "true"}) as patched:
            self.check().etcd_members(machine().members)
        asked = [(call.args[0], call.args[1]) for call in patched.mocks["request"].call_args_list]
        self.assertEqual(asked, [(f"10.0.0.{node}", "/health") for node in (1, 2, 3)])

    def test_names_the_one_that_is_not_healthy_or_does_not_answer(self):
        well = {"health": "true"}
        with replaced(Etcd, request=[well, {"health": "false", "reason": "RAFT NO LEADER"}]):
            self.assertEqual(
                self.not_yet(self.check().etcd_members, machine().members), "db-2: etcd is not healthy: RAFT NO LEADER"
            )
        with replaced(Etcd, request=[well, well, OSError("connection refused")]):
            self.assertEqual(
                self.not_yet(self.check().etcd_members, machine().members),
                "db-3: etcd does not answer: connection refused",
            )


class OfPatroni(ACheck):
    def judge(self, members, changes=None, **state):
        with replaced(Patroni, cluster={"members": members, **state}):
            check = self.check(**(changes or {}))
            check.is_not_paused(check.state())
            return check.patroni_members(check.state(), check.machine.members)

    def test_names_the_leader_of_a_healthy_cluster(self):
        self.assertEqual(self.judge(HEALTHY), "db-2")
        self.assertEqual(self.judge([standby("db-1", "sync_standby"), LEADER, standby("db-3")]), "db-2")
        asynchronous = [standby("db-1"), LEADER, standby("db-3")]
        self.assertEqual(self.judge(asynchronous, {"synchronousMode": "off"}), "db-2")

    def test_is_not_content_with_less(self):
        first, _, third = HEALTHY
        waits = {
            "pending_restart": True,
            "pending_restart_reason": {"max_connections": {"old_value": "60", "new_value": "50"}},
        }
        for members, reason in [
            ([standby(name) for name in NAMES], "Patroni reports 0 leaders: []"),
            ([{**LEADER, "name": "db-1"}, LEADER, third], "Patroni reports 2 leaders: ['db-1', 'db-2']"),
            ([first, LEADER], "db-3: patroni.service has not joined the cluster"),
            (
                [{**first, "state": "starting"}, LEADER, third],
                "db-1: PostgreSQL is starting on timeline 3, not streaming on 3",
            ),
            (
                [{**first, "timeline": 2}, LEADER, third],
                "db-1: PostgreSQL is streaming on timeline 2, not streaming on 3",
            ),
            (
                [first, {**LEADER, "state": "stopping"}, third],
                "db-2: PostgreSQL is stopping on timeline 3, not running on 3",
            ),
            ([first, LEADER, {**third, **waits}], "db-3: PostgreSQL waits for a restart to take max_connections"),
            ([standby("db-1"), LEADER, standby("db-3")], "no replica is a synchronous standby"),
        ]:
            with self.subTest(reason):
                self.assertEqual(self.not_yet(self.judge, members), reason)

    def test_names_a_patroni_that_is_paused_or_does_not_answer(self):
        with self.assertRaisesRegex(NotYet, "^Patroni is paused, .*`patronictl resume`"):
            self.judge(HEALTHY, pause=True)
        with replaced(Patroni, cluster=OSError("connection refused")):
            self.assertEqual(
                self.not_yet(self.check().state),
                "Patroni on this node does not answer: connection refused",
            )

    def test_has_every_patroni_begin_its_next_round_also_when_one_does_not_answer(self):
        with replaced(Patroni, request=[None, OSError("refused"), None]) as patched:
            self.check().wake_patroni()
        asked = [call.args[:4] for call in patched.mocks["request"].call_args_list]
        self.assertEqual(asked, [("/config", {"no_such_key": None}, "PATCH", f"10.0.0.{node}") for node in (1, 2, 3)])


COPYING = {"name": "db-3", "role": "replica", "state": "creating replica"}


class OfAReplicaThatIsCopied(ACheck):
    """Each look comes 10 s after the one before; the check has 60 s."""

    def ends(self, members, sent, problem=None, left=None):
        """What is said when the check ends, on standard error, and its exit status.
        @param sent: what the node that is copied from says, look after look"""
        given = {"password": "", "users": [], "databases": []}
        steps = {
            "etcd_members": None,
            "parameters": problem,
            "slots": None,
            "access": None,
            "poolers": None,
            "endpoints": None,
        }
        rest = {"wake_patroni": None, "remarks": [[]], "explain": None}
        cluster = [{"members": [standby("db-1", "quorum_standby"), LEADER, each]} for each in members]
        with clock() as now, printed(), contextlib.redirect_stderr(io.StringIO()) as said:
            slow = mock.patch("time.sleep", lambda _: now.sleep(10))
            stdin = mock.patch("sys.stdin", io.StringIO(json.dumps(given)))
            with slow, stdin, replaced(Check, **steps, **rest) as patched, replaced(Patroni, cluster=cluster):
                with replaced(Postgresql, as_superuser=[answer for each in sent for answer in ((0, ""), each)]):
                    try:
                        main(machine(), "60")
                        status = 0
                    except SystemExit as end:
                        status = end.code
        self.explained = patched.mocks["explain"].call_count
        return said.getvalue().splitlines(), status

    def sent(self, *gibibytes):
        return [(0, f"{int(each * 1024**3)}|{480 * 1024**3}") for each in gibibytes]

    def test_tells_how_far_it_is_and_ends_well_when_it_streams(self):
        lines, status = self.ends([COPYING] * 3 + [HEALTHY[2]], [(0, ""), *self.sent(12, 12.5)])
        self.assertEqual(
            lines,
            [
                "0 s: db-3 is copying",
                "10 s: db-3 is copying: 12.0 of 480.0 GiB, about 6 min left",
                "20 s: db-3 is copying: 12.5 of 480.0 GiB, about 12 min left",
            ],
        )
        self.assertEqual(status, 0)

    def test_is_not_called_unhealthy_while_the_copy_goes_on(self):
        lines, status = self.ends([COPYING], self.sent(*[1 + number / 100 for number in range(9)]))
        self.assertRegex(
            lines[-1],
            r"^not done yet after 60 s: db-3 is copying: 1\.1 of 480\.0 GiB, about 133 h 2 min left\. Everything else is well",
        )
        self.assertEqual((status, self.explained), (1, 0))

    def test_is_called_unhealthy_when_the_copy_stops_or_begins_again_and_again(self):
        for sent in [self.sent(1), self.sent(3, 1, 2, 3, 1, 2, 3), [(2, "refused")]]:
            with self.subTest(sent):
                lines, status = self.ends([COPYING], sent)
                self.assertRegex(lines[-1], "^the cluster is not healthy after 60 s: db-3 is copying.* does not go on$")
                self.assertEqual((status, self.explained), (1, 1))

    def test_is_called_unhealthy_when_something_else_is_wrong(self):
        lines, status = self.ends([COPYING], self.sent(*range(1, 9)), problem=NotYet("db-1: a is 1, not 2"))
        self.assertRegex(lines[-1], "^the cluster is not healthy after 60 s: db-1: a is 1, not 2; db-3 is copying")
        self.assertEqual((status, self.explained), (1, 1))


class OfParameters(ACheck):
    def test_fails_with_what_is_not_in_force(self):
        with replaced(check_cluster, wanted_configuration={}, why_not_in_force="db-1: a is 1, not 2"):
            self.assertEqual(self.not_yet(self.check().parameters, ()), "db-1: a is 1, not 2")
        with replaced(check_cluster, wanted_configuration={}, why_not_in_force=None):
            self.check().parameters(())


class OfAClusterThatWasChangedByHand(ACheck):
    def differences(self, found, **changes):
        well = {"why_not_of_patroni": None, "why_not_of_node": None, "wanted_configuration": {}}
        with replaced(check_cluster, **{**well, **changes}), replaced(Etcd, request={"health": "true"}):
            with replaced(Patroni, cluster=found), replaced(Postgresql, as_superuser=(0, "role app may not log in")):
                return list(self.check().differences())

    def test_names_each_and_not_only_the_first(self):
        _, leading, third = HEALTHY
        found = {"members": [leading, third], "pause": True}
        named = self.differences(found, why_not_of_patroni="ttl differs", why_not_of_node=[None, "db-2: a is 1, not 2"])
        self.assertEqual(named[:3], ["ttl differs", "db-2: a is 1, not 2", "db-2: a is 1, not 2"])
        self.assertRegex(named[3], "^Patroni is paused")
        self.assertEqual(
            named[4:], ["db-1: patroni.service has not joined the cluster", "db-2: role app may not log in"]
        )

    def test_names_a_slot_that_is_gone(self):
        named = self.differences({"members": HEALTHY}, wanted_configuration={"slots": {"cdc": {}}})
        self.assertEqual(named[-3:], [f"{name}: there is no logical slot cdc yet" for name in NAMES])

    def test_asks_no_leader_where_there_is_none(self):
        named = self.differences({"members": [standby(name) for name in NAMES]})
        self.assertEqual(named, ["Patroni reports 0 leaders: []"])


class OfSlots(ACheck):
    def judge(self, slots, *answers):
        with replaced(check_cluster, wanted_configuration={"slots": slots}):
            with replaced(Postgresql, as_superuser=list(answers)) as patched:
                self.check().slots(machine().members)
        return [call.args[0] for call in patched.mocks["as_superuser"].call_args_list]

    def test_finds_the_listed_ones_on_every_node(self):
        self.assertEqual(self.judge({"cdc": {}}, (0, "other\ncdc")), [f"{name}.internal" for name in NAMES])

    def test_asks_nobody_where_none_is_listed(self):
        self.assertEqual(self.judge({}, AssertionError("asked")), [])

    def test_names_the_node_that_lacks_one(self):
        reason = self.not_yet(self.judge, {"cdc": {}, "audit": {}}, (0, "cdc\naudit"), (0, ""))
        self.assertEqual(reason, "db-2: there is no logical slot audit, cdc yet")


class OfUsers(ACheck):
    def test_asks_the_leader_of_each(self):
        with replaced(Postgresql, as_superuser=(0, "")) as patched:
            self.check().access("db-2")
        host, sql = patched.mocks["as_superuser"].call_args.args
        self.assertEqual(host, "db-2.internal")
        self.assertIn("""json_array_elements('[{"name": "app", "databases": ["app"]}]')""", sql)

    def test_names_who_cannot_log_in(self):
        with replaced(Postgresql, as_superuser=(0, "role app may not log in")):
            self.assertEqual(self.not_yet(self.check().access, "db-2"), "db-2: role app may not log in")


class OfPoolers(ACheck):
    def judge(self, *answers):
        with replaced(Postgresql, as_health_check=list(answers)) as patched:
            self.check().poolers("db-2", machine().members)
        return [call.args[:2] for call in patched.mocks["as_health_check"].call_args_list]

    def test_is_content_when_each_leads_to_a_server_of_the_right_role(self):
        self.assertEqual(self.judge((0, "t"), (0, "f"), (0, "t")), [(f"{name}.internal", 6432) for name in NAMES])

    def test_names_the_one_that_does_not_serve_or_leads_astray(self):
        self.assertEqual(self.not_yet(self.judge, (0, "t"), (2, "refused")), "db-2: PgBouncer does not serve: refused")
        self.assertRegex(self.not_yet(self.judge, (0, "f")), "^db-1: PgBouncer")
        self.assertRegex(self.not_yet(self.judge, (0, "t"), (0, "t")), "^db-2: PgBouncer")


class OfEndpoints(ACheck):
    TOKEN = "11111111-1111-1111-1111-111111111111"

    def judge(self, *answers):
        with mock.patch("uuid.uuid4", lambda: self.TOKEN):
            with replaced(Postgresql, as_health_check=list(answers)) as patched:
                self.check().endpoints()
        return [call.args for call in patched.mocks["as_health_check"].call_args_list]

    def test_writes_to_the_leaders_port_and_reads_from_the_replicas(self):
        write, read = self.judge((0, ""), (0, f"t|{self.TOKEN}"))
        self.assertEqual((write[:2], read[:2]), (("lb-1.internal", 5000), ("lb-1.internal", 5001)))
        self.assertRegex(write[2], rf"^INSERT INTO health_check\.probe .*'{self.TOKEN}'")

    def test_is_not_content_with_less(self):
        for answers, reason in [
            ([(2, "read-only transaction")], "^lb-1: no write through HAProxy's port 5000: read-only"),
            ([(0, ""), (2, "refused")], "^lb-1: no read through HAProxy's port 5001: refused"),
            ([(0, ""), (0, "t|older")], r"^lb-1: port 5001 read 't\|older', not the row just written"),
            ([(0, ""), (0, f"f|{self.TOKEN}")], "not the row just written from a replica$"),
        ]:
            with self.subTest(reason):
                self.assertRegex(self.not_yet(self.judge, *answers), reason)


class OfDatabases(ACheck):
    def remarks(self, *names):
        with replaced(Postgresql, as_superuser=(0, "\n".join(names))):
            return self.check().unlisted_databases()

    def test_names_those_that_are_not_listed(self):
        self.assertEqual(self.remarks("app", "postgres"), [])
        self.assertEqual(
            self.remarks("app", "old", "older", "postgres"),
            ["WARNING: not in the setting `databases`, and kept: old, older"],
        )


class WhatShouldBeKnown(unittest.TestCase):
    def headers(self, etcd, watchdog=None):
        told = {"postgres-ha-packages": f"etcd-{etcd} patroni-4.1.0-1PGDG.rhel9"}
        return told if watchdog is None else {**told, "postgres-ha-watchdog": watchdog}

    def remarks(self, *told):
        return remarks(dict(zip(NAMES, told)))

    def test_is_neither_equal_nodes_nor_a_watchdog_that_is_not_configured(self):
        self.assertEqual(self.remarks(*[self.headers("3.6.6-1")] * 3), [])

    def test_is_that_versions_differ(self):
        self.assertEqual(
            self.remarks(self.headers("3.6.6-1"), self.headers("3.6.6-2"), self.headers("3.6.6-1")),
            ["WARNING: nodes have different versions: etcd-3.6.6-1 on db-1 db-3, etcd-3.6.6-2 on db-2"],
        )

    def test_is_each_watchdog_and_where_one_is_promised_and_there_is_none(self):
        self.assertEqual(
            self.remarks(
                self.headers("1-1", "Software Watchdog"),
                self.headers("1-1", "none"),
                self.headers("1-1", "i6300ESB timer"),
            ),
            [
                "WARNING: no watchdog on db-2: nothing resets such a machine when it leads and hangs, and Patroni goes on without",
                "db-1: Patroni's watchdog, while it leads, is Software Watchdog",
                "db-3: Patroni's watchdog, while it leads, is i6300ESB timer",
            ],
        )

    def test_may_be_less_where_a_node_tells_nothing(self):
        (line,) = self.remarks({}, self.headers("1-1", "none"), {})
        self.assertIn("no watchdog on db-2", line)
