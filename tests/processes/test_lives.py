"""The rows that ``.ci/run`` lives; all of them: ``python -m tests.processes``."""

from __future__ import annotations

import pytest

from tests.processes.__main__ import live_row
from tests.processes.rows import ROWS

pytestmark = [pytest.mark.server, pytest.mark.long]
CHOSEN = (
    "gunicorn sync --preload",
    "uWSGI master",
    "uvicorn --workers",
    "Celery prefork",
    "Pool fork",
    "Apache daemon",
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CHOSEN)
def test_everything_arrives_whatever_happens_to_a_program(name, request, tmp_path):
    """Under ``sampler run --``, with all its workers, after every event; and nothing is left."""
    if missing := ROWS[name].missing():
        said = f"not on this machine: {', '.join(missing)}"
        if request.config.getoption("--require-servers"):
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    if closed := ROWS[name].closed():
        pytest.skip(f"{ROWS[name].user} cannot read {closed}")
    log = tmp_path / "log"
    with log.open("ab") as said:
        cells = live_row(name, "run", "", said)["cells"]
    red = {cell["event"]: cell["faults"] for cell in cells if cell["verdict"] == "red"}
    assert not red, log.read_text(errors="replace")[-20_000:]
    assert sum(cell["verdict"] != "none" for cell in cells) >= 7
