import unittest

from postgres_ha.configuration import difference


class TheDifference(unittest.TestCase):
    def test_is_nothing_where_nothing_differs_whatever_else_patroni_keeps(self):
        wanted = {"ttl": 25, "postgresql": {"parameters": {"jit": "off"}}}
        actual = {"ttl": 25, "extra": 1, "postgresql": {"parameters": {"jit": "off"}, "pg_hba": []}}
        self.assertEqual(difference(wanted, actual), {})

    def test_names_what_is_new_or_has_another_value_and_only_that(self):
        wanted = {"ttl": 30, "loop_wait": 3, "postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 2}}}
        actual = {"loop_wait": 3, "ttl": 25, "postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 1}}}
        self.assertEqual(difference(wanted, actual), {"ttl": 30, "postgresql": {"parameters": {"b": 2}}})

    def test_removes_parameters_that_are_no_longer_wanted_and_no_other_keys(self):
        wanted = {"postgresql": {"parameters": {"a": 1}}}
        actual = {"maximum_lag_on_failover": 1, "postgresql": {"use_slots": True, "parameters": {"a": 1, "gone": 2}}}
        self.assertEqual(difference(wanted, actual), {"postgresql": {"parameters": {"gone": None}}})

    def test_removes_slots_that_are_no_longer_wanted(self):
        slot = {"type": "logical", "database": "app", "plugin": "pgoutput"}
        actual = {"slots": {"kept": slot, "gone": slot}}
        self.assertEqual(difference({"slots": {"kept": slot}}, actual), {"slots": {"gone": None}})

    def test_starts_from_nothing(self):
        wanted = {"ttl": 25, "postgresql": {"parameters": {"a": 1}}}
        self.assertEqual(difference(wanted, {}), wanted)

    def test_tells_text_from_numbers(self):
        self.assertEqual(difference({"a": "10"}, {"a": 10}), {"a": "10"})

    def test_takes_off_for_false_as_patronis_tools_write_it_and_no_other_text(self):
        wanted, actual = {"a": "off", "b": "on", "c": "on"}, {"a": False, "b": True, "c": "off"}
        self.assertEqual(difference(wanted, actual), {"c": "on"})
