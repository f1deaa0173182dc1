#!/usr/bin/python3
"""Brings this machine's files to the state described on standard input.

Standard input is one JSON object: {"files": [{"path", "content", "owner", "mode", "onChange"}]}.
Every file that differs is replaced atomically; then the onChange commands of the replaced
files run, each once, in the order of the list. Files that are already right cost nothing,
so the script may run as often as anybody likes.

Commands that are due are recorded before the first file is replaced and forgotten only when
they have succeeded: a run that dies half-way is completed by the next one.

Nothing of the contents is ever printed. Options: --root DIR (a prefix for all paths, for tests).
"""

import argparse
import grp
import json
import os
import pwd
import subprocess
import sys
import tempfile

PENDING = "var/lib/postgres-ha/pending-actions.json"
# Below the limit of configure; etcd's members restart one after another in it.
COMMAND_TIMEOUT_SECONDS = 1700


def owner_ids(owner):
    user, group = owner.split(":")
    return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid


def is_current(path, content, mode, ids):
    try:
        status = os.stat(path)
        with open(path, "rb") as existing:
            same_content = existing.read() == content
    except FileNotFoundError:
        return False
    return same_content and status.st_mode & 0o7777 == mode and (ids is None or (status.st_uid, status.st_gid) == ids)


def replace(path, content, mode, ids):
    """Writes beside the target and renames, so that a reader sees the old file or the new one."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".apply-")
    try:
        os.fchmod(handle, 0o600)
        if ids is not None:
            os.fchown(handle, *ids)
        os.fchmod(handle, mode)
        with os.fdopen(handle, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if os.path.exists("/usr/sbin/restorecon"):
        subprocess.run(
            ["/usr/sbin/restorecon", "-F", path], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def read_pending(path):
    try:
        with open(path, encoding="utf-8") as source:
            return json.load(source)
    except FileNotFoundError:
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="/")
    options = parser.parse_args()
    # Only root can give files away; tests run as anybody below a root of their own.
    keep_owner = options.root != "/"

    files = json.load(sys.stdin)["files"]
    due = []
    for entry in files:
        path = os.path.join(options.root, entry["path"].lstrip("/"))
        ids = None if keep_owner else owner_ids(entry["owner"])
        content, mode = entry["content"].encode(), int(entry["mode"], 8)
        if not is_current(path, content, mode, ids):
            due.append((path, content, mode, ids, entry.get("onChange", [])))

    pending_path = os.path.join(options.root, PENDING)
    commands = read_pending(pending_path)
    for *_, on_change in due:
        commands += [command for command in on_change if command not in commands]
    if commands:
        replace(pending_path, json.dumps(commands).encode(), 0o600, None)

    for path, content, mode, ids, _ in due:
        replace(path, content, mode, ids)
        print(f"changed {path}")
    for command in commands:
        print(f"running {command}", flush=True)
        subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", command],
            check=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    if commands:
        os.unlink(pending_path)
    print(f"{len(due)} of {len(files)} files changed")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"apply: a command failed with status {error.returncode}: {error.cmd[-1]}")
    except subprocess.TimeoutExpired as error:
        sys.exit(f"apply: a command took more than {COMMAND_TIMEOUT_SECONDS} s: {error.cmd[-1]}")
