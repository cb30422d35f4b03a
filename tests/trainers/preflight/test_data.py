"""The measures behind the checks of images and labels, against their definitions."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from darkmagic.trainers.data.digits import Digits
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.preflight.copies import hash_images, near_copies
from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.inputs import IMAGENET, check_weights_scaling, judge_inputs
from darkmagic.trainers.preflight.labels import agreement
from darkmagic.trainers.preflight.order import mixedness
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.preflight.thumbnails import nearest, thumbnails
from darkmagic.trainers.tricks.optimizer import Sgd
from preflighting import RECIPE, make_rng, make_setup


def test_nearest_thumbnails_have_the_smallest_rms_difference() -> None:
    """The nearest thumbnails are those of a search over the root mean square of all pairs."""
    images = torch.randint(0, 256, (30, 3, 16, 16), dtype=torch.uint8, generator=make_rng())
    points = thumbnails(images, side=4)
    assert points.shape == (30, 3 * 4 * 4)
    pooled = images.float().view(30, 3, 4, 4, 4, 4).mean((3, 5)).flatten(1)
    assert torch.allclose(points, pooled, atol=1e-3)
    differences, places = nearest(points[:5], points[5:], 2)
    pairs = (points[:5, None] - points[None, 5:]).square().mean(2).sqrt()
    assert torch.equal(places, pairs.argsort(1)[:, :2])
    assert torch.allclose(differences, pairs.sort(1).values[:, :2], atol=1e-2)


def test_image_hashes_differ_unless_images_are_equal_or_blank() -> None:
    """A change of one grey level of one pixel changes the hash, and a blank image has no hash."""
    images = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8, generator=make_rng())
    images[1] = images[0]
    images[2] = images[0]
    images[2, 0, 3, 3] ^= 1
    images[3] = 7
    first, same, other, blank = hash_images(images)
    assert first == same != other
    assert blank == b""


@pytest.mark.parametrize("source", [Digits(), Shapes(count=400, size=32), Shapes(count=400)])
def test_near_copies_are_told_from_similar_images(source: Digits | Shapes) -> None:
    """Similar images of one class are not reported as copies; an image with added noise is."""
    data = source.load(0)
    assert isinstance(data.train.images, Tensor)
    assert isinstance(data.val.images, Tensor)
    assert near_copies(data.val.images, data.train.images) == []
    noise = torch.randint(-2, 3, data.train.images[:1].shape, generator=make_rng())
    copy = (data.train.images[:1] + noise).clamp(0, 255).to(torch.uint8)
    assert near_copies(torch.cat([data.val.images, copy]), data.train.images) == [len(data.val)]


def test_agreement_is_significant_only_above_chance() -> None:
    """Correct guesses are significant, and guessing the most frequent class is not."""
    classes = torch.tensor([0] * 80 + [1] * 20)
    right = agreement(classes[:, None], classes, make_rng())
    assert (right.rate, right.significant) == (1.0, True)
    assert right.chance == pytest.approx(0.68, abs=0.02)  # 0.8 squared and 0.2 squared
    frequent = agreement(torch.zeros(100, 1).long(), classes, make_rng())
    assert frequent.rate == pytest.approx(frequent.chance)
    assert not frequent.significant


def test_mixedness_is_1_if_shuffled_and_low_if_sorted() -> None:
    """Mixedness is about 1 for shuffled labels, balanced or not, and under 0.15 for sorted ones."""
    for shares in ([100] * 10, [900, 90, 10], [20, 20]):
        classes = torch.repeat_interleave(torch.tensor(shares))
        counts = torch.tensor(shares)
        mixed = classes[torch.randperm(len(classes), generator=make_rng())]
        assert mixedness(mixed, 20, counts) == pytest.approx(1, abs=0.15)
    assert (
        mixedness(torch.repeat_interleave(torch.tensor([100] * 10)), 20, torch.tensor([100] * 10))
        < 0.15
    )


def test_weights_scaling_is_measured_from_the_pipeline() -> None:
    """Mean and std are found from the pipeline's output and compared with ImageNet's."""
    setup = make_setup(tricks={"optimizer": Sgd()}, dataset=Shapes(count=80, channels=3))
    assert check_weights_scaling(setup) is None
    finding = check_weights_scaling(setup, "torchvision:resnet18")
    assert finding is not None
    assert finding.level is Level.OK
    assert finding.figures["mean"] == pytest.approx(setup.data.mean, abs=1e-5)
    assert finding.figures["std"] == pytest.approx(setup.data.std, abs=1e-5)
    other = dataclasses.replace(setup.data, mean=(0.0,) * 3, std=(1.0,) * 3)
    finding = check_weights_scaling(dataclasses.replace(setup, data=other), "torchvision:resnet18")
    assert finding is not None
    assert finding.level is Level.WARNING
    exact = dataclasses.replace(setup.data, mean=IMAGENET[0], std=IMAGENET[1])
    finding = check_weights_scaling(dataclasses.replace(setup, data=exact), "torchvision:resnet18")
    assert finding is not None
    assert finding.figures["mean"] == pytest.approx(IMAGENET[0], abs=1e-5)


@pytest.mark.parametrize(
    ("scale", "shift", "level"),
    [
        (1.0, 0.0, Level.OK),
        (0.5, -0.2, Level.OK),  # squeezed to -1..1
        (60.0, 0.0, Level.WARNING),  # zero-centred grey levels, as networks of 2014 took them
        (0.001, 0.0, Level.WARNING),
        (math.nan, 0.0, Level.STOP),
    ],
)
def test_inputs_are_judged_by_mean_and_spread(scale: float, shift: float, level: Level) -> None:
    """Inputs of about zero mean and unit spread pass; other scales warn, and NaN is a stop."""
    images = torch.randn(64, 3, 8, 8, generator=make_rng()) * scale + shift
    assert judge_inputs(images, images).level is level


def test_all_unreadable_images_are_listed(tmp_path: Path) -> None:
    """The finding lists every unreadable file, not only the first."""
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(4):
            Image.new("RGB", (8, 8), (number * 40, 0, 90)).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "cat" / "1.png").write_bytes(b"no image")
    whole = (tmp_path / "dog" / "2.png").read_bytes()
    (tmp_path / "dog" / "2.png").write_bytes(whole[: len(whole) // 2])
    recipe = dataclasses.replace(RECIPE, dataset=Folder(str(tmp_path), cache=str(tmp_path / "c")))
    (finding,) = run_preflight(recipe)
    assert finding.level is Level.STOP
    assert finding.message.startswith("2 unreadable images")
    assert "cat/1.png, dog/2.png" in finding.message


def test_checks_sample_images_that_are_read_from_files(tmp_path: Path) -> None:
    """Data sets that do not fit in memory are checked by a sample, and the message says so."""
    for place in range(60):
        kind = tmp_path / f"kind{place % 2}"
        kind.mkdir(exist_ok=True)
        pixels = torch.randint(0, 256, (8, 8, 3), dtype=torch.uint8, generator=make_rng())
        pixels[..., 0] = (place % 2) * 120 + place
        Image.fromarray(pixels.numpy()).save(kind / f"{place}.png")
    source = Folder(str(tmp_path), memory_budget=0)
    recipe = dataclasses.replace(RECIPE, dataset=source, batch_size=8)
    findings = {finding.check: finding for finding in run_preflight(recipe)}
    assert "a split that were read" in findings["leaks"].message
    assert not any("the check ended in" in finding.message for finding in findings.values())
