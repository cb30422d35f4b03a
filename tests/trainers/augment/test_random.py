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
from darkmagic.trainers.tricks.augmentation import (
    Blur,
    ColourShift,
    DroppedPixels,
    Noise,
    RandAugment,
    RandomCrops,
    Rotation,
    Standard,
)
from references import REFERENCE, SHAPES, random_images

IN_31 = partial(magnitudes, bins=BINS)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "Invert"])
def test_magnitudes_are_torchvisions(name: str) -> None:
    """RandAugment's and TrivialAugment's 31, and whether they have a sign."""
    size = (48, 40)
    for space, ours in [
        (transforms.RandAugment()._augmentation_space(BINS, size), IN_31),
        (transforms.TrivialAugmentWide()._augmentation_space(BINS), wide_magnitudes),
    ]:
        bins, signed = space[name]
        expected = bins.double() if bins.ndim else torch.zeros(BINS).double()
        assert torch.allclose(ours(name, size), expected, atol=1e-5)
        assert signed == (name in SIGNED)


def test_every_operation_of_torchvisions_is_drawn_evenly() -> None:
    """Fourteen with the identity, each as often as any other; bins too where they are drawn."""
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
def test_samples_are_torchvisions(
    shape: tuple[int, int, int],
    draw: Callable[[int, torch.Generator], Policy],
    space: Callable[[str, tuple[int, int]], Tensor],
) -> None:
    """What was drawn does to each sample what torchvision's operations do, in turn."""
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


def test_noise_has_its_deviation() -> None:
    """About the image, whole levels, cut at both ends."""
    grey = torch.full((40, 3, 16, 16), 128, dtype=torch.uint8)
    noisy = add_noise(grey, 16, generator(0, "noise"))
    assert noisy.float().std().item() == pytest.approx(16, rel=0.02)
    assert noisy.float().mean().item() == pytest.approx(128, abs=0.3)
    assert add_noise(grey * 0, 16, generator(0, "noise")).float().mean() < 16


def test_pixels_are_dropped_whole() -> None:
    """In all channels at once, the others untouched, as many as asked for."""
    images = random_images((3, 32, 32), 40).clamp_min(1)
    dropped = drop_pixels(images, 0.1, generator(0, "drop"))
    gone = dropped == 0
    assert torch.equal(gone.any(1), gone.all(1))
    assert torch.equal(dropped[~gone], images[~gone])
    assert gone.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_channels_shift_alone() -> None:
    """By a level that is one over a sample's channel, evenly drawn."""
    grey = torch.full((2000, 3, 2, 2), 128, dtype=torch.uint8)
    shift = shift_channels(grey, 25, generator(0, "shift")).int() - 128
    assert torch.equal(shift.amin((2, 3)), shift.amax((2, 3)))
    first, second = shift[:, 0, 0, 0].float(), shift[:, 1, 0, 0].float()
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.1
    assert first.std().item() == pytest.approx(25 / math.sqrt(3), rel=0.05)
    assert first.abs().max() == 25


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blur_is_torchvisions(shape: tuple[int, int, int]) -> None:
    """Each sample by its own width, to a grey level of rounding."""
    images = random_images(shape, 12)
    sigma = torch.linspace(0.1, 2, 12)
    side = kernel_side((shape[1], shape[2]))
    ours = blur(images, sigma)
    for place, width in enumerate(sigma.tolist()):
        expected = tv.gaussian_blur(images[place], [side, side], [width, width])
        assert (ours[place].int() - expected.int()).abs().max() <= 1


def test_rotation_is_torchvisions() -> None:
    """By angles that are drawn evenly from both sides."""
    images = random_images((3, 32, 32), 50)
    ours = Rotation(degrees=30).augment(images, generator(0, "rotation"))
    drawn = torch.rand(50, generator=generator(0, "rotation"), dtype=torch.float64)
    angles = (2 * drawn - 1) * 30
    assert angles.min() < -20 < 20 < angles.max()
    theirs = torch.stack([tv.rotate(i, a) for i, a in zip(images, angles.tolist(), strict=True)])
    assert (ours != theirs).float().mean() < 0.002


@pytest.mark.parametrize(
    "trick",
    [Noise(), DroppedPixels(), ColourShift(), Blur(), RandomCrops(), Rotation(), Standard()],
    ids=lambda trick: type(trick).__name__,
)
def test_draws_are_the_generators(trick: Noise) -> None:
    """The same again from the same seed, another from another, each sample its own, no edit in
    place.
    """
    images = random_images((3, 16, 16), 1).expand(8, -1, -1, -1)
    before = images.clone()
    once, again, other = (trick.augment(images, generator(s, "t")) for s in (0, 0, 1))
    assert once.dtype == torch.uint8
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.equal(once[0], once[1])
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noise(std=0),
        lambda: DroppedPixels(share=1),
        lambda: Rotation(degrees=0),
        lambda: ColourShift(max_shift=300),
        lambda: Blur(sigma=(0, 2)),
        lambda: Blur(sigma=(3, 2)),
        lambda: RandomCrops(scale=(0, 1)),
        lambda: RandAugment(operations=0),
        lambda: RandAugment(magnitude=31),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
