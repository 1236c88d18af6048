"""Each scenario is played: the right signals rise, and the misleading ones do not."""

from __future__ import annotations

import pytest

from examples.talk.frame.stage import BusyError, play
from examples.talk.scenarios import SCENARIOS
from tests.samplers.servers.daemons import there
from tests.support.process import MissingServerError
from tests.wiring.rig import need

pytestmark = pytest.mark.server
_PACE = 0.4
"""What a play's durations are multiplied by: claims are about ratios."""


def _cases():
    for scenario in SCENARIOS.values():
        marks = [pytest.mark.long] if scenario.alone else []
        yield pytest.param(scenario, id=scenario.name, marks=marks)


@pytest.mark.parametrize("scenario", list(_cases()))
def test_what_the_talk_claims_is_to_be_seen(request, scenario):
    """All claims of the scenario hold, and none lacks its figures."""
    need(request, "gunicorn")
    for package in scenario.packages:
        need(request, package)
    there(request, *scenario.programs)
    try:
        _, outcome = play(scenario, 1.0 if scenario.alone else _PACE)
    except (BusyError, MissingServerError) as reason:  # programs are there; so it is their user
        pytest.skip(str(reason))
    failed = [text for text, holds in outcome.verdicts if not holds]
    assert not failed, outcome.figures
