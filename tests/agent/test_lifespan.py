"""An agent that lives as long as an application on an event loop, on a real server."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import pytest

from sampler.agent import Lifespan, stop
from tests.support.doubles import LineSink
from tests.support.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import asyncio, contextlib, os, sys
import sampler, sampler.agent, uvicorn
file, sink = sys.argv[1:]
with open(file, "w") as out:
    out.write(f'interval = 60\\nservice = "s"\\n[adapters.graphite]\\nport = {sink}\\n')
orders = sampler.Instruments("shop").counter("orders")
async def tasks():
    await asyncio.sleep(0)
    return [("running", len(asyncio.all_tasks()))]
loops = []
def found():
    return loops[0]
sampler.register({"name": "loop", "sample": tasks, "loop": found})
def begin():
    loops.append(asyncio.get_running_loop())
async def answer(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    orders.inc()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            for _ in range(7):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
                assert b"ok" in await reader.read()
                writer.close()
            print("worked", flush=True)
def serve(app, **options):
    Server(uvicorn.Config(app, port=0, log_level="error", **options)).run()
"""


@pytest.fixture
def sink() -> Iterator[LineSink]:
    with LineSink() as sink:
        yield sink


def served(tmp_path: Path, sink: LineSink, text: str) -> tuple[int, str, str]:
    """Run a server until it has answered, and end it; return its status and what it printed."""
    pytest.importorskip("uvicorn")
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if said:
            process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    return process.returncode, said + rest, errors


def values(sink: LineSink, name: str) -> list[float]:
    return [float(line.split()[1]) for line in sink.lines if f".{name} ".encode() in line]


KNOWS_LIFESPANS = """
async def app(scope, receive, send):
    if scope["type"] != "lifespan":
        return await answer(scope, receive, send)
    begin()
    await receive()
    async with sampler.agent.running(file):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
serve(app)
"""
WRAPPED = """
class Begins(sampler.agent.Lifespan):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            begin()
        await super().__call__(scope, receive, send)
serve(Begins(answer, file))
"""


@pytest.mark.parametrize("text", [KNOWS_LIFESPANS, WRAPPED], ids=["running", "Lifespan"])
def test_the_last_interval_of_a_server_arrives(tmp_path: Path, sink: LineSink, text: str) -> None:
    """Samplers of its own loop answer at the start and at the end, since neither holds it up."""
    status, said, errors = served(tmp_path, sink, text)
    assert (said, errors) == ("worked\n", "")
    assert status in (0, -signal.SIGTERM)  # uvicorn raises the signal again
    assert values(sink, "orders")[-1] == 7
    assert len(values(sink, "running")) >= 2


def test_a_bad_file_is_told_without_a_traceback(tmp_path: Path, sink: LineSink) -> None:
    """By the server, which does not start."""
    text = """
    with open(file, "a") as out:
        out.write("speed = 9\\n")
    serve(sampler.agent.Lifespan(answer, file))
    """
    status, said, errors = served(tmp_path, sink, text)
    assert status != 0
    assert said == ""
    assert "speed" in errors
    assert "Traceback" not in errors


def lifespan_of(application: Any, tmp_path: Path) -> list[str]:
    """Start and stop a wrapped application as a server does; return what it was sent."""
    file = tmp_path / "sampler.toml"
    file.write_text('service = "s"\n[samplers]\nenable = []\n')
    wanted = ["lifespan.startup", "lifespan.shutdown"]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": wanted.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def live() -> None:
        await Lifespan(application, str(file))({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    return sent


async def knowing(scope: Any, receive: Any, send: Any) -> None:
    """Take part, as frameworks do."""
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    """Know nothing of lifespans."""
    raise NotImplementedError(scope["type"])


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing but HTTP."""


@pytest.mark.parametrize("application", [knowing, refusing, silent])
def test_a_server_hears_of_start_and_end_once(tmp_path: Path, application: Any) -> None:
    """Whatever the application knows of the protocol."""
    assert lifespan_of(application, tmp_path) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_an_application_that_fails_to_start_says_so_itself(tmp_path: Path) -> None:
    """And no agent is left behind."""

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        lifespan_of(failing, tmp_path)
    assert stop() == {}  # none runs


NO_LIFESPAN = """
sampler.registry.unregister("loop")
sampler.agent.start(file)
serve(answer, lifespan="off")
"""


def test_a_server_that_raises_its_signal_again_delivers_first(
    tmp_path: Path, sink: LineSink
) -> None:
    """Its process never gets to atexit, and its application knows no lifespan."""
    status, said, errors = served(tmp_path, sink, NO_LIFESPAN)
    assert (status, said, errors) == (-signal.SIGTERM, "worked\n", "")
    assert values(sink, "orders")[-1] == 7


def test_a_server_that_ends_by_itself_leaves_the_agent_to_its_program(
    tmp_path: Path, sink: LineSink
) -> None:
    """Which goes on, and counts."""
    pytest.importorskip("uvicorn")
    text = """
    sampler.registry.unregister("loop")
    sampler.agent.start(file)
    class Once(Server):
        async def main_loop(self):
            return
    Once(uvicorn.Config(answer, port=0, log_level="error", lifespan="off")).run()
    orders.inc(3)
    """
    with program(tmp_path, sink, text, begin=PROGRAM) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said, errors) == (0, "worked\n", "")
    assert values(sink, "orders")[-1] == 10
