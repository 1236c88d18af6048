"""The web application: two real gunicorn workers, every request counted at both backends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.installed import ROOT, NotInstallableError, install
from tests.support.ports import HOST, accepts, free_port
from tests.support.waiting import wait_for

REQUESTS = 120


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory, pytestconfig):
    """The python of an environment with the application installed."""
    try:
        return install(tmp_path_factory.mktemp("app") / "venv", ".[statsd]", "./examples/app")
    except NotInstallableError as reason:
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture
def served(gunicorn, carbon, statsd, tmp_path):
    """The application, served; its base URL and its process."""
    folder = Path(shutil.copytree(ROOT / "examples" / "app", tmp_path / "app"))
    text = (folder / "sampler.toml").read_text()
    text = text.replace("interval = 10", "interval = 1")
    text = text.replace("[adapters.graphite]", f"[adapters.graphite]\nport = {carbon.line_port}")
    text = text.replace("[adapters.statsd]", f"[adapters.statsd]\nport = {statsd.port}")
    port = free_port()
    text = text.replace('service = "shop"', f'service = "shop_{port}"')  # nobody else's slots
    (folder / "sampler.toml").write_text(text)
    env = environment(BIND=f"{HOST}:{port}")
    command = [str(gunicorn), "-m", "gunicorn", "-c", "gunicorn.conf.py", "shop:app"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        wait_for(lambda: accepts(port), limit=30, what="gunicorn")
        yield f"http://{HOST}:{port}", process, tmp_path / "log"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def get(url):
    """Return the status of a request."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def counted(carbon, word):
    """Return the sum of the last values of the paths that have ``word`` in them."""
    paths = [path for path in carbon.paths() if word in path]
    points = [carbon.series(path) for path in paths]
    return sum(each[max(each)] for each in points if each)


def test_every_request_is_counted_once(served, carbon, statsd):
    """By the worker that answered it, the last ones by its final flush."""
    base, process, log = served
    urls = [f"{base}/{path}" for path in ("", "buy/tea", "buy/milk", "nowhere")]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(get, urls * (REQUESTS // len(urls))))
    assert answers == [200, 200, 404, 404] * (REQUESTS // 4)
    wait_for(lambda: counted(carbon, ".shop.requests."), limit=20, what="a count on disk")
    answers += [get(f"{base}/buy/tea") for _ in range(7)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, log.read_text()
    total = len(answers)
    wait_for(
        lambda: counted(carbon, ".shop.requests.") == total,
        limit=20,
        what=f"{total} requests on disk",
    )
    assert counted(carbon, ".shop.latency.count.") == total
    assert counted(carbon, ".shop.active") == 0
    instances = {path.split(".")[2] for path in carbon.paths() if ".shop.requests." in path}
    assert instances == {"0", "1"}

    def summed():
        sums = statsd.counters_total()
        return sum(n for name, n in sums.items() if ".shop.requests." in name)

    wait_for(lambda: summed() == total, limit=20, what=f"{total} requests at statsd")
    assert any(".shop.latency.p95." in name for name in statsd.gauges())
    assert any(".process.memory.usage" in path for path in carbon.paths())
    assert any(".cpython." in path for path in carbon.paths())
    assert "Traceback" not in log.read_text()


def test_its_configuration_is_fine(gunicorn, tmp_path):
    """As the README's check says."""
    done = subprocess.run(
        [str(gunicorn), "-m", "sampler", "check", "--no-network", "-q"],
        cwd=ROOT / "examples" / "app",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "sampler.toml: fine" in done.stdout, done.stderr
