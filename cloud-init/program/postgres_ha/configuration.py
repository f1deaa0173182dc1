"""Patroni's dynamic configuration as it is asked for, and what the one in force lacks."""

import json


def wanted_configuration(machine):
    with open(machine.patroni.dynamic_configuration, encoding="utf-8") as source:
        return json.load(source)


def same(wanted, found):
    """Patroni's tools keep off as false, which is no other value."""
    spellings = {"on": True, "off": False}
    return (
        spellings.get(wanted, wanted) == spellings.get(found, found)
        if isinstance(wanted, (str, bool)) and isinstance(found, (str, bool))
        else wanted == found
    )


def difference(wanted, actual):
    """The PATCH that turns actual into wanted. Parameters and slots that are no longer wanted are removed."""
    patch = {}
    for key, value in wanted.items():
        if isinstance(value, dict):
            inner = difference(value, actual.get(key) or {})
            if key in ("parameters", "slots"):
                inner.update({name: None for name in (actual.get(key) or {}) if name not in value})
            if inner:
                patch[key] = inner
        elif not same(value, actual.get(key)):
            patch[key] = value
    return patch
