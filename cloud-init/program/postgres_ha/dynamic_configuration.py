"""Makes Patroni's dynamic configuration what is asked for, and restarts PostgreSQL where a parameter needs it.

First this node's PostgreSQL tries the parameters; what it refuses changes nothing anywhere. Every node runs this; the
first one changes Patroni's configuration, the others find nothing to do. Then, if this node's PostgreSQL waits for a
restart, it is restarted in its turn: replicas first, then the leader, which hands over to a synchronous standby before.
Where a parameter that standbys must not have lower than their leader goes down, the leader is the first, and restarts in
place. A value with which PostgreSQL does not start costs one node; with the value put back, Patroni starts that one again
by itself. Does nothing where Patroni does not run yet: its first start reads the same values from its bootstrap section.
Nor where PostgreSQL's data is still being copied: nothing can be tried there, and PostgreSQL will start with the new values.
"""

import json
import os
import shutil
import tempfile
import time

from .absence import is_still_here
from .configuration import difference, wanted_configuration
from .deadline import Deadline, Patience
from .disruption import FAILED_SECONDS, Refused, one_after_another, others_first
from .health import START_FAILED
from .parameters import why_not_in_force
from .patroni import Patroni, leads
from .postgresql import Postgresql, last_complaints
from .restart import RestartOfPostgresql
from .system import is_active, is_booting, run

# Five slow nodes may restart one after another. For a person who starts the program by hand; configure.sh hands down its own.
DEFAULT_SECONDS = 1650
TRY_SECONDS = 30
# Without a restart of any node: a node that is not configured in this run must not block the leader for ever.
TURN_SECONDS = 480
# From when a machine answers SSH until Patroni runs.
BOOT_SECONDS = 300
# After the configuration was put back Patroni starts PostgreSQL within a round.
START_SECONDS = 90
# PostgreSQL's manual, 26.4.6 Administrator's Overview: a standby does not start with less than its primary. By the
# name of the parameter, what pg_controldata calls the primary's.
NOT_LOWER_THAN_LEADER = {
    "max_connections": "max_connections setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_worker_processes": "max_worker_processes setting",
}


def configuration_file(parameters):
    """postgresql.conf for the trial. What each session loads, and a reload would bring in, is loaded at once."""
    tried = dict(parameters)
    libraries = [
        str(tried[name]) for name in ("shared_preload_libraries", "session_preload_libraries") if tried.get(name)
    ]
    tried["shared_preload_libraries"] = ",".join(libraries)
    quoted = {name: str(value).replace("\\", "\\\\").replace("'", "''") for name, value in tried.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def try_parameters(machine, parameters):
    """Has PostgreSQL on this node read the values, load the libraries and compute its shared memory, beside the running
    server: `postgres -C` of what it computes at run time goes through all that, and starts nothing. Raises Refused with
    PostgreSQL's own words."""
    data, account = machine.postgresql.data_directory, machine.postgresql.account
    scratch = tempfile.mkdtemp(prefix="postgres-ha-trial-")
    try:
        os.mkdir(f"{scratch}/global")
        for name in ("PG_VERSION", "global/pg_control"):
            shutil.copy(f"{data}/{name}", f"{scratch}/{name}")
        for name, text in {"postgresql.conf": configuration_file(parameters), "postgresql.auto.conf": ""}.items():
            with open(f"{scratch}/{name}", "w", encoding="utf-8") as target:
                target.write(text)
        run(["chown", "-R", f"{account}:", scratch], TRY_SECONDS)
        compute = ["-C", "shared_memory_size", "-D", scratch, "-c", "log_line_prefix="]
        command = ["runuser", "-u", account, "--", Postgresql(machine).server(), *compute]
        status, output = run(command, TRY_SECONDS)
    finally:
        shutil.rmtree(scratch)
    if status != 0:
        words = [line for line in output.splitlines() if line.strip() and "contains errors" not in line]
        raise Refused(
            "PostgreSQL does not take the parameters, nothing was changed:\n"
            + "\n".join(words or [f"postgres -C ended with {status}"])
        )


def refuse_lower_wal_level(machine, parameters):
    """PostgreSQL does not start where there is a logical slot and wal_level is too low for it."""
    postgresql = Postgresql(machine)
    if parameters.get("wal_level") == "logical" or postgresql.here("SHOW wal_level") != (0, "logical"):
        return
    sql = "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical' ORDER BY slot_name"
    for member in machine.members:
        status, output = postgresql.as_superuser(member.fqdn, sql)
        if status == 0 and output:
            raise Refused(
                f"{member.name} has logical slots, with which PostgreSQL does not start without wal_level: logical; nothing was changed: {', '.join(output.splitlines())}. Take them off logicalSlots in an `up` of its own, and end their consumers; drop those that were never listed"
            )


def wait_for_start(patroni):
    """Whose PostgreSQL did not start is started by Patroni when the configuration is right again."""
    deadline = Deadline(START_SECONDS)
    if patroni.state().get("state") != START_FAILED:
        return
    while patroni.state().get("state") != "running":
        if deadline.is_over():
            raise Refused(f"PostgreSQL does not start:\n{last_complaints()}")
        time.sleep(1)


def lowered(member):
    """What standbys must not have less of than their leader, and this member has less of after a restart: the new values."""
    reasons = member.get("pending_restart_reason") or {}
    values = {
        name: (int(reason["old_value"]), int(reason["new_value"]))
        for name, reason in reasons.items()
        if name in NOT_LOWER_THAN_LEADER
    }
    return {name: new for name, (old, new) in values.items() if new < old}


def leader_still_has_more(postgresql, own):
    """Whether this standby would start with what it has, because its leader has not been restarted yet. Patroni would keep
    the old values, and leave another restart pending; and it reports the leader's state up to two rounds late. PostgreSQL
    notes its leader's parameters as of the WAL it has replayed."""
    new_values = lowered(own)
    if own["role"] != "replica" or not new_values:
        return False
    noted = postgresql.control_data()
    return any(int(noted[NOT_LOWER_THAN_LEADER[name]]) > new for name, new in new_values.items())


def next_to_restart(members):
    """The names of those whose turn it is, of the members as Patroni's /cluster lists them."""
    pending = [member for member in members if member.get("pending_restart")]
    leading = [member for member in pending if leads(member)]
    following = [member for member in pending if member not in leading]
    first, second = (leading, following) if any(map(lowered, leading)) else (following, leading)
    return [member["name"] for member in first or second]


def restart_in_turn(machine, deadline):
    """@param deadline: of all the waiting"""
    patroni, postgresql = Patroni(machine), Postgresql(machine)
    turn, waiting, patience = deadline, None, Patience(FAILED_SECONDS)
    while True:
        own = patroni.state()
        if not own.get("pending_restart"):
            return
        members = patroni.cluster()["members"]
        failed = sorted(member["name"] for member in members if member.get("state") == START_FAILED)
        if patience.is_over(bool(failed)):
            raise Refused(others_first(f"{', '.join(failed) or 'another node'}: PostgreSQL does not start"))

        pending = [member["name"] for member in members if member.get("pending_restart")]
        if pending != waiting:
            waiting, turn = pending, deadline.within(TURN_SECONDS)
            print(f"waiting for a restart: {', '.join(pending)}", flush=True)
        is_next = machine.name in next_to_restart(members) and not leader_still_has_more(postgresql, own)
        if is_next or turn.is_over():
            in_place = any(member["name"] == machine.name and lowered(member) for member in members)
            one_after_another(machine, RestartOfPostgresql(machine, in_place), deadline)
            return
        time.sleep(1)


def apply(machine, deadline):
    patroni = Patroni(machine)
    own = state_when_it_answers(machine, patroni, deadline.within(BOOT_SECONDS))
    if own is None:
        print("Patroni does not run yet: nothing to change")
        return
    is_still_here(machine)
    if not Postgresql(machine).has_all_data():
        print("PostgreSQL's data is not here yet: it starts with what the other nodes change")
        return
    change(machine, patroni, own)
    restart_in_turn(machine, deadline)


def state_when_it_answers(machine, patroni, deadline):
    """This node's state, None while Patroni does not run. Waits for one that is about to, since the machine just booted."""
    while True:
        try:
            return patroni.state()
        except OSError:
            is_new = not Postgresql(machine).has_data()
            if is_new or not (is_booting() or is_active("patroni.service")) or deadline.is_over():
                return None
            time.sleep(1)


def change(machine, patroni, own):
    wanted = wanted_configuration(machine)
    # Mostly all is as asked for already, since this runs each time the machine is configured.
    if not own.get("pending_restart") and why_not_in_force(machine, [machine.own], wanted) is None:
        return
    try_parameters(machine, wanted["postgresql"]["parameters"])
    refuse_lower_wal_level(machine, wanted["postgresql"]["parameters"])
    # A restart would get as far as the leader, which cannot hand over.
    if patroni.cluster().get("pause"):
        raise Refused("Patroni is paused, nothing was changed: `patronictl resume` on a database node ends that")
    patch = patroni.patch(lambda actual: difference(wanted, actual))
    if patch:
        print(f"changed {json.dumps(patch)}", flush=True)

    # Patroni notices in its next round, within loop_wait; a parameter that needs a restart then sets pending_restart.
    # A node that found the change already made waits as well: it may have been made a moment ago. The round begins now on
    # the node that made it, and by this on the others.
    patroni.begin_round()
    time.sleep(patroni.configuration().get("loop_wait", 10) + 2)
    wait_for_start(patroni)


def main(machine):
    apply(machine, Deadline.inherited(DEFAULT_SECONDS))
