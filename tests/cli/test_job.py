"""``sampler job``: a batch job's numbers and its end, where they stay; its status is its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from sampler.cli.launch import name_of
from tests.examples.pages import ROOT, blocks
from tests.support.command import environment, sampler
from tests.support.ports import free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers import Carbon, Pushgateway, StatsD

BACKUP = """
import sys
import sampler
backup = sampler.Instruments("backup")
backup.counter("rows").inc(int(sys.argv[1]))
backup.gauge("size", merge="max").set(int(sys.argv[1]))
sys.exit(int(sys.argv[2]))
"""
ENDLESS = """
import os, time
import sampler
sampler.Instruments("backup").counter("rows").inc(3)
print(os.getpid(), flush=True)
time.sleep(1000)
"""
GROUP = (
    "job_duration_seconds",
    "job_exit_status",
    "job_last_success_timestamp_seconds",
    "job_last_start_timestamp_seconds",
    "job_last_end_timestamp_seconds",
)


def configured(folder: Path, text: str) -> None:
    (folder / "sampler.toml").write_text(text)
    (folder / "backup.py").write_text(BACKUP)


def run(folder: Path, *command: str, options: tuple[str, ...] = ()) -> Any:
    """Run a job to its end."""
    return sampler("job", *options, "--", *command, cwd=folder)


def metrics(gateway: Pushgateway, job: str = "backup") -> dict[str, float]:
    """Return what a gateway has of a job, without the account."""
    return {
        name: value
        for (name, labels), value in gateway.samples().items()
        if ("job", job) in labels and name.startswith(("job", "backup"))
    }


def test_a_jobs_numbers_and_its_end_stay_in_the_gateway(pushgateway, tmp_path):
    """Silently; a run that fails does not erase when the last one succeeded."""
    configured(tmp_path, f'[adapters.pushgateway]\nurl = "{pushgateway.url}"\n')
    before = time.time()
    good = run(tmp_path, sys.executable, "backup.py", "7", "0")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    first = metrics(pushgateway)
    assert first.keys() == {*GROUP, "backup_rows_total", "backup_size"}
    assert first["backup_rows_total"] == first["backup_size"] == 7
    assert first["job_exit_status"] == 0
    assert before <= first["job_last_success_timestamp_seconds"] <= time.time()
    assert 0 < first["job_duration_seconds"] <= time.time() - before
    assert before - 0.001 <= first["job_last_start_timestamp_seconds"]
    assert first["job_last_end_timestamp_seconds"] == first["job_last_success_timestamp_seconds"]
    bad = run(tmp_path, sys.executable, "backup.py", "3", "4")
    assert (bad.returncode, bad.stdout, bad.stderr) == (4, "", "")
    second = metrics(pushgateway)
    assert (second["backup_rows_total"], second["job_exit_status"]) == (3, 4)
    last = "job_last_success_timestamp_seconds"
    assert second[last] == first[last]
    assert second["job_last_end_timestamp_seconds"] > second["job_last_start_timestamp_seconds"]
    assert second["job_last_start_timestamp_seconds"] > first["job_last_end_timestamp_seconds"]
    (group,) = pushgateway.groups()
    assert group["labels"] == {"job": "backup"}


@pytest.mark.parametrize("everybody", [True, False], ids=["the-group", "sampler-job-alone"])
def test_a_run_that_is_killed_with_its_parent_has_not_succeeded(pushgateway, tmp_path, everybody):
    """By SIGKILL, after a good run, whose status must not stay; the counts come as well."""
    text = f'interval = 0.2\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n'
    configured(tmp_path, f'service = "killed"\n{text}')
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    first = metrics(pushgateway, "killed")
    (tmp_path / "endless.py").write_text(ENDLESS)
    with (tmp_path / "log").open("w+") as log:
        job = subprocess.Popen(
            [sys.executable, "-m", "sampler", "job", "--", sys.executable, "endless.py"],
            cwd=tmp_path,
            env=environment(),
            stderr=log,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert job.stdout is not None
            command = int(job.stdout.readline())
            wait_for(
                lambda: metrics(pushgateway, "killed")["backup_rows_total"] == 3, what="a push"
            )
            (os.killpg if everybody else os.kill)(job.pid, signal.SIGKILL)
            job.wait(30)
            wait_for(
                lambda: metrics(pushgateway, "killed")["job_exit_status"] == 137, 30, "the status"
            )
            if not everybody:  # it runs on
                os.kill(command, signal.SIGKILL)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
            job.communicate(timeout=30)
        last = metrics(pushgateway, "killed")
        success = "job_last_success_timestamp_seconds"
        assert (last["backup_rows_total"], last[success]) == (3, first[success])
        assert last["job_duration_seconds"] != first["job_duration_seconds"]
        log.seek(0)
        assert "'sampler job' was killed: job.exit_status is 137" in log.read()


def test_a_run_that_is_killed_together_with_its_relay_has_begun_and_not_ended(
    pushgateway, tmp_path
):
    """As by a power cut: the start is later than the last end, beside what the run before left."""
    text = f'interval = 0.2\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n'
    configured(tmp_path, f'service = "cut"\n{text}')
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    first = metrics(pushgateway, "cut")
    (tmp_path / "endless.py").write_text(ENDLESS)
    job = subprocess.Popen(
        [sys.executable, "-m", "sampler", "job", "--", sys.executable, "endless.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(lambda: metrics(pushgateway, "cut")["backup_rows_total"] == 3, what="a push")
        children = f"/proc/{job.pid}/task/{job.pid}/children"
        with open(children) as found:  # noqa: PTH123 - no file
            relays = [pid for pid in map(int, found.read().split()) if os.getpgid(pid) == pid]
        for pid in relays:
            os.kill(pid, signal.SIGSTOP)  # it sees nothing of the end
    finally:
        os.killpg(job.pid, signal.SIGKILL)
    for pid in relays:
        os.kill(pid, signal.SIGKILL)
    job.communicate(timeout=30)
    last = metrics(pushgateway, "cut")
    start, end = "job_last_start_timestamp_seconds", "job_last_end_timestamp_seconds"
    assert last[start] > last[end] == first[end]
    assert last["job_exit_status"] == 0


def test_a_relay_that_is_started_again_tells_the_start_of_the_run(pushgateway, tmp_path):
    """Not its own."""
    text = f'interval = 0.2\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n'
    configured(tmp_path, f'service = "again"\n{text}')
    children = "$(cat /proc/$PPID/task/$PPID/children)"
    script = f"for p in {children}; do [ $p = $$ ] || kill -KILL $p; done; sleep 1"
    before = time.time()
    done = run(tmp_path, "sh", "-c", script)
    assert "the relay has ended: another one starts" in done.stderr
    found = metrics(pushgateway, "again")
    took = found["job_last_end_timestamp_seconds"] - found["job_last_start_timestamp_seconds"]
    assert found["job_duration_seconds"] <= took <= time.time() - before


def test_a_job_says_nothing_of_how_many_processes_report(pushgateway, tmp_path):
    """That gauge would be 0 at the end and stay so: a server whose workers are gone, to alerts."""
    configured(tmp_path, f'service = "told"\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n')
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    names = {name for name, _ in pushgateway.samples()}
    assert "server_process_starts_total" in names
    assert "server_process_current" not in names


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [("exit 0", 0, 0), ("exit 7", 7, 7), ("kill -KILL $$", -signal.SIGKILL, 137)],
)
def test_the_status_is_the_commands_and_a_metric(pushgateway, tmp_path, script, status, said):
    """Also where a signal has ended it, as a shell would say; the command may be any program."""
    configured(tmp_path, f'service = "s"\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n')
    assert run(tmp_path, "sh", "-c", script).returncode == status
    found = metrics(pushgateway, "s")
    assert found["job_exit_status"] == said
    assert ("job_last_success_timestamp_seconds" in found) is (said == 0)


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        ('job = "j"', {"job": "j"}),
        ('instance = "{host}"', {"job": "true", "instance": "h"}),
        ('grouping = { zone = "eu" }', {"job": "true", "zone": "eu"}),
    ],
)
def test_what_the_configuration_says_stands(pushgateway, tmp_path, keys, labels):
    """The defaults for jobs are defaults."""
    text = f'host = "h"\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n{keys}\n'
    configured(tmp_path, text)
    assert run(tmp_path, "true").returncode == 0
    (group,) = pushgateway.groups()
    assert group["labels"] == labels


def test_by_put_a_failed_run_erases_the_last_success_if_that_is_asked_for(pushgateway, tmp_path):
    """As a gateway does it; deletion at the end, too."""
    url = f'[adapters.pushgateway]\nurl = "{pushgateway.url}"\n'
    configured(tmp_path, f'{url}method = "put"\n')
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    run(tmp_path, sys.executable, "backup.py", "7", "1")
    names = {*GROUP, "backup_rows_total", "backup_size"} - {GROUP[2]}
    assert metrics(pushgateway).keys() == names
    configured(tmp_path, f"{url}delete_on_stop = true\n")
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    assert pushgateway.groups() == []


def test_a_job_delivers_to_graphite_and_statsd(
    carbon: Carbon, statsd: StatsD, tmp_path: Path
) -> None:
    """A failed run sends no time of a success, so the last one stands; counters add up."""
    configured(
        tmp_path,
        'host = "h"\n'
        f'[adapters.graphite]\nport = {carbon.line_port}\nprefix = "g.{{service}}"\n'
        f'[adapters.statsd]\ntransport = "tcp"\nport = {statsd.port}\nprefix = "{{service}}"\n',
    )
    for status in ("0", "5"):
        done = run(tmp_path, sys.executable, "backup.py", "7", status)
        assert done.returncode == int(status), done.stderr
    assert statsd.counters_total()["backup.backup.rows"] == 14
    gauges = statsd.gauges()
    assert gauges["backup.job.exit_status"] == 5
    assert gauges["backup.job.last_success.timestamp"] > 1e9
    for name in ("backup.rows", "job.duration", "job.last_success.timestamp"):
        path = f"g.backup.{name}"
        assert wait_for(lambda path=path: carbon.series(path), what=path)


def test_a_job_delivers_to_node_exporter(tmp_path: Path) -> None:
    """One file for all runs; a failed one keeps the last success in it."""
    configured(tmp_path, f'[adapters.textfile]\npath = "{tmp_path}/{{service}}.prom"\n')
    run(tmp_path, sys.executable, "backup.py", "7", "0")
    good = (tmp_path / "backup.prom").read_text()
    run(tmp_path, sys.executable, "backup.py", "3", "4")
    text = (tmp_path / "backup.prom").read_text()
    assert 'job_exit_status{service="backup"} 4\n' in text
    assert 'backup_rows_total{service="backup"} 3\n' in text
    (line,) = (line for line in good.splitlines() if line.startswith(GROUP[2]))
    assert f"{line}\n" in text


def test_what_the_workers_of_a_pool_count_is_added_up(tmp_path):
    """By the program of both pages, to the last record."""
    (program,) = {
        text
        for page in ("docs/jobs.md", "docs/applications/jobs.md")
        for language, text in blocks(ROOT / page)
        if language == "python" and text.startswith("# load.py\n")
    }
    (tmp_path / "load.py").write_text(program)
    configured(tmp_path, f'[adapters.textfile]\npath = "{tmp_path}/load.prom"\n')
    done = run(tmp_path, sys.executable, "load.py")
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "load.prom").read_text()
    found = re.findall(r'^load_records_total{.*result="(\w+)"} (\d+)$', text, re.MULTILINE)
    assert dict(found) == {"ok": "1800", "bad": "200"}


def test_one_problem_in_the_file_and_no_adapter_delivers(tmp_path):
    """Also not the one whose own table is right: it is said, and the command runs."""
    good = f'[adapters.textfile]\npath = "{tmp_path}/backup.prom"\n'
    configured(tmp_path, f'{good}[adapters.graphite]\nprefx = "jobs"\n')
    done = run(tmp_path, sys.executable, "backup.py", "7", "0")
    assert done.returncode == 0
    assert "adapters.graphite.prefx: unknown key" in done.stderr
    assert done.stderr.endswith("and none of its numbers are delivered\n")
    assert not (tmp_path / "backup.prom").exists()


def test_what_is_not_delivered_is_said_and_costs_the_status_only_if_asked(tmp_path):
    """One that is not 0 anyway stays."""
    configured(
        tmp_path,
        f'flush_timeout = 0.5\n[adapters.pushgateway]\nurl = "http://127.0.0.1:{free_port()}"\n',
    )
    plain = run(tmp_path, "true")
    assert plain.returncode == 0
    assert "entries are dropped: Pushgateway at" in plain.stderr
    strict = "--fail-undelivered"
    failed = run(tmp_path, "true", options=(strict,))
    assert failed.returncode == 69
    assert failed.stderr.endswith("sampler job: the numbers have not all been delivered\n")
    assert run(tmp_path, "sh", "-c", "exit 7", options=(strict,)).returncode == 7


def test_strict_and_delivered_is_the_commands_status(pushgateway, tmp_path):
    """0."""
    configured(tmp_path, f'[adapters.pushgateway]\nurl = "{pushgateway.url}"\n')
    done = run(tmp_path, "true", options=("--fail-undelivered",))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ['interval = "soon"\n', "no toml", None])
def test_a_bad_configuration_costs_no_job(tmp_path, text):
    """It is said, and the command runs; the strict status tells."""
    if text is not None:
        configured(tmp_path, text)
    options = ("-c", "nonesuch.toml") if text is None else ()
    done = run(tmp_path, "sh", "-c", "echo ran; exit 3", options=options)
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert "sampler job: the command runs nevertheless" in done.stderr
    assert "Traceback" not in done.stderr
    strict = run(tmp_path, "true", options=("--fail-undelivered", *options))
    assert strict.returncode == 69


def test_numbers_that_go_nowhere_are_said(tmp_path):
    """A page ends with the job."""
    configured(tmp_path, f'[adapters.prometheus]\nlisten = "127.0.0.1:{free_port()}"\n')
    done = run(tmp_path, "true")
    assert done.returncode == 0
    assert "sampler.toml: no adapter pushes, nothing will be delivered" in done.stderr
    assert run(tmp_path, "true", options=("--fail-undelivered",)).returncode == 69


@pytest.mark.parametrize("arguments", [("true",), ("--",), ()])
def test_a_job_needs_dashes_and_a_command(tmp_path, arguments):
    """With one line on what to write."""
    done = sampler("job", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "before" in done.stderr


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["backup"], "backup"),
        (["/opt/bin/backup.sh", "-c", "x"], "backup.sh"),
        (["python3", "-u", "jobs/backup.py", "--all"], "backup"),
        (["/usr/bin/python3.12", "-m", "shop.jobs"], "shop.jobs"),
        (["python", "-c", "print(1)"], "python"),
        (["python"], "python"),
    ],
)
def test_a_job_is_called_as_what_it_runs(command, name):
    """The program, or what an interpreter runs."""
    assert name_of(command) == name
