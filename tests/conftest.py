"""Fixtures that start real servers, and the switch that insists on them."""

from __future__ import annotations

import json
import logging
import platform
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from sampler._registry import announcements
from sampler._runtime.log import log
from tests.adapters.corpus import corpus
from tests.support.installed import NotInstallableError, install
from tests.support.scope import scope
from tests.support.servers import (
    Carbon,
    MissingServerError,
    Prometheus,
    Pushgateway,
    Server,
    StatsD,
)
from tests.support.waiting import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from importlib.metadata import EntryPoint

    from sampler._runtime.lockfile import HeldFile
    from sampler.agent import Series
    from tests.support.waiting import PatientClock

S = TypeVar("S", bound=Server)

# Properties are judged by what they say, not by how busy the machine is.
settings.register_profile("sampler", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("sampler"), max_examples=25)
settings.load_profile("sampler")


class Launch(Protocol):
    """What `launch` is: a server class and its options in, a ready server out."""

    def __call__(self, kind: type[S], /, *args: Any, **options: Any) -> S:
        """Start a `kind` in a directory of its own; it ends with the fixture."""
        ...


@pytest.fixture(autouse=True)
def _only_what_is_meant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no sampler appear because an earlier test has imported the package it tells of."""
    if {"servers", "test_samplers.py"}.intersection(request.path.parts):
        return
    entry_points = announcements._entry_points

    def ours_by_name_only() -> Iterator[EntryPoint]:
        for each in entry_points():
            if not (
                each.group.startswith("sampler.samplers.") and each.value.startswith("sampler.")
            ):
                yield each

    monkeypatch.setattr(announcements, "_entry_points", ours_by_name_only)
    monkeypatch.setattr(announcements, "_found", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that turns a missing server from a skip into a failure."""
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail, instead of skip, a test whose real server is not installed",
    )
    parser.addoption(
        "--installed-python",
        metavar="FILE",
        type=Path,
        help="an interpreter that has the project and both examples, for what runs them installed",
    )
    parser.addoption(
        "--scenarios",
        metavar="FILE",
        help="append a line of JSON for each test that carries scenarios, with its outcome",
    )


def pytest_configure() -> None:
    """Let Ctrl-C interrupt, here and in what the tests start, also when a shell had it ignored.

    So with SIGHUP, which nohup has everything ignore: it ends what the tests start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for `pytest &` in a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # what is executed has the default again


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run folders in four processes, as half of it is waiting; a file, seen as it goes, in one."""
    if all(Path(each.partition("::")[0]).is_dir() for each in config.args):
        config.option.dist = "worksteal"  # some tests take half a minute
        return 4
    return 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test that uses a real server, before -m selects; leave long ones out."""
    for item in items:
        if {"launch", "launch_session"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")
    if "long" not in config.getoption("-m"):
        kept = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, what needs network namespaces where there are none."""
    if item.get_closest_marker("netns") and not _namespaces():
        reason = "network namespaces need root and unshare"
        if item.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@cache
def _namespaces() -> bool:
    try:
        return not subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode
    except OSError:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what became of each test that carries scenarios."""
    report = yield
    file = item.config.getoption("--scenarios")
    numbers = [n for mark in item.iter_markers("scenario") for n in mark.args]
    if file and numbers and (call.when == "call" or not report.passed):
        said = {
            "scenarios": numbers,
            "test": item.nodeid,
            "outcome": report.outcome,
            "seconds": round(report.duration, 2),
            "python": platform.python_version(),
        }
        with Path(file).open("a") as lines:
            lines.write(json.dumps(said) + "\n")
    return report


def _launching(config: pytest.Config, directories: pytest.TempPathFactory) -> Iterator[Launch]:
    with ExitStack() as running:

        def launch(kind: type[S], /, *args: Any, **options: Any) -> S:
            try:
                server = kind(directories.mktemp(kind.__name__.lower()), *args, **options)
            except MissingServerError as missing:
                if config.getoption("--require-servers"):
                    pytest.fail(str(missing), pytrace=False)
                pytest.skip(str(missing))
            running.enter_context(server)
            return server

        yield launch


class _Flushed(pytest.LogCaptureFixture):
    """What was logged, once it has come out of our queue."""

    @property
    def records(self) -> list[logging.LogRecord]:
        log.flush(10.0)
        return super().records

    @property
    def text(self) -> str:
        log.flush(10.0)
        return super().text

    def clear(self) -> None:
        log.flush(10.0)
        super().clear()

    @contextmanager
    def at_level(self, level: int | str, logger: str | None = None) -> Iterator[None]:
        with super().at_level(level, logger):
            yield
            log.flush(10.0)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what captures log records; what we log comes by way of a thread."""
    caplog.__class__ = _Flushed
    return caplog


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    """Let no record of a test come out in the next one."""
    yield
    log.flush(10.0)


@pytest.fixture(autouse=True)
def _instances(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the agents of a test find every instance free, whatever other tests run or leave.

    Programs that a test starts see the whole host, unless they call `tests.support.scope.apart`.
    """
    claimed: dict[str, HeldFile] = {}
    monkeypatch.setattr("sampler._runtime.instance_lock._PREFIX", scope())
    monkeypatch.setattr("sampler._runtime.instance_lock._locks", claimed)
    yield
    for held in claimed.values():
        held.close()


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test mask what another one called a secret."""
    monkeypatch.setattr("sampler.agent.config.secrets._known", set())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[PatientClock]:
    """Let deadlines of samplers pass where one hangs, and not because the machine is busy."""
    with patience(monkeypatch) as clock:
        yield clock


@pytest.fixture(scope="session", params=[10_000, pytest.param(100_000, marks=pytest.mark.long)])
def hostile(request: pytest.FixtureRequest) -> list[tuple[Series, Any]]:
    """Entries with hostile names, labels and values, each distinct."""
    return corpus(request.param)


@pytest.fixture
def launch(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launch]:
    """Start servers with other options than the fixtures below: `launch(Carbon, retention=...)`.

    Skips the test, or fails it with --require-servers, if the server is not installed.
    """
    yield from _launching(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def launch_session(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launch]:
    """Start servers as `launch` does, to be shared by all tests."""
    yield from _launching(pytestconfig, tmp_path_factory)


@pytest.fixture
def carbon(launch: Launch) -> Carbon:
    """A carbon-cache of the test's own."""
    return launch(Carbon)


@pytest.fixture(scope="session")
def carbon_session(launch_session: Launch) -> Carbon:
    """A carbon-cache shared by all tests: each takes paths of its own, none stops it."""
    return launch_session(Carbon)


@pytest.fixture
def statsd(launch: Launch) -> StatsD:
    """A statsd of the test's own."""
    return launch(StatsD)


@pytest.fixture(scope="session")
def statsd_session(launch_session: Launch) -> StatsD:
    """A statsd shared by all tests: each takes names of its own, none stops it."""
    return launch_session(StatsD)


@pytest.fixture
def prometheus_server(launch: Launch) -> Callable[..., Prometheus]:
    """Start a Prometheus: `prometheus_server(["127.0.0.1:9464"], scrape_interval="1s")`."""

    def start(targets: Sequence[str], **options: Any) -> Prometheus:
        return launch(Prometheus, targets, **options)

    return start


@pytest.fixture
def pushgateway(launch: Launch) -> Pushgateway:
    """A Pushgateway of the test's own."""
    return launch(Pushgateway)


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The python of an environment with the project and both examples installed."""
    given: Path | None = pytestconfig.getoption("--installed-python")
    if given is not None:
        return given.absolute()
    try:
        return install(
            tmp_path_factory.mktemp("environment") / "venv",
            ".[statsd]",
            "./examples/library",
            "./examples/adapter",
        )
    except NotInstallableError as reason:
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))
