import subprocess
import unittest
from unittest import mock

from postgres_ha.database_objects import why_not_ready

from tests.support import machine


class TheLeader(unittest.TestCase):
    def test_is_waited_for_while_nodes_keep_silent(self):
        silent = subprocess.TimeoutExpired(["psql"], 10)
        with mock.patch("subprocess.run", side_effect=silent):
            self.assertEqual(why_not_ready(machine()), "no answer within 10 s")
