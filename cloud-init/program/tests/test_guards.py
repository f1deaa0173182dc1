"""What runs on a node all the time, or every few seconds."""

import contextlib
import io
import socket
import threading
import unittest
from unittest import mock

from postgres_ha import patroni_callback, pgbouncer_guard, replica_guard, unreachable_peers
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import clock, described, machine, printed, replaced

REMOVED = "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 00000002000000000000000C has already been removed"
STUCK = {"role": "replica", "state": "running"}


class AReplica(unittest.TestCase):
    def ordered(self, own, log=REMOVED, leader_state="running"):
        """Whether a new copy is ordered."""
        members = [{"role": "leader", "state": leader_state}, {"role": "replica", "state": "running"}]
        with printed(), replaced(Patroni, state=own, cluster={"members": members}, reinitialize=None) as patched:
            with replaced(replica_guard, recent_log=log), replaced(Postgresql, here=AssertionError("asked")):
                replica_guard.main(machine())
        return patched.mocks["reinitialize"].call_count == 1

    def test_is_copied_anew_when_the_leader_has_removed_its_wal(self):
        self.assertTrue(self.ordered(STUCK))

    def test_is_left_alone_otherwise(self):
        self.assertFalse(self.ordered({**STUCK, "replication_state": "streaming"}))
        self.assertFalse(self.ordered({**STUCK, "state": "creating replica"}))
        self.assertFalse(self.ordered(STUCK, log="FATAL:  could not connect to the primary server"))
        self.assertFalse(self.ordered(STUCK, leader_state="stopped"))
        self.assertFalse(self.ordered(OSError("refused")))


class ALeader(unittest.TestCase):
    def test_drops_lost_slots_and_nothing_else(self):
        with printed() as output, replaced(Patroni, state={"role": "primary"}, reinitialize=AssertionError("copied")):
            with replaced(Postgresql, here=(0, "<4>dropped db_2, which had lost its WAL")) as patched:
                replica_guard.main(machine())
        self.assertIn("wal_status = 'lost' AND NOT active", patched.mocks["here"].call_args.args[0])
        self.assertEqual(output.getvalue(), "<4>dropped db_2, which had lost its WAL\n")


@contextlib.contextmanager
def pooler(answer):
    """A port where something takes a connection, reads the question, and answers or keeps silent."""

    def serve():
        with server.accept()[0] as connection:
            connection.recv(8)
            connection.sendall(answer)
            asked.wait(5)

    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        # Where nothing was asked, the thread still waits for a connection.
        with contextlib.suppress(OSError):
            socket.create_connection(server.getsockname(), 1).close()
        asked.set()
        thread.join()


class APgbouncer(unittest.TestCase):
    def fault(self, active=True, answer=b"N", ready=0):
        with pooler(answer) as port, mock.patch.object(pgbouncer_guard, "ANSWER_SECONDS", 0.5):
            with replaced(pgbouncer_guard, is_active=active, run=(ready, "")):
                return pgbouncer_guard.fault(machine(ports={**described()["ports"], "pgbouncer": port}))

    def test_is_well_or_not(self):
        self.assertIsNone(self.fault())
        self.assertEqual(self.fault(answer=b""), "PgBouncer has not answered")
        self.assertEqual(self.fault(ready=2), "PostgreSQL has refused connections")

    def test_is_left_alone_with_a_silent_postgresql_and_where_it_does_not_run(self):
        self.assertIsNone(self.fault(ready=124))
        self.assertIsNone(self.fault(active=False, answer=b""))

    def test_is_ended_after_two_faults_in_a_row(self):
        class Over(Exception):
            pass

        faults = ["a fault", None, "a fault", "a fault", None, Over()]
        with clock(), contextlib.redirect_stderr(io.StringIO()) as said:
            with replaced(pgbouncer_guard, fault=faults, run=(0, "")) as patched, self.assertRaises(Over):
                pgbouncer_guard.main(machine())
        self.assertEqual(
            [call.args[0] for call in patched.mocks["run"].call_args_list],
            [["systemctl", "kill", "--signal=KILL", "pgbouncer.service"]],
        )
        self.assertEqual(said.getvalue(), "a fault 2 times: ending PgBouncer\n")


class ACallback(unittest.TestCase):
    def call(self, action="on_role_change", status=0, roles=((0, "f"),)):
        with printed() as output, replaced(patroni_callback, run_script=status) as ran, clock():
            with replaced(Postgresql, here=list(roles), console=(0, "")) as patched:
                with self.assertRaises(SystemExit) as ended:
                    patroni_callback.main(machine(), action, "primary", "main")
        self.reconnects = [call.args[0] for call in patched.mocks["console"].call_args_list]
        self.script = ran.mocks["run_script"].call_args.args
        return ended.exception.code, output.getvalue()

    LINE = "on_role_change role=primary scope=main\n"

    def test_says_what_happened_and_runs_the_actions_script_with_the_same_arguments(self):
        self.assertEqual(self.call(), (0, self.LINE))
        self.assertEqual(self.script, ("/callbacks/on_role_change", ["on_role_change", "primary", "main"]))

    def test_says_that_the_script_failed_or_was_ended(self):
        self.assertEqual(self.call(status=7), (7, f"{self.LINE}on_role_change: the script ended with status 7\n"))
        self.assertEqual(self.call(status=124), (124, f"{self.LINE}on_role_change: the script was ended after 60 s\n"))

    def test_has_pgbouncer_hear_the_new_role_once_postgresql_has_it(self):
        self.call(roles=[(0, "t"), (2, "refused"), (0, "f")])
        self.assertEqual(self.reconnects, ["RECONNECT"])
        _, said = self.call(roles=[(0, "t")])
        self.assertEqual(self.reconnects, [])
        self.assertIn("PostgreSQL is no primary after 30 s", said)

    def test_tells_pgbouncer_only_of_what_changes_roles(self):
        self.call(action="on_reload")
        self.assertEqual(self.reconnects, [])


class AnUnreachablePeer(unittest.TestCase):
    def transactions(self, refused, *outcomes):
        with replaced(unreachable_peers, nft=list(outcomes)) as patched:
            unreachable_peers.set_refused("10.0.0.2", refused, 8008)
        return [call.args[0].strip().split("\n") for call in patched.mocks["nft"].call_args_list]

    def element(self, verb, rest=""):
        return f"{verb} element inet unreachable_peers addresses {{ 10.0.0.2{rest} }}"

    def test_is_refused_by_an_entry_that_is_renewed_and_ends_by_itself(self):
        expected = [[self.element("add"), self.element("delete"), self.element("add", " timeout 5s")]]
        self.assertEqual(self.transactions(True, True), expected)

    def test_is_let_in_again_whether_the_entry_is_still_there_or_not(self):
        self.assertEqual(self.transactions(False, True), [[self.element("add"), self.element("delete")]])

    def test_has_its_table_made_anew_where_somebody_took_it_away(self):
        _, second = self.transactions(True, False, True)
        self.assertEqual(second[0], "table inet unreachable_peers")
        self.assertIn("        ip daddr @addresses tcp dport 8008 reject with tcp reset", second)
        self.assertEqual(second[-1], self.element("add", " timeout 5s"))

    def test_is_an_error_where_the_kernel_refuses(self):
        with self.assertRaisesRegex(RuntimeError, "^the kernel does not take the table$"):
            self.transactions(True, False)

    def test_is_not_one_whose_kernel_refuses_the_connection(self):
        # Nothing listens there.
        self.assertTrue(unreachable_peers.answers("127.255.255.254", 5432))
        with mock.patch("socket.create_connection", side_effect=OSError(113, "No route to host")):
            self.assertFalse(unreachable_peers.answers("10.0.0.2", 5432))
