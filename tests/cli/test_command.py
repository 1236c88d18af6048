"""The command: exit status, what is said where, and signals."""

from __future__ import annotations

import json
import re
import signal
import socket
import tomllib
import urllib.request

import pytest

from tests.support.command import lacking, running, sampler
from tests.support.distributions import Site
from tests.support.doubles import LineSink
from tests.support.ports import accepts, free_port
from tests.support.waiting import wait_for


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on, held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def write(folder, text: str) -> str:
    path = folder / "sampler.toml"
    path.write_text(text)
    return str(path)


def test_version_says_the_distribution() -> None:
    """``sampler version`` prints name and version."""
    done = sampler("version")
    assert done.returncode == 0
    assert done.stdout.startswith("sampler-api 0.")


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run", "--once", "--test"], ["demo", "--seconds", "x"]]
)
def test_wrong_arguments_exit_2(arguments) -> None:
    """Usage errors are told on standard error with status 2."""
    done = sampler(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert done.stdout == ""


def test_configuration_problems_exit_78_without_a_traceback(tmp_path) -> None:
    """All problems, one line each with file and key, for run, check and --once alike."""
    config = write(tmp_path, 'intervall = 1\n[adapters.graphite]\nport = "x"\n')
    for verb in (["run"], ["run", "--once"], ["run", "--test"], ["check"]):
        done = sampler(*verb, "-c", config)
        assert done.returncode == 78
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 2
        assert all(line.startswith(config) for line in lines)
        assert "Traceback" not in done.stderr


def test_an_unknown_sampler_is_a_configuration_problem(tmp_path) -> None:
    """A misspelt name in samplers.enable is told with a suggestion."""
    config = write(tmp_path, '[samplers]\nenable = ["proces", "no.such:THING"]\n')
    done = sampler("check", "--no-network", "-c", config)
    assert done.returncode == 78
    assert "did you mean 'process'?" in done.stderr
    assert "no module 'no'" in done.stderr


def test_the_sample_configuration_is_accepted(tmp_path) -> None:
    """``config sample`` gives a file that ``check --no-network`` accepts, also uncommented."""
    done = sampler("config", "sample")
    assert done.returncode == 0
    config = write(tmp_path, done.stdout)
    checked = sampler("check", "--no-network", "-c", config)
    assert checked.returncode == 0, checked.stderr
    keys = [
        line.removeprefix("# ")
        for line in done.stdout.splitlines()
        if re.match(r"(# )?[a-z_]+ = ", line)
    ]
    for adapter in ("graphite", "statsd", "prometheus", "console"):
        assert f"[adapters.{adapter}]" in done.stdout
    for line in keys:
        assert tomllib.loads(line), line


def test_without_a_configuration_process_is_served_on_loopback(tmp_path) -> None:
    """``sampler run`` alone serves /metrics and says how to add an adapter; SIGTERM exits 0."""
    config = write(tmp_path, '[adapters.prometheus]\nlisten = "127.0.0.1:0"\n')
    del config
    done = sampler("check", "--no-network", cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "sampler.toml").unlink()
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", 9464)) == 0
    if taken:
        pytest.skip("port 9464 is in use on this machine")
    with running("run", cwd=tmp_path) as process:
        body = wait_for(lambda: _get("http://127.0.0.1:9464/metrics"), what="the first scrape")
        assert "process_cpu_time_seconds_total" in body
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "sampler config sample" in output
    assert "Traceback" not in output


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def test_a_page_that_nobody_scraped_is_said_to_be_one(tmp_path) -> None:
    """Not that nothing was collected: who looks at the live page is no scraper."""
    port = free_port()
    config = write(tmp_path, f'[adapters.prometheus]\nlisten = "127.0.0.1:{port}"\nlive = true\n')
    with running("run", "-c", config) as process:
        wait_for(lambda: accepts(port), what="the page")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live/", timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert "prometheus: was not scraped" in output
    assert "0 collected" not in output


@pytest.mark.scenario(27)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_and_exits_0(tmp_path, number) -> None:
    """What was collected before the signal is delivered, with a last pull, before the exit."""
    with LineSink() as sink:
        config = write(
            tmp_path,
            f'interval = 60\nservice = "s"\n[adapters.graphite]\nport = {sink.port}\n',
        )
        with running("run", "-c", config) as process:
            wait_for(lambda: sink.lines, what="the first pull")
            process.send_signal(number)
            output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output
        balance = next(line for line in output.splitlines() if "graphite: " in line)
        collected = int(balance.split("graphite: ")[1].split()[0])
        assert f"= {collected} delivered + 0 unconfirmed + 0 dropped + 0 queued" in balance
        assert len(sink.lines) == collected


def test_a_hail_of_signals_is_one_request_to_stop(tmp_path) -> None:
    """Many signals at once, as a supervisor and a terminal send them, neither hang nor kill it."""
    with LineSink() as sink:
        config = write(tmp_path, f"interval = 60\n[adapters.graphite]\nport = {sink.port}\n")
        for _ in range(5):
            seen = len(sink.lines)
            with running("run", "-q", "-c", config) as process:
                wait_for(lambda seen=seen: len(sink.lines) > seen, what="the first pull")
                for _ in range(200):
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=20)
            assert (process.returncode, output) == (0, "")


def test_once_delivers_one_pull_and_exits(tmp_path) -> None:
    """``run --once`` delivers exactly one snapshot, self-metrics included."""
    with LineSink() as sink:
        text = f"[adapters.graphite]\nport = {sink.port}\nself_metrics = 'all'\n"
        config = write(tmp_path, text)
        done = sampler("run", "--once", "-c", config)
        assert done.returncode == 0, done.stderr
        paths = [line.split()[0] for line in sink.lines]
        assert len(paths) == len(set(paths))
        assert any(b".sampler.entries.collected.adapter-graphite" in path for path in paths)
        assert any(b".process.cpu.time." in path for path in paths)


def test_an_endpoint_that_does_not_answer_exits_69(tmp_path, closed_port) -> None:
    """``check`` and ``run --once`` name the adapter and exit 69; --no-network does not ask."""
    config = write(tmp_path, f"[adapters.graphite]\nport = {closed_port}\n")
    for verb in (["check"], ["run", "--once"]):
        done = sampler(*verb, "-c", config)
        assert done.returncode == 69, (verb, done.stderr)
        assert "graphite" in done.stderr
        assert "does not answer" in done.stderr
        assert "Traceback" not in done.stderr
    assert sampler("check", "--no-network", "-c", config).returncode == 0


def test_run_begins_without_its_endpoint_and_says_so_once(tmp_path, closed_port) -> None:
    """An endpoint that is away when the agent starts is told once, and retried."""
    config = write(tmp_path, f"interval = 0.2\n[adapters.graphite]\nport = {closed_port}\n")
    with running("run", "-c", config) as process:
        lines = []
        while not any("retrying" in line for line in lines):
            lines.append(process.stdout.readline())
        with pytest.raises(Exception, match="timed out"):
            process.wait(timeout=2)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert ("".join(lines) + output).count("retrying") == 1


def test_a_port_in_use_exits_78(tmp_path) -> None:
    """An address that cannot be bound is a configuration problem with key and remedy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = write(tmp_path, f'[adapters.prometheus]\nlisten = "{address}"\n')
        for verb in ("run", "check"):
            done = sampler(verb, "-c", config)
            assert done.returncode == 78
            assert "adapters.prometheus.listen: the port is in use" in done.stderr
            assert "Traceback" not in done.stderr


def test_where_the_port_is_in_use_endpoints_are_asked_all_the_same(tmp_path, closed_port) -> None:
    """As on a host where the program runs whose file is checked."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        page = f'[adapters.prometheus]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'
        config = write(tmp_path, f"{page}[adapters.graphite]\nport = {closed_port}\n")
        done = sampler("check", "-c", config)
    assert done.returncode == 78
    assert "adapters.prometheus.listen: the port is in use" in done.stderr
    assert "adapter 'graphite': does not answer" in done.stderr


def test_the_port_of_the_program_whose_file_is_checked_is_no_problem(tmp_path) -> None:
    """It may run: then what matters is whether its endpoints answer."""
    port = free_port()
    text = f'[adapters.prometheus]\nlisten = "127.0.0.1:{port}"\n'
    config = write(tmp_path, f'socket = "{tmp_path}/s.sock"\n{text}')
    with running("run", "-c", config) as process:
        wait_for(lambda: accepts(port) and (tmp_path / "s.sock").exists(), 20, "the program")
        done = sampler("check", "-c", config)
        assert done.returncode == 0, done.stderr
        listens = f": process {process.pid} listens, which runs with this file"
        assert f"adapter 'prometheus'{listens}" in done.stdout
        assert f"socket{listens}" in done.stdout
        other = tmp_path / "other.toml"
        other.write_text(text)
        assert sampler("check", "-c", str(other)).returncode == 78


def test_test_prints_two_pulls_and_sends_nothing(tmp_path) -> None:
    """``run --test`` pulls twice, one interval apart, to standard output only."""
    with LineSink() as sink:
        config = write(tmp_path, f"interval = 0.5\n[adapters.graphite]\nport = {sink.port}\n")
        done = sampler("run", "--test", "-c", config)
        assert done.returncode == 0
        assert done.stdout.count("--- ") == 2
        assert "process.cpu.time" in done.stdout
        assert sink.accepted == 0


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path) -> None:
    """``| head`` ends the command quietly."""
    config = write(tmp_path, "interval = 0.2\n[adapters.console]\n")
    with running("run", "--test", "-q", "-c", config) as process:
        assert process.stdout.readline().startswith("--- ")
        process.stdout.close()
        assert process.wait(timeout=20) == 0
        process.stdout = None


def test_a_configuration_without_adapters_is_told(tmp_path) -> None:
    """An empty file is accepted, and said to deliver nothing."""
    done = sampler("check", "-c", write(tmp_path, ""))
    assert done.returncode == 0
    assert "no adapter is configured, nothing will be delivered" in done.stderr


def test_list_tells_origin_and_why_something_is_unavailable(tmp_path) -> None:
    """``list`` shows distribution and version, and the remedy for a missing package."""
    done = sampler("list", PYTHONPATH=lacking("statsd", tmp_path))
    assert done.returncode == 0
    assert "pip install 'sampler-api[statsd]'" in done.stdout
    rows = json.loads(sampler("list", "adapters", "--json").stdout)
    assert {row["name"] for row in rows} >= {"console", "graphite", "prometheus", "statsd"}
    assert all(row["distribution"] and row["version"] for row in rows)
    both = json.loads(sampler("list", "--json").stdout)
    assert [row["name"] for row in both["samplers"]][:1]
    assert both["adapters"]


def test_check_reports_unknown_keys_and_refused_samples(tmp_path) -> None:
    """What the contract ignores at run time is told when asked."""
    (tmp_path / "odd.py").write_text(
        "SAMPLER = {'name': 'odd', 'sampel': 1, 'sample': lambda: [('a', 'text'), ('b', 1)]}\n"
    )
    config = write(tmp_path, '[samplers]\nenable = ["odd:SAMPLER"]\n')
    done = sampler("check", "--no-network", "-c", config, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "unknown key 'sampel' (did you mean 'sample'?)" in done.stderr
    assert "1 type" in done.stderr
    assert "sampler 'odd': 1 entry" in done.stdout


def test_a_malformed_sampler_is_told_with_every_fault(tmp_path) -> None:
    """All faults of a named mapping, in one line, status 78."""
    (tmp_path / "bad.py").write_text("SAMPLER = {'name': 'Bad-Name', 'metrics': 3}\n")
    config = write(tmp_path, '[samplers]\nenable = ["bad:SAMPLER"]\n')
    done = sampler("check", "--no-network", "-c", config, PYTHONPATH=str(tmp_path))
    assert done.returncode == 78
    for part in ("'Bad-Name' is not a name", "'metrics' must map", "neither is given"):
        assert part in done.stderr


def test_quiet_and_verbose_change_what_is_said(tmp_path) -> None:
    """-q keeps standard error to errors."""
    with LineSink() as sink:
        config = write(tmp_path, f"interval = 60\n[adapters.graphite]\nport = {sink.port}\n")
        with running("run", "-qq", "-c", config) as process:
            wait_for(lambda: sink.lines, what="the first pull")
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
    assert output == ""


def test_check_says_where_a_spool_cannot_be_written(tmp_path, closed_port) -> None:
    """A warning: the agent would go on without one."""
    (tmp_path / "file").touch()
    (tmp_path / "sampler.toml").write_text(
        f'[adapters.graphite]\nport = {closed_port}\nspool = "{tmp_path}/file/spool"\n'
        f'[adapters.eu]\ntype = "graphite"\nspool = "{tmp_path}/new/spool"\n'
    )
    result = sampler("check", "--no-network", cwd=tmp_path)
    assert result.returncode == 0
    told = [line for line in result.stderr.splitlines() if "cannot write" in line]
    assert len(told) == 1
    assert told[0].startswith(f"adapter 'graphite': this user cannot write to {tmp_path}/file/")


def test_a_name_that_is_announced_twice_stops_nothing(tmp_path) -> None:
    """It is told, and the first one is collected: nobody can uninstall what he does not own."""
    for name in ("one", "two"):
        source = f'SAMPLER = {{"name": "zz_same", "sample": lambda: [("{name}", 1)]}}\n'
        files = {f"zz_{name}.py": source}
        announced = {"zz_same": f"zz_{name}:SAMPLER"}
        Site(tmp_path / name).install(f"dist-{name}", announced, files=files)
    path = f"{tmp_path / 'one'}:{tmp_path / 'two'}"
    for enable in ("process", "zz_same"):
        config = write(tmp_path, f'[samplers]\nenable = ["{enable}"]\n')
        done = sampler("check", "--no-network", "-c", config, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        assert f"sampler '{enable}': " in done.stdout
        assert done.stderr.count("sampler 'zz_same' is announced twice: 'zz_one:SAMPLER'") == 1
