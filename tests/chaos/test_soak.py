"""The soak for half a minute; ``python -m tests.chaos.soak`` runs it for ten."""

from __future__ import annotations

import pytest

from tests.chaos.soak.run import soak


@pytest.mark.scenario(41)
@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_law_holds_under_load_and_faults_and_everything_stays_flat(launch, tmp_path):
    """10,000 samples a second to three real servers, a fault every five seconds."""
    assert soak(launch, tmp_path, seconds=30, seed=1) == []
