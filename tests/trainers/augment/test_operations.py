"""Every operation of AutoAugment against torchvision's own, value by value."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision import transforms

from darkmagic.trainers.augment import affine, levels, operations
from darkmagic.trainers.augment.autoaugment import (
    BINS,
    IMAGENET,
    autoaugment,
    draw_policy,
    magnitudes,
)
from darkmagic.trainers.augment.operations import (
    AFFINE,
    OPERATIONS,
    PIXELWISE,
    SIGNED,
    apply_policy,
)
from darkmagic.trainers.augment.randaugment import draw_trivialaugment, wide_magnitudes
from darkmagic.trainers.runtime.randomness import generator
from references import REFERENCE, SHAPES

# A mean summed in another order may fall on the other side of a whole grey level; a place that
# lies between two pixels may round to either.
ROUNDING = {"Contrast": 1}
LARGE = (3, 182, 190)
"""Images that a CPU changes one by one, and by other ways than small ones."""


def _images(shape: tuple[int, ...], count: int = 2 * BINS) -> Tensor:
    """Return smooth, noisy, dark, flat and two-level images, whose histograms differ."""
    rng = generator(0, "images", *shape)
    images = torch.randint(0, 256, (count, *shape), generator=rng, dtype=torch.uint8)
    ramp = torch.linspace(0, 255, shape[2]).to(torch.uint8).expand(shape)
    images[0] = ramp
    images[1] = images[1] // 4 + 30
    images[2] = 77
    images[3] = torch.where(images[3] > 200, 250, 3)
    return images


def _apply(name: str, images: Tensor, magnitude: Tensor) -> Tensor:
    if name in AFFINE:
        size = (images.shape[2], images.shape[3])
        return affine.affine(images, AFFINE[name](magnitude, size))
    return PIXELWISE[name](images, magnitude)


def _assert_alike(ours: Tensor, theirs: Tensor, name: str) -> None:
    assert ours.dtype == torch.uint8
    assert ours.shape == theirs.shape
    if name in AFFINE:
        share = (ours != theirs).float().mean().item()
        assert share < 0.002, f"{name}: {share:.2%} of the pixels differ"
    else:
        apart = (ours.int() - theirs.int()).abs().max().item()
        assert apart <= ROUNDING.get(name, 0), f"{name}: off by {apart} grey levels"


@pytest.mark.parametrize("shape", [*SHAPES, LARGE], ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_matches_torchvision(name: str, shape: tuple[int, int, int]) -> None:
    """Each operation equals torchvision's at every magnitude and sign, one a sample."""
    images = _images(shape)
    bins = magnitudes(name, shape[1:])
    magnitude = torch.cat([bins, -bins if name in SIGNED else bins])
    before = images.clone()
    ours = _apply(name, images, magnitude)
    theirs = torch.stack(
        [REFERENCE[name](i, m) for i, m in zip(images, magnitude.tolist(), strict=True)]
    )
    _assert_alike(ours, theirs, name)
    assert torch.equal(images, before), "the input was changed in place"


def test_imagenet_policy_matches_torchvision() -> None:
    """The table of 25 pairs of operations equals torchvision's ImageNet policy."""
    reference = transforms.AutoAugment(transforms.AutoAugmentPolicy.IMAGENET).policies
    ours = [tuple((op, p, m) for op, p, m in pair) for pair in IMAGENET]
    assert ours == [tuple((op, p, m or 0) for op, p, m in pair) for pair in reference]


@pytest.mark.parametrize("name", OPERATIONS)
def test_autoaugment_magnitudes_match_torchvision(name: str) -> None:
    """The ten magnitudes of each operation, and whether they have a sign, equal torchvision's."""
    space = transforms.AutoAugment()._augmentation_space(BINS, (24, 32))
    bins, signed = space[name]
    expected = bins.double() if bins.ndim else torch.zeros(BINS).double()
    assert torch.equal(magnitudes(name, (24, 32)), expected)
    assert signed == (name in SIGNED)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_drawn_policy_applies_its_two_operations_in_order(shape: tuple[int, int, int]) -> None:
    """A drawn policy applies its two operations to each sample one after the other."""
    images = _images(shape, count=200)
    policy = draw_policy(len(images), generator(1, "policy"))
    ours = apply_policy(images, policy, magnitudes)
    differing = 0
    for place, image in enumerate(images):
        expected = image
        for stage in range(2):
            operation = int(policy.operation[place, stage])
            if operation >= 0:
                name = OPERATIONS[operation]
                bins = magnitudes(name, shape[1:])
                magnitude = bins[policy.bin[place, stage]] * policy.sign[place, stage]
                expected = REFERENCE[name](expected, magnitude.item())
        differing += not torch.equal(ours[place], expected)
    assert differing <= 4, f"{differing} of {len(images)} samples differ"


@pytest.mark.parametrize("shape", [LARGE, (3, 183, 181), (1, 200, 200)], ids=str)
def test_large_images_alone_are_as_in_a_batch(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, with numbers for magnitudes and pixels in pairs: every value is the same."""
    images = _images(shape, count=60)
    before = images.clone()
    policies = [
        (draw_policy(len(images), generator(2, "policy")), magnitudes),
        (draw_trivialaugment(len(images), generator(2, "policy")), wide_magnitudes),
    ]
    assert shape[1] * shape[2] >= max(operations.ALONE, levels.PAIRS)
    alone = [apply_policy(images, *policy) for policy in policies]
    for form in (torch.contiguous_format, torch.channels_last):
        laid = images.contiguous(memory_format=form)
        assert torch.equal(apply_policy(laid, *policies[0]), alone[0])
    assert torch.equal(images, before), "the input was changed in place"
    monkeypatch.setattr(operations, "ALONE", images.numel())
    monkeypatch.setattr(levels, "PAIRS", images.numel())
    for policy, changed in zip(policies, alone, strict=True):
        assert torch.equal(apply_policy(images, *policy), changed)


def test_pixels_of_an_odd_place_are_evened_out_too() -> None:
    """Memory that has no pairs where the planes begin gives what other memory gives."""
    images = _images(LARGE, count=4)
    odd = torch.cat([images.new_zeros(1), images.flatten()])[1:].view_as(images)
    assert torch.equal(levels.equalize(odd, 0.0), levels.equalize(images, 0.0))


def test_drawn_operations_have_the_policy_probabilities() -> None:
    """Operations are drawn with the policy's probabilities, and half of the signs are negative."""
    policy = draw_policy(50_000, generator(0, "frequencies"))
    expected = torch.zeros(len(OPERATIONS))
    for pair in IMAGENET:
        expected[OPERATIONS.index(pair[0][0])] += pair[0][1] / len(IMAGENET)
    counts = torch.bincount(policy.operation[:, 0] + 1, minlength=len(OPERATIONS) + 1)[1:]
    assert torch.allclose(counts / 50_000, expected, atol=0.01)
    rotated = policy.operation[:, 1] == OPERATIONS.index("Rotate")
    assert (policy.sign[:, 1][rotated] < 0).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_autoaugment_depends_on_seed_and_varies_by_sample() -> None:
    """One seed gives the same result again, and samples of a batch are drawn independently."""
    image = _images((3, 32, 32))[5]
    batch = image.expand(64, -1, -1, -1)
    once = autoaugment(batch, generator(0, "a"))
    assert torch.equal(once, autoaugment(batch, generator(0, "a")))
    assert not torch.equal(once, autoaugment(batch, generator(1, "a")))
    assert len({tuple(i.flatten().tolist()) for i in once}) > 20
