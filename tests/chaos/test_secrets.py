"""Only its adapter sees a secret of the configuration."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys

import pytest

from sampler import ConfigurationError
from sampler.agent.config.reading import parse, read
from sampler_prometheus import Prometheus, Pushgateway
from tests.adapters.shapes import gauge, snapshot
from tests.chaos import leaky
from tests.support.command import environment, sampler
from tests.support.ports import free_port

CANARY = "canary-51c0ffee'\\"
"""With characters that a repr writes otherwise."""
FORMS = (
    CANARY,
    repr(CANARY)[1:-1],
    "51c0ffee",
    base64.b64encode(f"me:{CANARY}".encode()).decode(),
)
HOWS = ("value", "made", "encode", "send", "unavailable", "rejected")

pytestmark = pytest.mark.scenario(39)


def silent(text):
    """Insist that a text has the secret in no form."""
    assert not [form for form in FORMS if form in text], text


def written(folder, adapters, given="'''" + CANARY + "'''"):
    """Write a configuration that only its owner can read; ``SECRET`` stands for what is given."""
    file = folder / "sampler.toml"
    file.touch(0o600)
    file.write_text("interval = 0.1\nflush_timeout = 1\n" + adapters.replace("SECRET", given))
    return file


GOOD = """
[adapters.pushgateway]
url = "http://127.0.0.1:%d"
username = "me"
password = SECRET

[adapters.prometheus]
listen = "127.0.0.1:0"
username = "me"
password = SECRET
"""


def test_no_command_shows_it(tmp_path):
    """However it is given: as it is, by a variable, or in a file."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(f"{CANARY}\n")
    said = ""
    for given, *command in (
        (f"'''{CANARY}'''", "check", "-v"),
        ('"${CANARY}"', "run", "--once", "-v"),
        (f'"file:{secret}"', "run", "--once", "-v", "--log-format", "json"),
        (f'"file:{secret}"', "explain", "password"),
        (f'"file:{secret}"', "config", "sample"),
    ):
        written(tmp_path, GOOD % free_port(), given)
        done = sampler(*command, cwd=tmp_path, CANARY=CANARY)
        assert done.returncode in (0, 69), done.stderr
        said += done.stdout + done.stderr
    assert said.count("does not answer") == 3
    silent(said)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_running_agent_shows_it_neither(tmp_path, form):
    """In what it logs while an endpoint is away, at a reload, and at its end."""
    file = written(tmp_path, GOOD % free_port())
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", "run", "-v", "--log-format", form],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        while "retrying" not in said:
            said += process.stdout.readline()
        file.write_text(file.read_text().replace("me", "you"))
        process.send_signal(signal.SIGHUP)
        while "reloaded" not in said:
            said += process.stdout.readline()
        process.terminate()
        said += process.communicate(timeout=20)[0]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "(secret)" in said, "it says that there is one"
    silent(said)


@pytest.mark.parametrize("how", HOWS)
def test_an_adapter_that_quotes_it_is_masked(tmp_path, how):
    """In its errors, their tracebacks and causes, and its own lines of log."""
    path = os.pathsep.join([leaky.install(tmp_path), *os.environ.get("PYTHONPATH", "").split()])
    written(tmp_path, f"[adapters.leaky]\nhow = '{how}'\npassword = SECRET\n")
    said = ""
    for command in (["check"], ["run", "--once", "--log-format", "json"]):
        done = sampler(*command, cwd=tmp_path, PYTHONPATH=path)
        said += done.stdout + done.stderr
    assert "(secret)" in said
    assert "leaky" in said
    silent(said)


def test_a_page_that_quotes_it_is_masked(tmp_path):
    """Where it cannot be opened."""
    path = os.pathsep.join([leaky.install(tmp_path), *os.environ.get("PYTHONPATH", "").split()])
    written(tmp_path, "[adapters.leaky_page]\npassword = SECRET\n")
    for command in ("check", "run"):
        done = sampler(command, cwd=tmp_path, PYTHONPATH=path)
        assert done.returncode == 78
        assert "cannot be opened: RuntimeError: cannot open with (secret)" in done.stderr
        silent(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "table",
    [
        {"adapters": {"pushgateway": {"password": [CANARY]}}},
        {"adapters": {"pushgateway": {"password": {"it": CANARY}}}},
        {"adapters": {"pushgateway": {"password": CANARY}}},
        {"adapters": {"pushgateway": {"username": 3, "password": CANARY}}},
        {
            "adapters": {
                "pushgateway": {"username": "a", "password": CANARY, "job": f"{{{CANARY}}}"}
            }
        },
        {"adapters": {"pushgateway": {"passwort": CANARY}}},
        {"adapters": {"pushgateway": {"url": f"http://me:{CANARY}@host"}}},
        {"adapters": {"pushgateway": {"url": f"http://me:{CANARY}@host:99999"}}},
        {"adapters": {"pushgateway": {"url": f"http://me:{CANARY}@[host"}}},
        {"adapters": {"pushgateway": {"url": f"me:{CANARY}@host"}}},
        {"adapters": {"prometheus": {"listen": "x", "username": "a", "password": CANARY}}},
        {"adapters": {"prometheus": {"username": "a:b", "password": CANARY}}},
        {"adapters": {"prometheus": {"password": f"file:{CANARY}", "port": 1}}},
        {"adapters": {"password": CANARY}},
        {"adapters": CANARY},
        {"samplers": CANARY},
    ],
)
def test_problems_do_not_quote_it(table):
    """Nor a value of a wrong kind in its place."""
    with pytest.raises(ConfigurationError) as caught:
        parse(table)
    if "file:" not in str(table):  # the name of a file is no secret
        silent(f"{caught.value} {caught.value!r} {caught.value.problems}")
    assert caught.value.__cause__ is None


def test_a_file_that_is_no_toml_is_not_quoted(tmp_path):
    """The place is enough."""
    for text in (
        f"password = {CANARY}",
        f"[{CANARY}",
        f"password = '{CANARY}",
        f"a={CANARY!r}\xff",
    ):
        file = tmp_path / "sampler.toml"
        file.write_text(text, encoding="latin-1")
        with pytest.raises(ConfigurationError) as caught:
            read(file)
        silent(str(caught.value))


def test_no_repr_and_no_batch_has_it():
    """Of settings, adapters, adapters, and of what may wait on a disk."""
    keys = {"username": "me", "password": CANARY}
    settings = parse({"adapters": {"pushgateway": keys, "prometheus": keys}})
    push = Pushgateway(**keys, gzip=False)
    batches = list(push.encode(snapshot((gauge("a.b"), 1)), {}))
    for each in (settings, *settings.adapters, push, Prometheus(**keys), batches):
        silent(f"{each!r} {each!s}")
        for adapter in settings.adapters:
            silent(f"{adapter.adapter!r}")
