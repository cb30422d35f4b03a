"""RandAugment, TrivialAugment and single operations, against torchvision or by definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional as tv

from darkmagic.trainers.augment.autoaugment import magnitudes
from darkmagic.trainers.augment.blur import blur, kernel_side
from darkmagic.trainers.augment.noise import add_noise, drop_pixels, shift_channels
from darkmagic.trainers.augment.operations import OPERATIONS, SIGNED, Policy, apply_policy
from darkmagic.trainers.augment.randaugment import (
    BINS,
    draw_randaugment,
    draw_trivialaugment,
    wide_magnitudes,
)
from darkmagic.trainers.runtime.randomness import generator
from references import REFERENCE, SHAPES, random_images

IN_31 = partial(magnitudes, bins=BINS)


@pytest.mark.parametrize("size", [(48, 40), (28, 28), (8, 8)])
@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "Invert"])
def test_randaugment_and_trivialaugment_magnitudes_match_torchvision(
    name: str, size: tuple[int, int]
) -> None:
    """The 31 magnitudes of each operation, and whether they have a sign, equal torchvision's."""
    for space, ours in [
        (transforms.RandAugment()._augmentation_space(BINS, size), IN_31),
        (transforms.TrivialAugmentWide()._augmentation_space(BINS), wide_magnitudes),
    ]:
        bins, signed = space[name]
        expected = bins.double() if bins.ndim else torch.zeros(BINS).double()
        assert torch.allclose(ours(name, size), expected, atol=1e-5)
        assert signed == (name in SIGNED)


def test_operations_and_magnitudes_are_drawn_uniformly() -> None:
    """Torchvision's 14 operations are drawn equally often, and so are TrivialAugment's bins."""
    known = set(transforms.RandAugment()._augmentation_space(BINS, (32, 32)))
    rand = draw_randaugment(28_000, generator(0, "rand"), operations=2, magnitude=9)
    trivial = draw_trivialaugment(28_000, generator(0, "trivial"))
    for policy in (rand, trivial):
        for stage in policy.operation.unbind(1):
            counts = torch.bincount(stage + 1, minlength=len(OPERATIONS) + 1) / len(stage)
            drawn = {"Identity", *(OPERATIONS[i - 1] for i in counts.nonzero().flatten() if i)}
            assert drawn == known
            assert torch.allclose(counts[counts > 0], torch.tensor(1 / 14), atol=0.006)
    assert rand.operation.shape == (28_000, 2)
    assert (rand.bin == 9).all()
    assert torch.allclose(
        torch.bincount(trivial.bin[:, 0]) / 28_000, torch.tensor(1 / 31), atol=0.005
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("draw", "space"),
    [
        (partial(draw_randaugment, operations=2, magnitude=9), IN_31),
        (draw_trivialaugment, wide_magnitudes),
    ],
    ids=["randaugment", "trivialaugment"],
)
def test_drawn_policy_applies_torchvision_operations_in_order(
    shape: tuple[int, int, int],
    draw: Callable[[int, torch.Generator], Policy],
    space: Callable[[str, tuple[int, int]], Tensor],
) -> None:
    """A drawn policy does to each sample what torchvision's operations do, one after the other."""
    images = random_images(shape, 200)
    policy = draw(len(images), generator(1, "policy"))
    ours = apply_policy(images, policy, space)
    differing = 0
    for place, image in enumerate(images):
        expected = image
        for stage in range(policy.operation.shape[1]):
            operation = int(policy.operation[place, stage])
            if operation >= 0:
                name = OPERATIONS[operation]
                bins = space(name, (shape[1], shape[2]))
                magnitude = bins[policy.bin[place, stage]] * policy.sign[place, stage]
                expected = REFERENCE[name](expected, magnitude.item())
        differing += bool((ours[place] != expected).float().mean() > 0.002)
    assert differing <= 4, f"{differing} of {len(images)} samples differ"


def test_noise_has_the_given_standard_deviation() -> None:
    """Noise has the given standard deviation and zero mean, and is clamped to 0..255."""
    grey = torch.full((40, 3, 16, 16), 128, dtype=torch.uint8)
    noisy = add_noise(grey, 16, generator(0, "noise"))
    assert noisy.float().std().item() == pytest.approx(16, rel=0.02)
    assert noisy.float().mean().item() == pytest.approx(128, abs=0.3)
    assert add_noise(grey * 0, 16, generator(0, "noise")).float().mean() < 16


def test_dropped_pixels_are_zero_in_all_channels() -> None:
    """The given share of pixels is set to zero in all channels, and no other pixel changes."""
    images = random_images((3, 32, 32), 40).clamp_min(1)
    dropped = drop_pixels(images, 0.1, generator(0, "drop"))
    gone = dropped == 0
    assert torch.equal(gone.any(1), gone.all(1))
    assert torch.equal(dropped[~gone], images[~gone])
    assert gone.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_channel_shifts_are_independent_and_uniform() -> None:
    """Each channel of each sample is shifted by one uniform draw of its own."""
    grey = torch.full((2000, 3, 2, 2), 128, dtype=torch.uint8)
    shift = shift_channels(grey, 25, generator(0, "shift")).int() - 128
    assert torch.equal(shift.amin((2, 3)), shift.amax((2, 3)))
    first, second = shift[:, 0, 0, 0].float(), shift[:, 1, 0, 0].float()
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.1
    assert first.std().item() == pytest.approx(25 / math.sqrt(3), rel=0.05)
    assert first.abs().max() == 25


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blur_matches_torchvision(shape: tuple[int, int, int]) -> None:
    """Each sample is blurred with its own sigma as by torchvision, to one level of rounding."""
    images = random_images(shape, 12)
    sigma = torch.linspace(0.1, 2, 12)
    side = kernel_side((shape[1], shape[2]))
    ours = blur(images, sigma)
    for place, width in enumerate(sigma.tolist()):
        expected = tv.gaussian_blur(images[place], [side, side], [width, width])
        assert (ours[place].int() - expected.int()).abs().max() <= 1
