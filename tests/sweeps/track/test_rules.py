"""Rules of the verdicts, as a configuration fixes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.sweeps import api
from darkmagic.sweeps.track.rules import METRICS, read_rules
from sweeping import TINY


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("given", [None, 0.0, 0.3])
def test_smallest_effect_is_in_the_unit_of_what_decides(
    metric: str, given: float | None, tmp_path: Path
) -> None:
    """A tenth of a point by default; a tenth of a nat is large, so of a loss nothing is small."""
    own = [] if given is None else [f"min_effect={given}"]
    planned = api.plan([*TINY, f"runtime.out='{tmp_path}'", f"metric={metric}", *own])
    default = 0.0 if metric == "loss" else 0.1
    assert read_rules(planned.config).min_effect == (default if given is None else given)
