"""early_stopping: when training has stalled, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.early_stopping import EarlyStopping, has_stalled
from darkmagic.trainers.tricks.optimizer import Sgd
from training import changed_parts, make_recipe, trained_checkpoint


@pytest.mark.parametrize(
    ("losses", "patience", "stalled"),
    [
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),
        ([3, 1, 2, 2], 3, False),
        ([3, 1, 2, 2, 2], 3, True),
        ([3, 1, 2, 2, 0.5], 3, False),
        ([1], 1, False),
        ([], 2, False),
    ],
)
def test_stalled_is_by_the_best_so_far(losses: list[float], patience: int, stalled: bool) -> None:
    """No epoch of the last `patience` beats all before them."""
    assert has_stalled(losses, patience) is stalled


def test_stopping_early(tmp_path: Path) -> None:
    """The last network is evaluated, with the same epochs as in the whole training; finding it
    stopped is enough to be done.
    """
    frozen = {"optimizer": Sgd(lr=1e-12), "stop": EarlyStopping(patience=2)}
    recipe = make_recipe(epochs=8, **frozen)
    result, checkpoint = trained_checkpoint(recipe, tmp_path / "a")
    losses = [event["val_loss"] for event in checkpoint["history"]]
    assert 3 <= result["epochs"] == len(losses) < 8
    assert has_stalled(losses, 2)
    assert not has_stalled(losses[:-1], 2)
    assert result["status"] == "finished"
    assert result["reason"] == f"stopped early, after epoch {len(losses)} of 8"
    assert result["val_loss"] == losses[-1]
    again = train(recipe, tmp_path / "a")
    assert again.epochs == len(losses)
    assert again.reason == result["reason"]


def test_fingerprint_sees_when_training_may_stop() -> None:
    """A fingerprint tells when training may stop, which the first steps do not show."""
    assert changed_parts(EarlyStopping()) == {"beside_steps"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(patience=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
