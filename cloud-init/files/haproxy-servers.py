#!/usr/bin/python3
"""What HAProxy knows of its servers, across its reloads.

haproxy-servers remember          before a reload: writes STATE, by which the new process takes every server as the present
                                  one does, and serves at once. If that does not answer, every server is down.
haproxy-servers watch SECONDS     after reloads: closes sessions of the processes from before. These check no server any
                                  more, so the sessions would outlive a server that is gone, or stay with a former leader.

SERVERS has a line for each server of haproxy.cfg, in the format of "show servers state", and says that all are down. It
becomes STATE when HAProxy starts. For a reload STATE is that file with other states. So an address or a server that a reload
changes is never overwritten by an old one.
"""

import csv
import os
import re
import socket
import sys
import tempfile
import time

SERVERS = "/etc/postgres-ha/haproxy-servers"
STATE = "/var/lib/haproxy/servers"
SOCKET = "/run/haproxy.sock"
# Of the process that starts the others. It leads to each of them, those from before a reload included.
MASTER_SOCKET = "/run/haproxy.sock.master"
ANSWER_SECONDS = 5
# A HAProxy that is silent for so long is worth a line in the journal.
PATIENCE_SECONDS = 10
# A line of "show sess": what it is called, and whom it leads to.
SESSION = re.compile(r"^(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) ", re.MULTILINE)

# HAProxy's manual, "show servers state": the columns of SERVERS, and what a state is called there.
BACKEND, SERVER, OPERATIONAL_STATE = 1, 3, 5
RUNNING, STOPPING = "2", "3"


def ask(path, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            part = connection.recv(65536)
            if not part:
                return answer.decode(errors="replace")
            answer += part


def servers(path, process=""):
    """The statistics of a process's servers by backend and name. Raises ValueError if it does not give any."""
    answer = ask(path, f"{process}show stat -1 4 -1").strip()
    if not answer.startswith("# pxname,"):
        raise ValueError(f"HAProxy answers: {answer[:100]}")
    rows = csv.DictReader(answer[2:].splitlines())
    return {(row["pxname"], row["svname"]): row for row in rows}


def write_state(states):
    with open(SERVERS, encoding="utf-8") as source:
        lines = [line.split(" ") for line in source.read().splitlines()]
    for fields in lines:
        if len(fields) > OPERATIONAL_STATE and fields[0] != "#":
            key = fields[BACKEND], fields[SERVER]
            fields[OPERATIONAL_STATE] = states.get(key, fields[OPERATIONAL_STATE])
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(STATE), prefix=".servers-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            output.writelines(" ".join(fields) + "\n" for fields in lines)
        os.chmod(temporary, 0o644)
        os.rename(temporary, STATE)
    except BaseException:
        os.unlink(temporary)
        raise


def remember():
    try:
        running = servers(SOCKET)
    except (OSError, ValueError) as error:
        print(f"every server is down until it is checked, because HAProxy does not say what it knows: {error}")
        running = {}
    states = {}
    for key, row in running.items():
        if row["status"].startswith(("UP", "DRAIN")):
            states[key] = RUNNING
        elif row["status"].startswith("NOLB"):
            states[key] = STOPPING
    write_state(states)


def is_gone(row):
    """Whether sessions of a server end, by what the present process says of it: it has no such server, or found it down.
    A server that is down only because it has not been checked yet keeps its sessions."""
    if row is None or row["status"].startswith("MAINT"):
        return True
    return row["status"].startswith("DOWN") and row["check_status"].lstrip("* ") not in ("", "UNK", "INI")


def old_processes():
    """Ids of the processes from before a reload that still have sessions."""
    part = re.search(r"^# old workers\n((?:\d.*\n)*)", ask(MASTER_SOCKET, "show proc"), re.MULTILINE)
    return re.findall(r"^\d+", part[1], re.MULTILINE) if part else []


def close_sessions():
    processes = old_processes()
    present = servers(MASTER_SOCKET, "@1 ") if processes else {}
    for process in processes:
        used = [key for key, row in servers(MASTER_SOCKET, f"@!{process} ").items() if row["scur"] != "0"]
        gone = [key for key in used if is_gone(present.get(key))]
        if gone:
            # One by one: such a process refuses "shutdown sessions server", because it has stopped its backends.
            found = SESSION.findall(ask(MASTER_SOCKET, f"@!{process} show sess"))
            ended = [session for session, backend, server in found if (backend, server) in gone]
            ask(MASTER_SOCKET, "\n".join(f"@!{process} shutdown session {session}" for session in ended))
            names = ", ".join("/".join(key) for key in gone)
            print(f"closed {len(ended)} sessions from before a reload with {names}", flush=True)


def watch(seconds):
    answered, reported = time.monotonic(), False
    while True:
        try:
            close_sessions()
            answered, reported = time.monotonic(), False
        except (OSError, ValueError) as error:
            # As in every reload, for a moment.
            if not reported and time.monotonic() - answered > PATIENCE_SECONDS:
                reported = True
                print(f"sessions from before a reload stay open, because HAProxy does not answer: {error}", flush=True)
        time.sleep(seconds)


if __name__ == "__main__":
    if sys.argv[1] == "remember":
        remember()
    elif sys.argv[1] == "watch":
        watch(float(sys.argv[2]))
    else:
        sys.exit(f"haproxy-servers: no command {sys.argv[1]}")
