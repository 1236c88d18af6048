"""Take all pictures of README and docs: ``python -m tests.page.pictures [--seconds N]``.

The demo's come from ``tests.examples.picture``, which runs first. Those of the live page and of
top, ``docs/pictures/live-*.png`` and ``docs/pictures/top.svg``, show what is real, too: a Flask
application under gunicorn with two workers, its load, a carbon-cache, the page of ``sampler run``,
and the terminal of ``sampler top``.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import math
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command import environment
from tests.support.ports import HOST, accepts, free_ports
from tests.support.servers import Carbon
from tests.support.tmux import terminal
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
CLIENTS = 12
COLUMNS, LINES = 96, 30
"""Of the terminal."""
MOST = 150_000
"""Bytes that a picture may have."""
CONFIGURATION = """
interval = 1
service = "bakery"
socket = "{socket}"
[samplers]
enable = ["bakery", "http.server", "process", "gunicorn", "gunicorn.arbiter", "listener"]
[adapters.prometheus]
listen = "{host}:{page}"
live = true
[adapters.graphite]
port = {graphite}
"""


def _client(number: int, port: int, stop: threading.Event) -> None:
    """Ask as one client does, more and less eagerly as minutes go by."""
    chance = random.Random(number)
    while not stop.is_set():
        eager = 1.2 + math.sin(time.time() / 19)
        stop.wait(chance.expovariate(5.0 * eager))
        kind = chance.choices(["rye", "wheat", "spelt"], [5, 3, 1])[0]
        path = "/" if chance.random() < 0.4 else f"/loaves/{kind}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            _ask(port, path, {"X-Request-Start": f"t={time.time():.6f}"})


def _ask(port: int, path: str, fields: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path, headers=fields)
        connection.getresponse().read()
    finally:
        connection.close()


@contextlib.contextmanager
def the_bakery() -> Iterator[tuple[str, Path]]:
    """Run the application under load; yield the page's address, and the socket of ``top``."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as last:
        folder = Path(name)
        (folder / "carbon").mkdir()
        carbon = last.enter_context(Carbon(folder / "carbon"))
        shop, page = free_ports(2)
        socket = folder / "sampler.sock"
        configuration = CONFIGURATION.format(
            host=HOST, page=page, graphite=carbon.line_port, socket=socket
        )
        (folder / "sampler.toml").write_text(configuration)
        shutil.copy(Path(__file__).with_name("bakery.py"), folder)
        gunicorn = [Path(sys.executable).parent / "gunicorn", "-w", "2", "--threads", "2"]
        gunicorn += ["--control-socket", folder / "gunicorn.ctl"]
        process = subprocess.Popen(
            [sys.executable, "-m", "sampler", "run", "--", *gunicorn, "-b", f"{HOST}:{shop}",
             "bakery:app"],
            cwd=folder,
            env=environment(),
        )  # fmt: skip
        clients = [
            threading.Thread(target=_client, args=(number, shop, stop))
            for number in range(CLIENTS)
        ]
        try:
            wait_for(lambda: accepts(shop) and accepts(page), 60, "the bakery")
            for _ in range(20):  # both workers have loaded then
                _ask(shop, "/", {})
            for each in clients:
                each.start()
            yield f"http://{HOST}:{page}/live/", socket
        finally:
            stop.set()
            for each in clients:
                if each.ident:
                    each.join()
            process.terminate()
            process.wait(60)


def _take(browser: Any, url: str, name: str, size: tuple[int, int], scheme: str) -> None:
    from playwright.sync_api import expect

    width, height = size
    phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=1.5 if phone else 1,
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#state")).to_have_text("live")
    if "#" in url:
        expect(page.locator("#one .last tbody tr").first).to_be_visible()
    else:
        expect(page.locator("#list .c-value:not(:empty)").first).to_be_attached()
    page.wait_for_timeout(1500)  # the next round: no picture of a first moment
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file)
    context.close()
    _small(file)


def _draw_top(socket: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    from tests.support.drawing import draw

    command = [sys.executable, "-m", "sampler", "top", "--socket", str(socket)]
    env = environment(TERM="screen-256color", LC_ALL="C.UTF-8")
    with (
        tempfile.TemporaryDirectory() as folder,
        terminal(Path(folder), command, env, COLUMNS, LINES) as screen,
    ):
        screen.shows("bakery.")
        time.sleep(3)  # as above
        console = Console(
            record=True, color_system="truecolor", width=COLUMNS, file=StringIO(), highlight=False
        )
        console.print(Text.from_ansi(screen.styled().rstrip()))
    file = PICTURES / "top.svg"
    draw(console, "sampler top", file)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")
    assert file.stat().st_size < MOST


def _small(file: Path) -> None:
    """Write a picture with a palette, which is all that a page's few colours need."""
    from PIL import Image

    with Image.open(file) as picture:
        palette = picture.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
    palette.save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.relative_to(ROOT)}: {size} bytes")
    assert size < MOST, f"{file} has {size} bytes: show less of the page"


def main() -> None:
    """Let the demo be drawn, run the bakery for a while, and take its pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=150, help="how much history they show")
    seconds = parser.parse_args().seconds
    PICTURES.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "tests.examples.picture"], cwd=ROOT, check=True)
    with the_bakery() as (url, socket), sync_playwright() as playwright:
        time.sleep(seconds)
        _draw_top(socket)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        _take(browser, url, "live-light", (1280, 1000), "light")
        _take(browser, url, "live-dark", (1280, 1000), "dark")
        _take(browser, url, "live-phone", (390, 844), "dark")
        series = f"{url}#/series/bakery.baking.duration"
        _take(browser, series, "live-series", (1280, 800), "light")
        browser.close()


if __name__ == "__main__":
    main()
