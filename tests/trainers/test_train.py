"""One trial: its numbers and its files."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import TrialSkipped
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import Adam, Sgd
from training import RECIPE, epochs_of, same, train_in


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_same_seed_same_weights_bit_for_bit(tmp_path: Path) -> None:
    """On a CPU; another seed gives others."""
    _, once = train_in(RECIPE, tmp_path / "a")
    _, again = train_in(RECIPE, tmp_path / "b")
    _, other = train_in(dataclasses.replace(RECIPE, seed=1), tmp_path / "c")
    assert same(once, again)
    assert not same(once, other)


def test_training_learns(tmp_path: Path) -> None:
    """The loss falls and accuracy ends far above chance."""
    plain = {"optimizer": Adam(lr=0.01), "lr_regime": Cosine()}
    recipe = dataclasses.replace(RECIPE, tricks=plain, epochs=12, dataset=Shapes(count=600))
    result, _ = train_in(recipe, tmp_path / "a")
    events = epochs_of(tmp_path / "a")
    assert events[-1]["train_loss"] < events[0]["train_loss"] / 2
    assert result["val_accuracy"] == events[-1]["val_accuracy"] > 0.6


def test_result_has_every_figure(tmp_path: Path) -> None:
    """Costs are there, and FLOPs are those of the convolutions and the head."""
    result, _ = train_in(RECIPE, tmp_path / "a")
    assert result["status"] == "finished"
    assert result["parameters"] == sum(p.numel() for p in SmallResNet(8, 4, 10, 1).parameters())
    convs = [(1, 4, 3, 8), *[(4, 4, 3, 8)] * 2, (4, 8, 3, 4), (8, 8, 3, 4), (4, 8, 1, 4)]
    convs += [(8, 16, 3, 2), (16, 16, 3, 2), (8, 16, 1, 2)]
    expected = sum(2 * i * o * k * k * side * side for i, o, k, side in convs) + 2 * 16 * 10
    assert result["flops"] == expected
    assert 0 < float(str(result["train_seconds"])) < float(str(result["wall_seconds"]))
    assert result["peak_memory_bytes"] is not None
    assert [event["epoch"] for event in epochs_of(tmp_path / "a")] == [1, 2, 3]


def test_steps_can_be_limited(tmp_path: Path) -> None:
    """The schedules end where training ends."""
    result, _ = train_in(dataclasses.replace(RECIPE, max_steps=5), tmp_path / "a")
    events = epochs_of(tmp_path / "a")
    assert [event["steps"] for event in events] == [3, 2]
    assert events[-1]["lr"] == pytest.approx(0.05 * Cosine().lr_factor(4 / 5))
    assert result["epochs"] == 2


def test_each_batch_of_evaluation_is_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On validation and test images: a pass over many is no silence."""
    seen: list[tuple[bool, float]] = []

    class Slow(SmallResNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append((self.training, beats[-1]))
            return super().forward(images)

    beats = [0]

    def beat(_: EventLog) -> None:
        beats.append(beats[-1] + 1)

    monkeypatch.setattr(EventLog, "beat", beat)
    recipe = dataclasses.replace(
        RECIPE, build=partial(Slow, depth=8, width=4), epochs=1, test_set=True, batch_size=8
    )
    train(recipe, tmp_path)
    evaluated = [count for training, count in seen if not training and count]
    assert len(evaluated) == len(set(evaluated)) == 2  # a batch of either split


def test_non_finite_loss_is_diverged(tmp_path: Path) -> None:
    """It ends at once, with the epoch in the reason."""
    tricks = {**RECIPE.tricks, "optimizer": Sgd(lr=1e30)}
    result, _ = train_in(dataclasses.replace(RECIPE, tricks=tricks), tmp_path / "a")
    assert result["status"] == "diverged"
    assert "epoch 1" in str(result["reason"])
    assert len(epochs_of(tmp_path / "a")) == 1


class _Absent:
    def load(self, split_seed: int) -> Data:
        raise TrialSkipped(f"no images for split {split_seed}")


def test_what_is_not_to_be_had_is_raised(tmp_path: Path) -> None:
    """For the caller to make a row of it."""
    with pytest.raises(TrialSkipped, match="split 0"):
        train(dataclasses.replace(RECIPE, dataset=_Absent()), tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"max_steps": 0}, {"amp": "fp8"}, {"lr_scale": 0}],
)
def test_bad_numbers_are_refused(change: dict[str, object]) -> None:
    """With the key and its range."""
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(RECIPE, **change)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_training_on_a_gpu(tmp_path: Path) -> None:
    """The same recipe trains there too, in bf16 where it can."""
    result, _ = train_in(dataclasses.replace(RECIPE, device="cuda"), tmp_path / "a")
    assert result["status"] == "finished"
