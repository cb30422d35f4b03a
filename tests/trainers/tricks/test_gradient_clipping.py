"""gradient_clipping: the norm of what is stepped by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.optimizer import Sgd
from training import RECIPE, changed_parts, same, train_in

CONTRACT = {"changes": ["update", "beside_steps"]}


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """A tiny norm all but stops plain SGD."""
    plain = {"optimizer": Sgd(lr=0.1, momentum=0.0)}
    recipe = dataclasses.replace(RECIPE, tricks=plain, max_steps=1)
    _, free = train_in(recipe, tmp_path / "free")
    tricks = {**plain, "clipping": GradientClipping(1e-3)}
    _, clipped = train_in(dataclasses.replace(recipe, tricks=tricks), tmp_path / "clipped")
    _, start = train_in(
        dataclasses.replace(recipe, tricks={"optimizer": Sgd(lr=1e-30)}), tmp_path / "start"
    )
    names = [n for n, _ in SmallResNet(8, 4, 10, 1).named_parameters()]
    moved = torch.stack([(clipped[n] - start[n]).square().sum() for n in names]).sum().sqrt()
    assert moved.item() == pytest.approx(0.1 * 1e-3, rel=1e-2)
    assert not same(free, clipped)


def test_clipping_is_pytorchs() -> None:
    """The norm over all gradients is `max_norm` after it, and shorter gradients stay."""
    rng = generator(0, "gradients")
    ours = [nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,))]
    theirs = [nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,))]
    for mine, other in zip(ours, theirs, strict=True):
        mine.grad = torch.randn(mine.shape, generator=rng)
        other.grad = mine.grad.clone()
    GradientClipping(100.0).transform_gradients(ours)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
    GradientClipping(0.5).transform_gradients(ours)
    nn.utils.clip_grad_norm_(theirs, 0.5)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
    norm = torch.cat([parameter.grad.flatten() for parameter in ours]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-4)


def test_fingerprint_sees_a_clipping_that_comes_later() -> None:
    """A fingerprint tells a clipping that comes later, which the first steps do not show."""
    assert changed_parts(GradientClipping(1e6)) == {"beside_steps"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: GradientClipping(max_norm=0),
        lambda: GradientClipping(max_norm=-1),
        lambda: GradientClipping(float("inf")),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
