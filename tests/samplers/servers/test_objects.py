"""Servers that are not there, whose internals are others, or that are found where they run."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from sampler._runtime.log import log
from sampler.samplers import listener, memory
from sampler.samplers.servers import (
    gunicorn,
    gunicorn_arbiter,
    hypercorn,
    mod_wsgi,
    uvicorn,
    uwsgi,
)
from sampler.samplers.servers._objects import ChangedError, Server
from tests.samplers.reading import consumer_of, read
from tests.support.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it")
ALL = [each.SAMPLER for each in (gunicorn, gunicorn_arbiter, hypercorn, mod_wsgi, uvicorn, uwsgi)]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., types.ModuleType]:
    """Make a module, as an import would."""

    def make(name: str, **attributes: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        vars(made).update(attributes)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing found yet."""
    monkeypatch.setattr(gunicorn.WORKER, "_known", (0, None))
    monkeypatch.setattr(uvicorn._SERVER, "_known", (0, None))
    monkeypatch.setattr(hypercorn, "_known", (0, (), None))
    monkeypatch.setattr(listener, "_found", (0, 0.0, {}))


@pytest.mark.parametrize("sampler", ALL, ids=lambda each: each["name"])
def test_where_there_is_no_server_nothing_is_told(sampler: dict[str, Any]) -> None:
    """No sample, no failure: the program may only have imported the package."""
    with consumer_of(sampler) as consumer:
        assert read(consumer) == {}


def failure_of(sampler: dict[str, Any]) -> str:
    """Pull; return what is said of the one failure."""
    with consumer_of(sampler) as consumer:
        (failure,) = consumer.collect().failures
    return failure.message


def test_a_version_that_has_another_class_is_said(module: Callable[..., Any]) -> None:
    """With the version, what is missing, and what to do."""
    module("gunicorn", __version__="99.0")
    module("gunicorn.workers.base")
    said = failure_of(gunicorn.SAMPLER)
    assert "gunicorn 99.0 is not known to this sampler" in said
    assert "gunicorn.workers.base has no class Worker" in said
    assert "SAMPLER_DISABLE" in said


def test_a_version_that_renames_an_attribute_is_said(module: Callable[..., Any]) -> None:
    """The object is there, its numbers are not."""

    class Server:
        def __init__(self) -> None:
            self.config = types.SimpleNamespace()

        def serve(self, call: Callable[[], Any]) -> Any:
            return call()

    module("uvicorn", __version__="99.0")
    made = module("uvicorn.server", Server=Server)
    Server.serve = types.FunctionType(Server.serve.__code__, vars(made))  # as if it were there
    said = Server().serve(lambda: failure_of(uvicorn.SAMPLER))
    assert "Server has no server_state" in said


def test_uwsgi_without_workers_is_said(module: Callable[..., Any]) -> None:
    """And so is one whose workers have other keys."""
    module("uwsgi", worker_id=lambda: 1)
    assert "it has no workers()" in failure_of(uwsgi.SAMPLER)
    module("uwsgi", worker_id=lambda: 1, workers=lambda: ({"id": 1},))
    assert "workers() has no 'status'" in failure_of(uwsgi.SAMPLER)


def test_a_worker_of_uwsgi_that_was_never_started_again_counts_none(
    module: Callable[..., Any],
) -> None:
    """Without a master its number is -1, unsigned."""
    keys = dict.fromkeys(("requests", "exceptions", "signals", "tx", "running_time"), 5)
    workers = [
        {**keys, "status": status, "respawn_count": count}
        for status, count in ((b"busy", 2**64 - 1), (b"sig7", 3), (b"of a later version", 0))
    ]
    module("uwsgi", worker_id=lambda: 1, workers=lambda: workers, numproc=3, cores=2)
    with consumer_of(uwsgi.SAMPLER) as consumer:
        found = read(consumer)
    assert found["uwsgi.worker.restarts"] == 3
    assert found["uwsgi.requests"] == 15
    assert found["uwsgi.busy.time"] == 15e-6
    assert found["uwsgi.thread.limit"] == 6
    assert found['uwsgi.worker.count{state="sig"}'] == 1
    assert found['uwsgi.worker.count{state="of a later version"}'] == 1


def test_settings_of_uwsgi_that_are_none_are_said() -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="metrics: expected a list such as"):
        uwsgi.factory({"settings": {"metrics": "worker.1.requests"}})
    with pytest.raises(ValueError, match="metric: no such setting; there are metrics"):
        uwsgi.factory({"settings": {"metric": []}})


@pytest.mark.parametrize("answer", [b"", b"\x00\x00\x00\x02[]", b"\xff\xff\xff\xff", b"\0\0\0\1x"])
def test_a_control_socket_that_talks_nonsense_costs_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, answer: bytes
) -> None:
    """Within its time, whatever it says; nothing is read that it promises."""
    folder = os.path.relpath(tmp_path_factory.mktemp("ctl"))
    path = f"{folder}/c"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        config = types.SimpleNamespace(control_socket=path, control_socket_disable=False)
        worker = types.SimpleNamespace(cfg=config, ppid=os.getppid())
        monkeypatch.setattr(gunicorn.WORKER, "_known", (os.getpid(), worker))
        monkeypatch.setattr(gunicorn_arbiter.os.path, "abspath", lambda path: path)
        monkeypatch.setattr(gunicorn_arbiter, "TIMEOUT", 0.3)
        server.settimeout(10)

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        import threading

        thread = threading.Thread(target=talk)
        thread.start()
        with within(2):
            said = failure_of(gunicorn_arbiter.SAMPLER)
        thread.join()
    assert said
    assert "\n" not in said


def test_a_control_socket_that_a_worker_may_not_open_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where root's gunicorn has workers of another user: it is said once, and no more."""

    class Closed(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError

    config = types.SimpleNamespace(control_socket="/a/gunicorn.ctl", control_socket_disable=False)
    worker = types.SimpleNamespace(cfg=config, ppid=os.getppid())
    monkeypatch.setattr(gunicorn.WORKER, "_known", (os.getpid(), worker))
    monkeypatch.setattr(gunicorn_arbiter, "Socket", Closed)
    monkeypatch.setattr(gunicorn_arbiter, "_known", gunicorn_arbiter._Known())
    with consumer_of(gunicorn_arbiter.SAMPLER | {"min_interval": 1e-9}) as consumer:
        for _ in range(3):
            assert not consumer.collect().failures
    log.flush()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "the user of this worker may not open /a/gunicorn.ctl; --control-socket" in said


def test_an_object_is_found_on_the_stack_of_its_own_functions_only(
    module: Callable[..., Any],
) -> None:
    """Variables of the application are not looked at."""

    class Thing:
        def run(self, call: Callable[[], Any]) -> Any:
            return call()

    made = module("zz_server.base", Thing=Thing)
    server = Server("zz_server", "zz_server.base:Thing")
    assert Thing().run(server.find) is None  # a function of this test, not of the server
    inside = types.FunctionType(Thing.run.__code__, vars(made))
    thing = Thing()
    assert inside(thing, server.find) is thing
    assert server.find() is thing  # from now on it is known
    with pytest.raises(ChangedError, match=r"Thing has no cfg\.threads"):
        server.told(thing, "cfg.threads")


@contextlib.contextmanager
def listening(family: int, address: Any, backlog: int) -> Iterator[socket.socket]:
    """Listen."""
    with socket.socket(family) as server:
        server.bind(address)
        server.listen(backlog)
        yield server


@on_linux
def test_backlogs_are_those_of_the_kernel(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of TCP by both versions of IP and of unix sockets: who waits, and how many may."""
    path = os.path.relpath(tmp_path_factory.mktemp("unix") / "s")
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(listening(socket.AF_INET, ("127.0.0.1", 0), 5))
        unix = stack.enter_context(listening(socket.AF_UNIX, path, 3))
        abstract = f"\0sampler-test-{os.getpid()}"
        stack.enter_context(listening(socket.AF_UNIX, abstract, 4))
        for server, count in ((plain, 2), (unix, 1)):
            for _ in range(count):
                client = stack.enter_context(socket.socket(server.family))
                client.connect(server.getsockname())
        consumer = stack.enter_context(consumer_of(listener.SAMPLER))
        found = read(consumer)
        at = "{address=" + f'"127.0.0.1:{plain.getsockname()[1]}"' + "}"
        assert found[f"listener.backlog.length{at}"] == 2
        assert found[f"listener.backlog.limit{at}"] == 5
        assert found[f"listener.drops{at}"] == 0
        at = f'{{address="unix:{path}"}}'
        assert found[f"listener.backlog.length{at}"] == 1
        assert found[f"listener.backlog.limit{at}"] == 3
        at = f'{{address="unix:@sampler-test-{os.getpid()}"}}'
        assert found[f"listener.backlog.limit{at}"] == 4
        plain.accept()[0].close()
        at = "{address=" + f'"127.0.0.1:{plain.getsockname()[1]}"' + "}"
        assert read(consumer)[f"listener.backlog.length{at}"] == 1


@on_linux
def test_a_full_backlog_drops_and_says_so() -> None:
    """At that socket, not only somewhere on the host."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listening(socket.AF_INET, ("127.0.0.1", 0), 0))
        consumer = stack.enter_context(consumer_of(listener.SAMPLER))
        for _ in range(6):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        at = "{address=" + f'"127.0.0.1:{server.getsockname()[1]}"' + "}"
        assert read(consumer)[f"listener.drops{at}"] > 0


@on_linux
def test_reading_a_listener_leaves_it_as_it_is() -> None:
    """Open, blocking for its owner, and free once it is closed, with a default timeout or not."""
    socket.setdefaulttimeout(5)
    try:
        with consumer_of(listener.SAMPLER) as consumer:
            with socket.create_server(("127.0.0.1", 0)) as server:
                server.settimeout(None)
                address = server.getsockname()
                read(consumer)
                assert os.get_blocking(server.fileno())
            assert not [name for name in read(consumer) if str(address[1]) in name]
            with socket.create_server(address):
                pass
    finally:
        socket.setdefaulttimeout(None)


@on_linux
def test_memory_of_forked_processes_adds_up_to_what_they_take() -> None:
    """Their proportional sizes do; resident sizes count what they share in each."""
    ballast = bytearray(64 * 2**20)
    for at in range(0, len(ballast), 4096):
        ballast[at] = 1
    children = []
    for _ in range(2):
        told, telling = os.pipe()
        ends, end = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(telling, b"x")
            os.read(ends, 1)
            os._exit(0)
        os.read(told, 1)
        children.append((pid, end, (told, telling, ends)))
    try:
        with consumer_of(memory.SAMPLER) as consumer:
            found = read(consumer)
    finally:
        for pid, end, others in children:
            os.write(end, b"x")
            os.waitpid(pid, 0)
            for each in (end, *others):
                os.close(each)
    # The 64 MiB are shared by three.
    assert found["memory.peak"] >= 64 * 2**20
    assert found["memory.unique"] < found["memory.pss"]
    assert found["memory.pss"] < found["memory.peak"] - 30 * 2**20
