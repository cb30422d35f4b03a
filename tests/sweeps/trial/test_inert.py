"""What is known of trials before they train: which are inert, and how long they take."""

from __future__ import annotations

from typing import Any

import pytest

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.estimate import _seconds
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.inert import INERT, find_inert


def _trials(*options: str) -> list[dict[str, Any]]:
    common = ["dataset=tiny", "runtime.device=cpu", "epochs=6"]
    with hydra_session() as hydra:
        loader = hydra.config_loader
        return [resolve(compose(loader, [*common, *option.split()])) for option in options]


def test_trick_that_changes_the_recipe_is_not_inert() -> None:
    """A trick that changes any number of the recipe is not inert, and its plain option is."""
    trials = _trials(
        "",
        "+trick/batch_size=x1",
        "+trick/batch_size=x4_unscaled",
        "+trick/early_stopping=on",
        "+trick/shuffle=once",
        "+trick/input_geometry='test_crop_0.875'",
        "+trick/ema=on",
    )
    assert find_inert(trials) == [None, INERT, None, None, None, None, None]


def test_estimated_time_is_that_of_the_edited_recipe() -> None:
    """Steps are counted for the edited batch size; step time is measured where it can differ."""
    base, longer, quarter, sam, cutout = _trials(
        "", "epochs=12", "+trick/batch_size='x0.25'", "trick/optimizer=sam", "+trick/cutout='16'"
    )
    measured: dict[str, float] = {}
    seconds = _seconds(base, measured)
    assert _seconds(longer, measured) == pytest.approx(2 * seconds)
    assert _seconds(cutout, measured) == seconds
    assert len(measured) == 1
    _seconds(sam, measured)
    _seconds(quarter, measured)
    assert len(measured) == 3
    alike = dict.fromkeys(measured, 1.0)
    assert (_seconds(base, alike), _seconds(quarter, alike)) == (2 * 6, 10 * 6)  # of 40 images
