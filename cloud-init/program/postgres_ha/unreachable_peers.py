"""Has the kernel refuse Patroni's questions to nodes that no longer answer.

Before a replica becomes leader it asks every node that the failsafe key names, the lost one among them, and waits 2 s for
it (Patroni 4, fetch_node_status): writes would wait with it. A node counts as lost when its kernel has neither
accepted nor refused a connection for three seconds, which is what Patroni would find out as well, later. An entry lives
for 5 s unless it is renewed: should this program end, Patroni asks again. Runs for as long as its service does.
"""

import os
import socket
import subprocess
import sys
import threading
import time

INTERVAL_SECONDS = 1
ANSWER_SECONDS = 1
LOST_AFTER_SECONDS = 3
ENTRY_SECONDS = 5
COMMAND_SECONDS = 5


def table(refused_port):
    return f"""
table inet unreachable_peers
delete table inet unreachable_peers
table inet unreachable_peers {{
    set addresses {{
        type ipv4_addr
        flags timeout
    }}
    chain output {{
        type filter hook output priority filter
        ip daddr @addresses tcp dport {refused_port} reject with tcp reset
    }}
}}
"""


def nft(commands):
    """Runs them as one transaction. Whether it succeeded."""
    return (
        subprocess.run(["nft", "-f", "-"], input=commands, text=True, timeout=COMMAND_SECONDS, check=False).returncode
        == 0
    )


def set_refused(address, refused, refused_port):
    # Adding what is there renews nothing, and deleting what is not there fails.
    element = "element inet unreachable_peers addresses {"
    commands = f"add {element} {address} }}\ndelete {element} {address} }}\n"
    if refused:
        commands += f"add {element} {address} timeout {ENTRY_SECONDS}s }}\n"
    # A reload of the machine's firewall removes this table.
    if not nft(commands) and not nft(table(refused_port) + commands):
        raise RuntimeError("the kernel does not take the table")


def answers(address, port):
    """Silence and "no route to host" are no answers: the second comes from this machine or from a router."""
    try:
        socket.create_connection((address, port), ANSWER_SECONDS).close()
        return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def watch(address, ports):
    answered = time.monotonic()
    lost = False
    while True:
        began = time.monotonic()
        # PostgreSQL's: every node may reach it, and an empty connection leaves no line in its log.
        if answers(address, ports.postgresql):
            answered = time.monotonic()
            if lost:
                print(f"{address} answers again", flush=True)
                set_refused(address, False, ports.patroni)
            lost = False
        elif time.monotonic() - answered >= LOST_AFTER_SECONDS:
            if not lost:
                print(f"{address} does not answer: connections to its Patroni are refused here", flush=True)
            lost = True
            set_refused(address, True, ports.patroni)
        time.sleep(max(0.0, began + INTERVAL_SECONDS - time.monotonic()))


def watch_or_end(address, ports):
    try:
        watch(address, ports)
    except BaseException as error:
        print(f"{address}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def main(machine):
    if not nft(table(machine.ports.patroni)):
        sys.exit("the kernel does not take the table")
    threads = [threading.Thread(target=watch_or_end, args=[other.address, machine.ports]) for other in machine.others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
