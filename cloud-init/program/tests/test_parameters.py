import json
import unittest

from postgres_ha.parameters import why_not_in_force, wrong_parameters
from postgres_ha.patroni import Patroni
from postgres_ha.postgresql import Postgresql

from tests.support import machine, replaced


def has(vartype, unit, actual, shown=None, source="configuration file", file="/data/postgresql.conf"):
    return [vartype, unit, actual, actual if shown is None else shown, source, file]


class AValue(unittest.TestCase):
    def test_is_in_force_however_it_is_spelled(self):
        for what, wanted, found in [
            ("a number with the unit", "4096MB", has("integer", "8kB", "524288", "4GB")),
            ("a fraction", "1.5GB", has("integer", "kB", "1572864")),
            ("a fraction that PostgreSQL rounds", "30.1GB", has("integer", "kB", "31561728")),
            ("time", "0.5min", has("integer", "s", "30")),
            ("a number without a unit", 100, has("integer", None, "100")),
            ("a real number", 1.1, has("real", None, "1.1")),
            ("six digits of a real number", "0.123456789", has("real", None, "0.123457")),
            ("a boolean of JSON", True, has("bool", None, "on")),
            ("another spelling", "no", has("bool", None, "off")),
            ("a list's other case", "Replica", has("enum", None, "replica")),
            ("a list's boolean", "1", has("enum", None, "on")),
            ("text", "%m [%p] ", has("string", None, "%m [%p] ")),
            ("what PostgreSQL computes", -1, has("integer", "8kB", "2048", "16MB", "override", None)),
            ("what is the session's own", "4MB", has("integer", "kB", "9999", "9999kB", "user", None)),
        ]:
            with self.subTest(what):
                self.assertEqual(wrong_parameters({"name": wanted}, {"name": found}), [])

    def test_is_in_force_as_half_of_a_datestyle_and_as_an_encoding_that_postgresql_respells(self):
        self.assertEqual(wrong_parameters({"DateStyle": "dmy"}, {"datestyle": has("string", None, "ISO, DMY")}), [])
        self.assertEqual(
            wrong_parameters({"client_encoding": "utf8"}, {"client_encoding": has("string", None, "UTF8")}), []
        )

    def test_is_named_when_it_is_another(self):
        by_hand = has("integer", "kB", "9999", "9999kB", "configuration file", "/data/postgresql.auto.conf")
        for wanted, found, sentence in [
            ("6MB", has("integer", "kB", "4096", "4MB"), "name is 4MB, not 6MB"),
            ("everything", has("enum", None, "none"), "name is none, not everything"),
            (-1, has("real", None, "0"), "name is 0, not -1"),
            ("4ms", has("integer", "kB", "4096", "4MB"), "name is 4MB, not 4ms"),
            ("off", has("bool", None, "on"), "name is on, not off"),
            ("%m ", has("string", None, "%m"), "name is %m, not %m "),
            (
                "4MB",
                by_hand,
                "name is 9999kB, not 4MB (by ALTER SYSTEM; `ALTER SYSTEM RESET name` on this node takes that back)",
            ),
        ]:
            with self.subTest(sentence):
                self.assertEqual(wrong_parameters({"name": wanted}, {"name": found}), [sentence])

    def test_is_one_of_all_of_a_nodes(self):
        found = {"a": has("integer", None, "2"), "c": has("integer", None, "3")}
        self.assertEqual(
            wrong_parameters({"a": 1, "b": 2, "c": 3}, found), ["a is 2, not 1", "PostgreSQL does not know b"]
        )


WANTED = {"ttl": 25, "postgresql": {"parameters": {"work_mem": "4MB"}}}
RIGHT = {"errors": [], "settings": {"work_mem": has("integer", "kB", "4096")}}


class TheConfiguration(unittest.TestCase):
    def judge(self, *nodes, patroni=WANTED):
        answers = [(2, node) if isinstance(node, str) else (0, json.dumps(node)) for node in nodes]
        with replaced(Patroni, configuration=patroni), replaced(Postgresql, as_superuser=answers):
            return why_not_in_force(machine(), machine().members, WANTED)

    def test_is_asked_of_each_node_and_the_one_that_differs_is_named(self):
        self.assertIsNone(self.judge(RIGHT, RIGHT, RIGHT))
        other = {**RIGHT, "settings": {"work_mem": has("integer", "kB", "64", "64kB")}}
        self.assertEqual(self.judge(RIGHT, RIGHT, other), "db-3: work_mem is 64kB, not 4MB")
        self.assertEqual(
            self.judge(RIGHT, "too many connections"),
            "db-2: PostgreSQL does not serve the superuser: too many connections",
        )

    def test_names_a_line_with_which_a_node_would_not_start_again(self):
        self.assertEqual(
            self.judge(RIGHT, {**RIGHT, "errors": ["DateStyle: setting could not be applied"]}),
            "db-2: PostgreSQL's configuration files have errors, and it would not start again: DateStyle: setting could not be applied",
        )

    def test_names_what_of_patronis_is_another(self):
        self.assertRegex(
            self.judge(RIGHT, patroni={"ttl": 30, "postgresql": {"parameters": {"work_mem": "8MB", "gone": 1}}}),
            "^Patroni's configuration is not the one asked for: work_mem, gone, ttl differ",
        )
        self.assertEqual(
            self.judge(RIGHT, patroni=OSError("refused")), "Patroni's configuration cannot be compared: refused"
        )
