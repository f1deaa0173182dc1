import os
import tempfile
import unittest
from unittest import mock

from postgres_ha import dynamic_configuration
from postgres_ha.deadline import Deadline
from postgres_ha.disruption import Refused
from postgres_ha.dynamic_configuration import (
    apply,
    configuration_file,
    leader_still_has_more,
    next_to_restart,
    refuse_lower_wal_level,
    restart_in_turn,
    try_parameters,
)
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import clock, described, machine, printed, replaced


class BeforeAnythingIsChanged(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.mkdir(f"{folder.name}/global")
        for name in ("PG_VERSION", "global/pg_control"):
            with open(f"{folder.name}/{name}", "w", encoding="utf-8") as target:
                target.write("17\n")
        postgresql = {**described()["postgresql"], "dataDirectory": folder.name}
        self.machine = machine(postgresql=postgresql)

    def trial(self, *outcome, of=None):
        with replaced(dynamic_configuration, run=[(0, ""), outcome]) as patched:
            try_parameters(of or self.machine, {"work_mem": "4MB"})
        return patched.mocks["run"]

    def test_postgresql_itself_reads_the_values(self):
        with replaced(dynamic_configuration, run=[(0, ""), (0, "")]) as patched:
            try_parameters(self.machine, {"work_mem": "4MB"})
            command = patched.mocks["run"].call_args_list[1].args[0]
        expected = ["runuser", "-u", "postgres", "--", "/bin17/postgres", "-C", "shared_memory_size"]
        self.assertEqual(command[:7], expected)

    def test_what_it_refuses_is_refused_with_its_words(self):
        said = 'LOG:  invalid value for parameter "a": "b"\nHINT:  c\nFATAL:  configuration file "/tmp/x" contains errors\n'
        with self.assertRaises(Refused) as raised:
            self.trial(1, said)
        self.assertEqual(
            str(raised.exception),
            'PostgreSQL does not take the parameters, nothing was changed:\nLOG:  invalid value for parameter "a": "b"\nHINT:  c',
        )

    def test_nothing_is_changed_then(self):
        wanted = {"postgresql": {"parameters": {}}}
        with (
            replaced(Patroni, state=[{"pending_restart": True}], patch=AssertionError("changed")),
            replaced(Postgresql, has_all_data=True),
        ):
            refuses = {"try_parameters": Refused("no"), "is_still_here": None}
            with replaced(dynamic_configuration, wanted_configuration=wanted, **refuses):
                with self.assertRaisesRegex(Refused, "^no$"):
                    apply(self.machine, Deadline(1))

    def test_a_node_whose_data_is_being_copied_tries_and_changes_nothing(self):
        os.unlink(f"{self.machine.postgresql.data_directory}/global/pg_control")
        with printed(), replaced(Patroni, state={"state": "creating replica"}, patch=AssertionError("changed")):
            with replaced(dynamic_configuration, is_still_here=None, run=AssertionError("tried")):
                apply(self.machine, Deadline(1))

    def test_nothing_is_changed_while_patroni_is_paused(self):
        wanted = {"postgresql": {"parameters": {"wal_level": "logical"}}}
        answers = {"state": [{"pending_restart": True}], "patch": AssertionError("changed")}
        fine = {"try_parameters": None, "is_still_here": None}
        with replaced(Patroni, cluster={"pause": True, "members": []}, **answers):
            with replaced(dynamic_configuration, wanted_configuration=wanted, **fine):
                with self.assertRaisesRegex(Refused, "^Patroni is paused, nothing was changed"):
                    apply(self.machine, Deadline(1))

    def test_wal_level_does_not_go_below_logical_where_a_node_has_a_logical_slot(self):
        with replaced(Postgresql, here=(0, "logical"), as_superuser=[(0, ""), (2, "refused"), (0, "cdc")]):
            with self.assertRaisesRegex(Refused, "^db-3 has logical slots.*: cdc\\."):
                refuse_lower_wal_level(self.machine, {"wal_level": "replica"})
            refuse_lower_wal_level(self.machine, {"wal_level": "logical"})
        with replaced(Postgresql, here=(0, "logical"), as_superuser=(0, "")):
            refuse_lower_wal_level(self.machine, {})
        with replaced(Postgresql, here=(0, "replica"), as_superuser=AssertionError("asked")):
            refuse_lower_wal_level(self.machine, {})

    def test_values_are_written_as_postgresql_reads_them_and_what_sessions_load_is_loaded(self):
        parameters = {"a": "it's \\", "jit": True, "session_preload_libraries": "x", "shared_preload_libraries": "y,z"}
        self.assertEqual(
            configuration_file(parameters),
            "a = 'it''s \\\\'\njit = 'True'\nsession_preload_libraries = 'x'\nshared_preload_libraries = 'y,z,x'\n",
        )


BUFFERS = {"shared_buffers": {"old_value": "128MB", "new_value": "64MB"}}
LOWERED = {"max_connections": {"old_value": "100", "new_value": "60"}}
RAISED = {"max_connections": {"old_value": "60", "new_value": "100"}}


def node(name, role, reason=None):
    pending = {"pending_restart": True, "pending_restart_reason": reason} if reason else {}
    return {"name": name, "role": role, **pending}


class TheTurn(unittest.TestCase):
    def test_is_the_replicas_before_the_leaders_so_that_it_hands_over_to_one_that_is_through(self):
        nodes = [node("a", "leader", BUFFERS), node("b", "replica", BUFFERS), node("c", "quorum_standby", BUFFERS)]
        self.assertEqual(next_to_restart(nodes), ["b", "c"])
        nodes = [node("a", "leader", RAISED), node("b", "replica"), node("c", "sync_standby", RAISED)]
        self.assertEqual(next_to_restart(nodes), ["c"])
        self.assertEqual(next_to_restart([node("a", "leader", BUFFERS), node("b", "replica")]), ["a"])

    def test_is_the_leaders_first_where_standbys_must_not_have_less(self):
        nodes = [node("a", "leader", {**BUFFERS, **LOWERED}), node("b", "replica", LOWERED)]
        self.assertEqual(next_to_restart(nodes), ["a"])
        self.assertEqual(next_to_restart([node("a", "leader"), node("b", "replica", LOWERED)]), ["b"])

    def test_is_of_none_if_nothing_waits(self):
        self.assertEqual(next_to_restart([node("a", "leader"), node("b", "replica")]), [])


class ARestartInTurn(unittest.TestCase):
    def restarts(self, members, own="primary"):
        """Whether each restart through the door was in place."""
        door = mock.Mock()
        state = {"pending_restart": True, "role": own}
        with clock(), printed(), replaced(Patroni, state=state, cluster={"members": members}):
            with mock.patch.object(dynamic_configuration, "one_after_another", door):
                restart_in_turn(machine(name="db-1"), Deadline(10_000))
        return [call.args[1].in_place for call in door.call_args_list]

    def test_hands_over_except_where_it_would_meet_a_standby_with_the_old_value(self):
        self.assertEqual(self.restarts([node("db-1", "leader", LOWERED), node("db-2", "replica", LOWERED)]), [True])
        self.assertEqual(self.restarts([node("db-1", "leader", BUFFERS), node("db-2", "replica")]), [False])

    def test_does_not_happen_where_another_node_failed_to_whose_turn_it_was(self):
        members = [
            node("db-1", "leader", BUFFERS),
            {"name": "db-2", "role": "replica", "state": "start failed"},
            node("db-3", "replica", BUFFERS),
        ]
        with self.assertRaisesRegex(Refused, r"^not restarted, .*: db-2: PostgreSQL does not start\."):
            self.restarts(members)

    def test_does_not_wait_for_ever_for_a_node_that_is_not_configured_in_this_run(self):
        members = [node("db-1", "leader", BUFFERS), node("db-2", "replica", BUFFERS)]
        self.assertEqual(self.restarts(members), [False])


class AStandbyWhoseLeaderGoesDownWithMaxConnections(unittest.TestCase):
    def waits(self, role, reason, noted):
        with replaced(Postgresql, control_data={"max_connections setting": noted}):
            return leader_still_has_more(Postgresql(machine()), {"role": role, "pending_restart_reason": reason})

    def test_waits_until_it_has_replayed_that_the_leader_was_restarted(self):
        self.assertTrue(self.waits("replica", LOWERED, "100"))
        self.assertFalse(self.waits("replica", LOWERED, "60"))

    def test_waits_for_nothing_where_it_goes_up_and_a_leader_never(self):
        self.assertFalse(self.waits("replica", RAISED, "100"))
        self.assertFalse(self.waits("primary", LOWERED, "100"))


class Applying(unittest.TestCase):
    def applied(self, states, data=True, booting=False, active=False):
        with clock() as now, printed() as output, replaced(Patroni, state=states, patch=AssertionError("changed")):
            with replaced(dynamic_configuration, is_booting=booting, is_active=active, wanted_configuration={}):
                still = replaced(dynamic_configuration, why_not_in_force=None, is_still_here=None)
                with still, replaced(Postgresql, has_data=data, has_all_data=data):
                    began = now.now()
                    apply(machine(), Deadline(1000))
                    return output.getvalue(), now.now() - began

    def test_does_nothing_where_patroni_does_not_run(self):
        said = "Patroni does not run yet: nothing to change\n"
        self.assertEqual(self.applied(OSError("refused")), (said, 0))
        self.assertEqual(self.applied(OSError("refused"), data=False, booting=True, active=True), (said, 0))

    def test_waits_for_a_patroni_that_is_about_to_run(self):
        states = [OSError("refused"), OSError("refused"), {"role": "replica"}]
        self.assertEqual(self.applied(list(states), booting=True), ("", 2))
        self.assertEqual(self.applied(list(states), active=True), ("", 2))
        self.assertEqual(self.applied(OSError("refused"), active=True)[1], 300)

    def test_does_nothing_where_all_is_in_force(self):
        patroni = replaced(Patroni, state={"role": "replica"}, patch=AssertionError("changed"))
        with patroni, replaced(Postgresql, has_all_data=True):
            with replaced(dynamic_configuration, wanted_configuration={}, why_not_in_force=None, is_still_here=None):
                apply(machine(), Deadline(1))
