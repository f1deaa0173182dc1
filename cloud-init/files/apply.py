#!/usr/bin/python3
"""Makes this machine's files what the bundle on standard input describes.

Standard input is one JSON object: {"files": [{"path", "content", "owner", "mode", "onChange"}]}. Each file that differs is
replaced by a rename. Then the onChange commands of the replaced files run, each once, in the order of the list. Files that
are right are not touched, so a second run changes nothing.

Commands are recorded before the first file is replaced, and the record goes only when all have succeeded. The next run
completes a run that was killed.

One of the files, DESCRIBED, lists the paths and units of the bundle. Before the first file is replaced its entries join
WRITTEN, the list of all that the project ever put on this machine. DESCRIBED has `apply --remove` as its command, so that
an older apply, which knows nothing of removal, runs it as well.

Contents are never printed. Options: --root DIR puts DIR before all paths (for tests); --remove removes what WRITTEN has and
DESCRIBED has not; --check prints what is not as DESCRIBED says, a line each, and changes nothing. Both read no bundle.
"""

import argparse
import grp
import hashlib
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time

PENDING = "var/lib/postgres-ha/pending-actions.json"
DESCRIBED = "var/lib/postgres-ha/described.json"
WRITTEN = "var/lib/postgres-ha/written.json"
# What the image had in a file's place, saved by cloud-init before it wrote the project's own.
IMAGE = "var/lib/postgres-ha/image"
# What apply has for all of it: whoever starts it says so, in seconds. etcd's members restart one after another in it.
BUDGET = "REMAINING_SECONDS"
DEFAULT_SECONDS = 1800
# A command gets this much less than what is left, so that it can say why it failed.
MARGIN_SECONDS = 20
# What earlier versions wrote without recording it, by the SHA-256 of the content: another content is another author's.
EARLIER_FILES = {
    "/etc/dnf/automatic.conf": "2c1da077f81bc103252e4dd9bdd043a66ff50397a13ebefded8173a09b714e49",
}
# What belongs to such a file.
EARLIER_UNITS = {"/etc/dnf/automatic.conf": "dnf-automatic.timer"}
UNIT_DIRECTORY = "/etc/systemd/system"


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


def read_json(path, default):
    try:
        with open(path, encoding="utf-8") as source:
            return json.load(source)
    except FileNotFoundError:
        return default


def write_json(path, value):
    if read_json(path, None) != value:
        replace(path, json.dumps(value).encode(), 0o600, None)


def below(root, path):
    return os.path.join(root, path.lstrip("/"))


def written_by_earlier_versions(root):
    files, units = {}, []
    for path, digest in EARLIER_FILES.items():
        try:
            with open(below(root, path), "rb") as source:
                if hashlib.sha256(source.read()).hexdigest() != digest:
                    continue
        except FileNotFoundError:
            continue
        files[path] = []
        units.append(EARLIER_UNITS[path])
    return {"files": files, "units": units}


def remember(root, described):
    """Adds what is described to what was written. Returns the sum."""
    path = os.path.join(root, WRITTEN)
    written = read_json(path, None) or written_by_earlier_versions(root)
    units = written["units"] + [unit for unit in described["units"] if unit not in written["units"]]
    written = {"files": {**written["files"], **described["files"]}, "units": units}
    write_json(path, written)
    return written


def run(command, seconds):
    print(f"running {command}", flush=True)
    subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        check=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        env={**os.environ, BUDGET: str(max(1, int(seconds - MARGIN_SECONDS)))},
    )


def stop(unit):
    """Stops and disables a unit. It may be gone already, because an earlier run was killed."""
    subprocess.run(["systemctl", "disable", "--quiet", "--now", unit], check=False, stderr=subprocess.DEVNULL)
    if subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0:
        sys.exit(f"apply: {unit} is no longer described, and does not stop")
    print(f"stopped {unit}")


def take_away(root, path):
    """Removes a file, or puts the image's own back. Returns whether that could be done."""
    target, original = below(root, path), os.path.join(root, IMAGE, path.lstrip("/"))
    if os.path.isfile(original):
        with open(original, "rb") as source:
            content, mode = source.read(), os.stat(original).st_mode & 0o7777
        if not is_current(target, content, mode, None):
            replace(target, content, mode, None)
            print(f"restored {path}")
    elif path.startswith("/etc/yum.repos.d/almalinux-"):
        # Without the distribution's repositories the machine would get no updates at all.
        print(f"WARNING: {path} stays, because this machine has no copy of the image's own file")
        return False
    elif os.path.isfile(target) or os.path.islink(target):
        os.unlink(target)
        print(f"removed {path}")
    return True


def remove(root, deadline):
    """Removes what was written and is no longer described: first its units are stopped, then its files go, then the commands
    of these files run, as after any other change of them. WRITTEN forgets it last, so that a run that is killed repeats."""
    described = read_json(os.path.join(root, DESCRIBED), None)
    if described is None:
        return
    written = remember(root, described)
    gone = {path: commands for path, commands in written["files"].items() if path not in described["files"]}
    own_units = [os.path.basename(path) for path in gone if os.path.dirname(path) == UNIT_DIRECTORY]
    units = [unit for unit in written["units"] if unit not in described["units"]]
    units += [unit for unit in own_units if unit not in units and unit not in described["units"]]
    # Timers and paths first: they start services.
    for unit in sorted(units, key=lambda unit: not unit.endswith((".timer", ".path"))):
        stop(unit)
    kept = {path: commands for path, commands in gone.items() if not take_away(root, path)}
    due = ["systemctl daemon-reload"] if own_units else []
    for path, commands in gone.items():
        if path not in kept:
            # A script does not run after it was removed.
            due += [command for command in commands if command.split()[0] not in gone and command not in due]
    for command in due:
        run(command, deadline - time.monotonic())
    write_json(os.path.join(root, WRITTEN), {"files": {**described["files"], **kept}, "units": described["units"]})


def state_of_units(units):
    """(whether it runs, whether it is started at boot) of each, in systemd's words."""
    answer = subprocess.run(
        ["systemctl", "show", "--property=ActiveState,UnitFileState", *units],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
    ).stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in answer.strip().split("\n\n")]
    return {unit: (block["ActiveState"], block["UnitFileState"]) for unit, block in zip(units, blocks)}


def difference(path, wanted, keep_owner):
    """A sentence about a file, None where it is as described."""
    try:
        status = os.stat(path)
        with open(path, "rb") as source:
            digest = hashlib.sha256(source.read()).hexdigest()
    except FileNotFoundError:
        return "was removed"
    if digest != wanted["sha256"]:
        return "was changed"
    if status.st_mode & 0o7777 != int(wanted["mode"], 8):
        return f"has the mode {status.st_mode & 0o7777:04o}, not {wanted['mode']}"
    if not keep_owner and (status.st_uid, status.st_gid) != owner_ids(wanted["owner"]):
        return f"does not belong to {wanted['owner']}"
    return None


def differences(root, keep_owner):
    described = read_json(os.path.join(root, DESCRIBED), {})
    if "contents" not in described:
        yield "nothing here says what this machine should have: `pulumi up` sends it"
        return
    if os.path.exists(os.path.join(root, PENDING)):
        yield "the last change of the configuration was not completed"
    for path, wanted in described["contents"].items():
        found = difference(below(root, path), wanted, keep_owner)
        if found is not None:
            yield f"{path} {found}"
    for unit, (active, at_boot) in state_of_units(described["units"]).items():
        if active != "active":
            yield f"{unit} is {active}"
        if at_boot == "masked" or (at_boot == "disabled" and unit in described["enabled"]):
            yield f"{unit} is {at_boot}"


def main():
    # A little less, so that it can say what took so long before it is ended.
    deadline = time.monotonic() + float(os.environ.get(BUDGET, DEFAULT_SECONDS)) - MARGIN_SECONDS
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="/")
    parser.add_argument("--remove", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    # Only root can give files away; tests run as any user below a root of their own.
    keep_owner = options.root != "/"
    if options.check:
        for line in differences(options.root, keep_owner):
            print(line)
        return
    if options.remove:
        remove(options.root, deadline)
        return

    files = json.load(sys.stdin)["files"]
    for entry in files:
        if entry["path"] == f"/{DESCRIBED}":
            remember(options.root, json.loads(entry["content"]))
    due = []
    for entry in files:
        path = below(options.root, entry["path"])
        ids = None if keep_owner else owner_ids(entry["owner"])
        content, mode = entry["content"].encode(), int(entry["mode"], 8)
        if not is_current(path, content, mode, ids):
            due.append((path, content, mode, ids, entry.get("onChange", [])))

    pending_path = os.path.join(options.root, PENDING)
    commands = read_json(pending_path, [])
    for *_, on_change in due:
        commands += [command for command in on_change if command not in commands]
    if commands:
        replace(pending_path, json.dumps(commands).encode(), 0o600, None)

    for path, content, mode, ids, _ in due:
        replace(path, content, mode, ids)
        print(f"changed {path}")
    for command in commands:
        run(command, deadline - time.monotonic())
    if commands:
        os.unlink(pending_path)
    print(f"{len(due)} of {len(files)} files changed")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"apply: a command failed with status {error.returncode}: {error.cmd[-1]}")
    except subprocess.TimeoutExpired as error:
        sys.exit(f"apply: a command took more than {int(error.timeout)} s: {error.cmd[-1]}")
