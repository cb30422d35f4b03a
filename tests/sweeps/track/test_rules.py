"""Rules of the verdicts, as a configuration fixes them."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.track.rules import METRICS, read_rules


@pytest.mark.parametrize("metric", METRICS)
def test_smallest_effect_is_in_the_unit_of_what_decides(metric: str) -> None:
    """A tenth of a point by default; a tenth of a nat is large, so of a loss nothing is small."""
    default = 0.0 if metric == "loss" else 0.1
    with hydra_session() as hydra:
        config = compose(hydra.config_loader, [f"metric={metric}"])
        assert read_rules(config).min_effect == default
        for given in (0.0, 0.3):
            config.min_effect = given
            assert read_rules(config).min_effect == given
