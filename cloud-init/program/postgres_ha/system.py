"""Programs of this machine, and services of the cluster over HTTPS."""

import dataclasses
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

ANSWER_SECONDS = 10


def run(arguments, seconds=ANSWER_SECONDS, environment=None, text=None):
    """(status, output): standard output, or standard error of a program that failed. 124 for one that was ended."""
    try:
        result = subprocess.run(
            arguments,
            input=text,
            stdin=None if text is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(environment or {})},
            check=False,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {seconds} s"
    return result.returncode, (result.stdout if result.returncode == 0 else result.stderr).strip()


def is_active(unit):
    return run(["systemctl", "is-active", "--quiet", unit])[0] == 0


def is_booting():
    return run(["systemctl", "is-system-running"])[1] in ("initializing", "starting")


def journal(unit, lines, *options):
    return run(["journalctl", "--no-pager", f"--unit={unit}", f"--lines={lines}", *options])[1]


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    # JSON, or the text where it is none.
    body: object


def ask(tls, url, body=None, method=None, seconds=ANSWER_SECONDS):
    """What a service answers, whatever its status says. Raises OSError if it does not answer, of the kind
    ConnectionError if it is not there or the connection broke. A machine that has no certificate yet asks without one."""
    context = ssl.create_default_context(cafile=tls.ca)
    if os.path.exists(tls.key):
        context.load_cert_chain(tls.certificate, tls.key)
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )
    try:
        response = urllib.request.urlopen(request, timeout=seconds, context=context)
    except urllib.error.HTTPError as refusal:
        response = refusal
    except urllib.error.URLError as error:
        broken = isinstance(error.reason, (ConnectionError, ssl.SSLEOFError))
        kind = ConnectionError if broken else OSError
        raise kind(str(error.reason)) from error
    with response:
        text = response.read().decode(errors="replace")
        try:
            content = json.loads(text)
        except ValueError:
            content = text
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)
