"""No block on a page escapes: each language is judged by a program that reads it.

``JUDGED`` says by which test, for every language; what is only shown is listed by page, with what
compares it. A block without a language, or fenced in another way, is found here.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sampler.advise import read_recording, recording_head
from tests.deploy.tools import DEPLOY, program
from tests.examples.pages import PAGES, ROOT, blocks
from tests.examples.test_blocks import check, named, of
from tests.examples.test_walks import WALKED
from tests.support.command import environment, sampler
from tests.support.ports import HOST
from tests.support.servers import Carbon, StatsD
from tests.support.waiting import wait_for

JUDGED = {
    "python": "test_blocks.py: it runs",
    "console": "test_blocks.py: each command is ours, or run; test_walks.py compares",
    "toml": "test_blocks.py: the agent reads it",
    "yaml": "test_promtool_takes_the_configurations_of_prometheus",
    "ini": "test_carbon_takes_its_patterns, or the table FILES",
    "nginx": "test_nginx_takes_its_lines",
    "apache": "test_apache_takes_its_lines",
    "haproxy": "test_haproxy_takes_its_lines",
    "sh": "test_bash_reads_its_lines, and the table SHELL",
    "json": "test_a_line_of_a_recording_is_read",
    "text": "the table SHOWN",
}
"""For every language of a block, what reads it."""
SHOWN = {
    "README.md": "test_pages.py, test_the_ten_lines_of_the_readme_print_what_it_says",
    "docs/bridges.md": "tests/bridges/test_page.py, test_a_snippet_prints_what_the_page_says",
    "docs/top.md": "test_usage_lines_name_options_that_there_are",
    "docs/alerts.md": "test_promtool_takes_the_expressions",
    "docs/jobs.md": "test_promtool_takes_the_expressions",
    "docs/applications/jobs.md": "test_promtool_takes_the_expressions",
    "docs/applications/index.md": "tests/agent/test_first_line.py, the agent runs with",
    "docs/architecture.md": "test_architecture.py, test_every_file_that_the_page_names_is_there",
    "docs/index.md": "a drawing",
}
"""Pages with text that is no code, and what compares it."""
FILES = {
    "docs/newrelic.md": "tests/adapters/test_newrelic.py",
    "docs/applications/uwsgi.md": "tests/examples/test_walks.py",
}
"""Pages with blocks of ini that are not carbon's, and the test that uses them."""
SHELL = {
    "sampler": "ours: test_bash_reads_its_lines",
    "echo": "test_statsd_answers_on_its_management_port_as_the_page_says",
    "python": "test_statsd_answers_on_its_management_port_as_the_page_says",
    "whisper-fetch": "test_whisper_fetch_prints_what_carbon_has_stored",
}
"""First words of lines of sh, and what runs them."""
DIRECTIVES = {"{glossary}", "{include}", "{toctree}"}
"""Fences that hold no code."""
_MODULES = Path("/usr/lib/apache2/modules")


def texts(language: str) -> list[object]:
    """Return the blocks of a language on all pages, as parameters."""
    return [
        pytest.param(text, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, (each, text) in enumerate(blocks(page))
        if each == language
    ]


def accepted(*words: object, folder: Path) -> None:
    """Run a program that judges a file."""
    done = subprocess.run(
        list(map(str, words)), cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_has_a_language_and_something_that_reads_it(page: Path) -> None:
    """However it is fenced, and wherever it stands in a list."""
    fences = re.findall(r"^[ >*-]*(`{3,}|~{3,}|:{3,})(.*)$", page.read_text("utf-8"), re.MULTILINE)
    opened, inside = [], ""
    for fence, word in fences:
        if not inside:
            opened.append(word.split()[0] if word.strip() else "")
            inside = fence
        elif fence == inside and not word:
            inside = ""
    assert inside == ""
    shown = [word for word in opened if word not in DIRECTIVES]
    assert shown == [language for language, _ in blocks(page)]
    assert set(shown) <= set(JUDGED)
    assert ("text" in shown) <= (named(page) in SHOWN)


def test_what_the_tables_name_is_there() -> None:
    """Languages, pages and tests."""
    pages = {named(page): {language for language, _ in blocks(page)} for page in PAGES}
    assert set(JUDGED) == set().union(*pages.values())
    for language, table in (("text", SHOWN), ("ini", FILES)):
        assert [page for page in table if language not in pages[page]] == []
    here = Path(__file__).read_text("utf-8")
    for said in (*JUDGED.values(), *SHOWN.values(), *SHELL.values()):
        for name in re.findall(r"\btest_\w+(?!\w|\.py)", said):
            file = re.search(r"[\w/]+\.py", said)
            where = here if file is None else _source(file[0])
            assert name in where, name
    for page, file in FILES.items():
        ini = [text for language, text in blocks(ROOT / page) if language == "ini"]
        assert page in WALKED or all(text in _source(file) for text in ini)


def _source(file: str) -> str:
    return (ROOT / (file if "/" in file else f"tests/examples/{file}")).read_text("utf-8")


@pytest.mark.parametrize("text", texts("yaml"))
def test_promtool_takes_the_configurations_of_prometheus(text, request, tmp_path) -> None:
    """With the ready rules, a certificate and a password beside them."""
    assert text.startswith("# prometheus.yml\n")
    shutil.copy(DEPLOY / "prometheus/sampler.rules.yml", tmp_path)
    for name in ("cert.pem", "password"):
        (tmp_path / name).touch()
    (tmp_path / "prometheus.yml").write_text(text)
    accepted(program(request, "promtool"), "check", "config", "prometheus.yml", folder=tmp_path)


EXPRESSIONS = [
    each
    for each in texts("text")
    if SHOWN[str(each.id).rpartition("-")[0]] == "test_promtool_takes_the_expressions"  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_promtool_takes_the_expressions(text, request, tmp_path) -> None:
    """As the one of an alert."""
    rule = {"alert": "Ours", "expr": text}
    (tmp_path / "ours.yml").write_text(json.dumps({"groups": [{"name": "o", "rules": [rule]}]}))
    accepted(program(request, "promtool"), "check", "rules", "ours.yml", folder=tmp_path)


@pytest.mark.parametrize("page", of("ini"))
def test_carbon_takes_its_patterns(page, request, tmp_path) -> None:
    """By the program with which it checks schemas; of aggregations, the keys it knows."""
    if named(page) in FILES:
        return
    for language, text in blocks(page):
        if language != "ini":
            continue
        head = re.match(r"; (storage-schemas|storage-aggregation)\.conf", text)
        assert head is not None, text
        if head[1] == "storage-schemas":
            (tmp_path / "schemas.conf").write_text(text)
            accepted(program(request, "validate-storage-schemas"), "schemas.conf", folder=tmp_path)
        for key, value in re.findall(r"^(\w+) *= *(.*)$", text, re.MULTILINE):
            assert key in ("pattern", "retentions", "xFilesFactor", "aggregationMethod")
            if key == "pattern":
                re.compile(value)
            if key == "xFilesFactor":
                assert 0 <= float(value) <= 1
            if key == "aggregationMethod":
                assert value in ("average", "sum", "last", "min", "max", "avg_zero", "absmax")


@pytest.mark.parametrize("text", texts("nginx"))
def test_nginx_takes_its_lines(text, request, tmp_path) -> None:
    """In a server; a header in a location that passes requests on."""
    line = text if text.startswith("location ") else f"location / {{ {text} }}"
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; server {{ listen {HOST}:8080; {line} }} }}\n"
    )
    nginx = program(request, "nginx")
    accepted(nginx, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", folder=tmp_path)


@pytest.mark.parametrize("text", texts("apache"))
def test_apache_takes_its_lines(text, request, tmp_path) -> None:
    """With the modules that they need, and the group of processes that they name."""
    apache, (wsgi, *_) = program(request, "apache2"), [*_MODULES.glob("mod_wsgi.so*"), None]
    if wsgi is None:
        program(request, "mod_wsgi")
    loaded = {"mpm_event": "mod_mpm_event.so", "authz_core": "mod_authz_core.so"}
    loaded |= {"headers": "mod_headers.so", "wsgi": wsgi.name if wsgi else ""}
    lines = [f"LoadModule {name}_module {_MODULES}/{file}" for name, file in loaded.items()]
    lines += [f"ServerRoot {tmp_path}", f"ServerName {HOST}", f"Listen {HOST}:8080"]
    lines += [f"ErrorLog {tmp_path}/log", "WSGIDaemonProcess shop", text]
    (tmp_path / "apache.conf").write_text("\n".join(lines))
    accepted(apache, "-t", "-f", tmp_path / "apache.conf", folder=tmp_path)


@pytest.mark.parametrize("text", texts("haproxy"))
def test_haproxy_takes_its_lines(text, request, tmp_path) -> None:
    """In a frontend, in front of a server."""
    limits = "timeout connect 5s\n timeout client 5s\n timeout server 5s"
    (tmp_path / "haproxy.cfg").write_text(
        f"defaults\n mode http\n {limits}\n"
        f"frontend web\n bind {HOST}:8080\n {text} default_backend shop\n"
        f"backend shop\n server one {HOST}:8081\n"
    )
    accepted(program(request, "haproxy"), "-c", "-f", "haproxy.cfg", folder=tmp_path)


@pytest.mark.parametrize("text", texts("sh"))
def test_bash_reads_its_lines(text, tmp_path) -> None:
    """Each is run by a test, or is ours and has arguments that the command takes."""
    (tmp_path / "lines.sh").write_text(text)
    accepted("bash", "-n", "lines.sh", folder=tmp_path)
    for line in text.splitlines():
        assert line.split()[0] in SHELL, line
        if line.startswith("sampler "):
            check("", shlex.split(line))


def lines_of(*programs: str) -> list[str]:
    """Return the lines of sh on the page of adapters that begin with these words."""
    texts_ = [text for each, text in blocks(ROOT / "docs/operators/adapters.md") if each == "sh"]
    return [line for line in "".join(texts_).splitlines() if line.split()[0] in programs]


def printed(line: str) -> str:
    """Run a line; return what it prints."""
    done = subprocess.run(
        ["bash", "-c", f"PATH={Path(sys.executable).parent}:$PATH; {line}"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_statsd_answers_on_its_management_port_as_the_page_says(launch) -> None:
    """By each line that this machine can run."""
    port = str(launch(StatsD).management_port)
    lines = [
        each for each in lines_of("echo", "python") if " nc " not in each or shutil.which("nc")
    ]
    assert lines
    for line in lines:
        assert "'statsd.packets_received': 0" in printed(line.replace("8126", port))


def test_whisper_fetch_prints_what_carbon_has_stored(launch) -> None:
    """By the line of the page, in the folder of this carbon."""
    carbon = launch(Carbon)
    (line,) = lines_of("whisper-fetch")
    file = re.search(r"/var/lib/graphite/whisper/(\S+)\.wsp", line)
    assert file is not None
    path = file[1].replace("/", ".")
    with socket.create_connection((HOST, carbon.line_port)) as client:
        client.sendall(f"{path} 42.5 {time.time():.0f}\n".encode())
    wait_for(lambda: carbon.series(path), what="carbon to store it")
    assert "42.5" in printed(line.replace("/var/lib/graphite/whisper", str(carbon.whisper)))


@pytest.mark.parametrize("text", texts("json"))
def test_a_line_of_a_recording_is_read(text) -> None:
    """After a head, as docs/advise.md says."""
    recording = read_recording([recording_head("page"), json.dumps(json.loads(text))])
    assert recording.faults == ()
    assert [len(scrapes) for scrapes in recording.windows.values()] == [1]


@pytest.mark.parametrize("text", [each for each in texts("text") if "docs/top.md" in each.id])  # type: ignore[attr-defined]
def test_usage_lines_name_options_that_there_are(text) -> None:
    """And no other command."""
    words = text.split()
    said = sampler(words[1], "--help").stdout
    assert words[0] == "sampler"
    for option in re.findall(r"\[(-[-\w]+)", text):
        assert option in said
