"""Whether Patroni's configuration, and each value of PostgreSQL's, is in force as it was asked for."""

import json
import math
import re

from .configuration import difference
from .patroni import Patroni
from .postgresql import Postgresql, literal

# Each unit in the smallest of its kind, the largest first.
MEMORY_UNITS = {"TB": 1024**4, "GB": 1024**3, "MB": 1024**2, "kB": 1024, "B": 1}
TIME_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}


def number(text, unit):
    """As PostgreSQL reads it, in the parameter's unit; settings/postgresql/amounts.ts is the same for the configuration."""
    digits, given = re.fullmatch(r"\s*([-+.0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*", text).groups()
    value = float(digits)
    if not given:
        return value
    table = MEMORY_UNITS if unit.endswith("B") else TIME_UNITS
    factor, name = re.fullmatch(r"([0-9]*)([A-Za-z]+)", unit).groups()
    size = value * table[given]
    smaller = [step for step in table.values() if step < table[given]]
    if smaller:
        size = round(size / smaller[0]) * smaller[0]
    return size / (int(factor or 1) * table[name])


def truth(text):
    return {
        "on": True,
        "true": True,
        "yes": True,
        "1": True,
        "off": False,
        "false": False,
        "no": False,
        "0": False,
    }.get(text.lower())


def words(text):
    return [word for word in re.split(r"[\s,]+", text.lower()) if word]


def in_force(name, wanted, vartype, unit, actual):
    """Whether pg_settings shows a value as it was asked for."""
    if vartype in ("integer", "real"):
        try:
            value = number(wanted, unit)
        except (AttributeError, KeyError, ValueError):
            return False
        # pg_settings shows six digits of a real number.
        return (
            round(value) == int(actual)
            if vartype == "integer"
            else math.isclose(value, float(actual), rel_tol=1e-5, abs_tol=1e-9)
        )
    if vartype in ("bool", "enum") and truth(wanted) is not None:
        return truth(wanted) == truth(actual)
    if name.lower() == "datestyle":
        # Asked for by half, the other half stays PostgreSQL's.
        return set(words(wanted)) <= set(words(actual))
    # Of its texts, PostgreSQL respells the names of encodings.
    return (
        wanted.lower() == actual.lower() if vartype == "enum" or name.lower() == "client_encoding" else wanted == actual
    )


# The session has a value of its own, which says nothing of the server's.
OF_THE_SESSION = ("global", "database", "user", "database user", "client", "interactive", "session")


def wrong_parameters(wanted, found):
    """Sentences. `found`: by the name in lower case, what SETTINGS asks for."""
    sentences = []
    for name, value in wanted.items():
        text = str(value)  # JSON's true becomes True, which PostgreSQL takes as well
        if name.lower() not in found:
            sentences.append(f"PostgreSQL does not know {name}")
            continue
        vartype, unit, actual, shown, source, file = found[name.lower()]
        computed = source == "override" and text in ("-1", "0")
        if source in OF_THE_SESSION or computed or in_force(name, text, vartype, unit, actual or ""):
            continue
        by_hand = (
            f" (by ALTER SYSTEM; `ALTER SYSTEM RESET {name}` on this node takes that back)"
            if (file or "").endswith("/postgresql.auto.conf")
            else ""
        )
        sentences.append(f"{name} is {shown}, not {text}{by_hand}")
    return sentences


SETTINGS = """SELECT json_build_object(
    'errors', (SELECT coalesce(json_agg(format('%s: %s', name, error)), '[]') FROM pg_file_settings WHERE error IS NOT NULL),
    'settings', (SELECT json_object_agg(lower(name), json_build_array(vartype, unit, reset_val, current_setting(name, true), source, sourcefile))
        FROM pg_settings WHERE lower(name) = ANY (string_to_array({names}, ','))))"""


def differing_keys(different):
    """The names of what differs, of a difference between configurations of Patroni's."""
    others = {**different, "postgresql": {**different.get("postgresql", {})}}
    parameters = others["postgresql"].pop("parameters", {})
    return [*parameters, *(key for key, value in others.items() if value != {})]


def why_not_in_force(machine, members, wanted):
    """A sentence about the first thing that is not as asked for, None if there is none."""
    reasons = (why_not_of_node(machine, member, wanted) for member in members)
    return why_not_of_patroni(machine, wanted) or next(filter(None, reasons), None)


def why_not_of_patroni(machine, wanted):
    """A sentence about what differs in Patroni's configuration, None if nothing does."""
    try:
        keys = differing_keys(difference(wanted, Patroni(machine).configuration()))
    except OSError as error:
        return f"Patroni's configuration cannot be compared: {error}"
    if keys:
        return f"Patroni's configuration is not the one asked for: {', '.join(keys)} differ. `pulumi up --replace '**-revision'` sends it again"
    return None


def why_not_of_node(machine, member, wanted):
    """A sentence about the values that PostgreSQL on a node has and that were not asked for, None if there are none."""
    parameters = wanted["postgresql"]["parameters"]
    sql = SETTINGS.format(names=literal(",".join(parameters).lower()))
    status, output = Postgresql(machine).as_superuser(member.fqdn, sql)
    if status != 0:
        return f"{member.name}: PostgreSQL does not serve the superuser: {output[-300:]}"
    found = json.loads(output)
    if found["errors"]:
        return f"{member.name}: PostgreSQL's configuration files have errors, and it would not start again: {'; '.join(found['errors'])}"
    wrong = wrong_parameters(parameters, found["settings"])
    return f"{member.name}: {'; '.join(wrong)}" if wrong else None
