"""Servers that samplers are tested with."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.samplers.servers.daemons import Postgres, there, tool
from tests.support.process import MissingServerError
from tests.wiring.rig import need

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """Run PostgreSQL, which the tests of a file share."""
    need(request, "psycopg")
    if os.geteuid():
        pytest.skip("PostgreSQL's user can be taken by root only")
    there(request, "setpriv")
    try:
        tool("postgres")
    except MissingServerError as error:
        if request.config.getoption("--require-servers"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with Postgres(Path(name) / "postgres") as server:
            yield server
