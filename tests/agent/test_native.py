"""All code that runs on our threads takes what waits from where no monkey patch reaches.

gevent and eventlet replace locks, queues, sockets, look-ups, selectors, ``sleep`` and the sockets
of TLS in the modules of the standard library, at a moment that nobody knows. Native threads must
not meet them: they take the originals from ``_runtime`` and ``adapterkit``.
"""

from __future__ import annotations

import ast
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sampler.adapterkit.sockets
import sampler.adapterkit.threads
from sampler._runtime import native, threads
from sampler._runtime.daemon import DaemonThread

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REPLACED = {
    "_thread",
    "concurrent",
    "multiprocessing",
    "queue",
    "select",
    "selectors",
    "signal",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "threading",
    "urllib.request",
    "http.client",
    "http.server",
}
"""Modules whose functions and classes are replaced, or made of what is."""
NAMES = {("time", "sleep"), ("os", "fork"), ("os", "forkpty"), ("os", "waitpid"), ("os", "popen")}
"""And single functions."""
FINE = {
    "selectors": {"BaseSelector"},
    # What only computes, or is an exception, is what it was.
    "ssl": {
        "MemoryBIO",
        "Purpose",
        "SSLCertVerificationError",
        "SSLContext",
        "SSLEOFError",
        "SSLError",
        "SSLObject",
        "SSLWantReadError",
        "SSLWantWriteError",
        "SSLZeroReturnError",
        "create_default_context",
    },
    "socket": {"gaierror", "gethostname"},
}
ROOM = {"sampler/_runtime/native.py", "sampler/adapterkit/threads.py"}
APART = {
    "sampler/_runtime/fork.py": "follows os.fork as it is, on PyPy",
    "sampler/_runtime/named_thread.py": "what it makes is started only without greenlets",
    "sampler/_runtime/waiting.py": "the queue is a fallback of interpreters without _queue",
    "sampler/samplers/cpython.py": "counts the program's threads, as it sees them",
}
"""Files that may name such a module, and why."""
THEIR_OWN = ("sampler/cli/", "sampler/testing/", "sampler/validate/")
"""What runs where its caller does: the command, the kits and the validator."""


def product() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("sampler", "adapters"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(THEIR_OWN) and name not in ROOM:
                yield name, ast.parse(file.read_text())


def annotations_apart(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what is run: neither annotations nor what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(tree, ast.arg | ast.AnnAssign) and node is tree.annotation:
            continue
        if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) and node is tree.returns:
            continue
        yield node
        yield from annotations_apart(node)


def allowed(module: str, name: str) -> bool:
    return name.isupper() or name in FINE.get(module, ())


def breaches(tree: ast.Module) -> Iterator[str]:
    """Yield what a file takes that somebody may replace."""
    for node in annotations_apart(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = node.module
            for alias in node.names:
                replaced = module in REPLACED and not allowed(module, alias.name)
                if replaced or (module, alias.name) in NAMES:
                    yield f"{node.lineno}: from {module} import {alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in REPLACED - FINE.keys():
                    yield f"{node.lineno}: import {alias.name}"
        elif isinstance(node, ast.Attribute) and node.attr == "wrap_socket":
            yield f"{node.lineno}: wrap_socket"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = node.value.id, node.attr
            replaced = module in FINE and not allowed(module, name)
            if replaced or (module, name) in NAMES:
                yield f"{node.lineno}: {module}.{name}"


@pytest.mark.scenario(59)
def test_nothing_that_may_be_replaced_is_taken_from_where_it_is() -> None:
    """Use Socket, getaddrinfo, Selector, sleep, Thread, Lock and TLSSocket of sampler.agent."""
    found = {
        name: said for name, tree in product() if name not in APART and (said := [*breaches(tree)])
    }
    assert found == {}


def test_files_apart_are_still_there() -> None:
    """Each of them has something that would be found."""
    trees = dict(product())
    assert [name for name in APART if not [*breaches(trees[name])]] == []


@pytest.mark.parametrize(
    "text",
    [
        "import socket; socket.socketpair()",
        "from socket import socket, AF_INET",
        "import time; time.sleep(1)",
        "from time import sleep",
        "def f():\n    import threading",
        "import selectors; selectors.DefaultSelector()",
        "context.wrap_socket(connection)",
        "import ssl\nclass A(ssl.SSLSocket): ...",
        "import http.client",
        "import os; os.fork()",
    ],
)
def test_the_check_sees(text: str) -> None:
    """What it is there for."""
    assert [*breaches(ast.parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        "from socket import AF_INET, SOCK_STREAM",
        "if TYPE_CHECKING:\n    import socket\n    import ssl\ndef f(a: socket.socket): ...",
        "import selectors, socket; selectors.EVENT_READ, socket.AF_INET, socket.gethostname()",
        "import ssl; ssl.create_default_context()",
        "import time; time.monotonic()",
    ],
)
def test_the_check_lets_pass(text: str) -> None:
    """What nobody replaces."""
    assert [*breaches(ast.parse(text))] == []


def test_what_the_room_hands_out_is_native() -> None:
    """In a program without greenlets it is what the interpreter itself has."""
    import _thread
    import selectors

    assert native.get_ident is _thread.get_ident
    assert threads.Lock is _thread.allocate_lock
    assert sampler.adapterkit.threads.Selector is selectors.DefaultSelector
    assert "gevent" not in sys.modules or native.green()


def test_the_main_thread_holds_no_lock_of_threading_while_it_starts_ours(monkeypatch):
    """A signal handler that comes then may start, reload and stop an agent."""
    start, callers = threading.Thread.start, []

    def noted(thread):
        callers.append(threading.get_ident())
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    names = []
    thread = threads.Thread(lambda: names.append(threading.current_thread().name), "sampler-test")
    thread.start()
    assert thread.join(20)
    assert names == ["sampler-test"]
    assert callers
    assert threading.main_thread().ident not in callers


def test_what_does_not_end_is_waited_for_as_long_as_it_may_take():
    """As where a program's own lock holds it up."""
    may = threading.Event()
    left = iter([0.01, 0.01, 0.0])
    with pytest.raises(TimeoutError, match="has not ended"):
        threads.uninterrupted(lambda: may.wait(20), left=lambda: next(left, 0.0))
    may.set()


def test_a_thread_that_cannot_start_is_said_on_the_main_thread_too(monkeypatch):
    """Which has another one start it."""

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        threads.Thread(lambda: None, "sampler-test").start()
    assert not [each for each in threads.running() if each.name == "sampler-test"]


def test_a_thread_that_has_ended_is_never_the_calling_one():
    """The operating system gives its identifier to one that starts later."""
    ended, taken = [], []
    for _ in range(50):
        thread = DaemonThread(lambda: taken.extend(each.is_current() for each in ended), "short")
        thread.start()
        assert thread.join(5)
        ended.append(thread)
    assert len(taken) > 1_000
    assert not any(taken)


def test_a_handler_that_interrupts_a_wait_for_a_thread_may_wait_for_it_too():
    """Also at the moment when that wait has its lock."""
    may_end, answers = threading.Event(), []
    thread = DaemonThread(may_end.wait, "sampler-test", (20,))
    thread.start()
    lock = thread._ended

    class Interrupted:
        """A lock of which a handler comes in between once it is taken."""

        release, locked = lock.release, lock.locked

        def acquire(self, **how: float) -> bool:
            may_end.set()
            taken = lock.acquire(**how)
            answers.append((thread.join(5), thread.is_alive()))
            return taken

    thread._ended = Interrupted()
    assert thread.join(20)
    assert answers == [(True, False)]
