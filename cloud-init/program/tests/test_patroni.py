import unittest

from postgres_ha.patroni import Patroni
from postgres_ha.system import Answer

from tests.support import clock, machine, replaced

RESET = ConnectionResetError(104, "Connection reset by peer")


def answer(body, status=200):
    return Answer(status, {}, body)


class WhatBreaksWhilePatroniOpensItsPortAnew(unittest.TestCase):
    def test_is_asked_again(self):
        with clock(), replaced(Patroni, request=[RESET, RESET, answer({"role": "replica"})]):
            self.assertEqual(Patroni(machine()).state(), {"role": "replica"})

    def test_is_an_error_where_it_goes_on(self):
        with clock(), replaced(Patroni, request=RESET) as patched, self.assertRaises(ConnectionResetError):
            Patroni(machine()).state()
        self.assertEqual(patched.mocks["request"].call_count, 4)

    def test_is_not_asked_again_after_another_error(self):
        with clock(), replaced(Patroni, request=OSError("timed out")) as patched, self.assertRaises(OSError):
            Patroni(machine()).state()
        self.assertEqual(patched.mocks["request"].call_count, 1)

    def test_a_change_that_arrived_is_not_made_twice(self):
        answers = [answer({"ttl": 1}), RESET, answer({"ttl": 2})]
        with clock(), replaced(Patroni, request=answers) as patched:
            patch = Patroni(machine()).patch(lambda actual: {} if actual == {"ttl": 2} else {"ttl": 2})
        self.assertEqual(patch, {"ttl": 2})
        self.assertEqual(patched.mocks["request"].call_count, 3)

    def test_a_change_that_did_not_arrive_is_made_again(self):
        answers = [answer({"ttl": 1}), RESET, answer({"ttl": 1}), answer({})]
        with clock(), replaced(Patroni, request=answers):
            self.assertEqual(Patroni(machine()).patch(lambda actual: {"ttl": 2}), {"ttl": 2})
