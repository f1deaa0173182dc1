import os
import unittest
from unittest import mock

from postgres_ha.deadline import Deadline, Patience

from tests.support import clock


class ADeadline(unittest.TestCase):
    def test_ends_once(self):
        with clock() as now:
            deadline = Deadline(10)
            now.sleep(4)
            self.assertEqual(deadline.remaining(), 6)
            self.assertFalse(deadline.is_over())
            now.sleep(7)
            self.assertEqual(deadline.remaining(), 0)
            self.assertTrue(deadline.is_over())

    def test_gives_no_step_more_than_is_left(self):
        with clock():
            deadline = Deadline(10)
            self.assertEqual(deadline.within(4).remaining(), 4)
            self.assertEqual(deadline.within(40).remaining(), 10)
            self.assertEqual(deadline.less(4).remaining(), 6)
            self.assertEqual(deadline.less(40).remaining(), 0)

    def test_is_what_the_caller_has_left(self):
        with clock(), mock.patch.dict(os.environ, {"REMAINING_SECONDS": "7"}):
            self.assertEqual(Deadline.inherited(99).remaining(), 7)
        with clock(), mock.patch.dict(os.environ):
            os.environ.pop("REMAINING_SECONDS", None)
            self.assertEqual(Deadline.inherited(99).remaining(), 99)


class ThePatience(unittest.TestCase):
    def test_ends_some_time_after_the_fault_was_first_seen(self):
        with clock() as now:
            patience = Patience(5)
            self.assertFalse(patience.is_over(False))
            now.sleep(60)
            self.assertFalse(patience.is_over(True))
            now.sleep(4)
            self.assertFalse(patience.is_over(True))

    def test_ends_also_where_the_fault_comes_and_goes(self):
        with clock() as now:
            patience = Patience(5)
            patience.is_over(True)
            now.sleep(6)
            self.assertTrue(patience.is_over(False))
