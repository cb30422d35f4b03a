"""The pipeline: batches that are prepared together are those that are prepared one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from darkmagic.trainers.prepare import pipeline as pipeline_module
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment, Standard
from darkmagic.trainers.tricks.cutmix import CutMixOrMixup
from darkmagic.trainers.tricks.input_geometry import InputGeometry
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from darkmagic.trainers.tricks.random_erasing import RandomErasing
from pipelines import make_data, make_pipeline


class ByBatch(Trick):
    """Scales all images of a batch by one draw, in place."""

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return images.mul_(torch.rand((), generator=rng)), targets


CASES: dict[str, dict[str, Trick]] = {
    "crop and flip": {},
    "AutoAugment": {"augmentation": AutoAugment()},
    "two augmentations": {"augmentation": AutoAugment(), "jitter": Standard()},
    "mixup": {"mixup": Mixup(1.0)},
    "cutmix or mixup, erasing": {"cutmix": CutMixOrMixup(), "erasing": RandomErasing()},
    "sizes": {"sizes": ProgressiveResizing()},
    "boxes": {"geometry": InputGeometry(scale=(0.3, 1))},
    "an edit in place": {"by_batch": ByBatch()},
}


@pytest.mark.parametrize("case", CASES)
def test_batches_do_not_depend_on_how_many_are_prepared_together(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Bit for bit, over two epochs of five batches, of which none shares another's memory."""
    data = make_data(count=270)
    found = []
    for most in (1, 2, 16):
        monkeypatch.setattr(pipeline_module, "MOST_JOINED", most)
        pipeline = make_pipeline(data, **CASES[case])
        found.append([batch for epoch in range(2) for batch in pipeline.training_epoch(epoch)])
    assert [len(batches) for batches in found] == [10, 10, 10]
    for ours, theirs in zip(found[0] * 2, [*found[1], *found[2]], strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    ("size", "batch", "joined"), [(32, 128, 4), (8, 64, 16), (224, 64, 1), (64, 100000, 1)]
)
def test_as_many_are_prepared_together_as_fit_in_a_cache(
    size: int, batch: int, joined: int
) -> None:
    """On a CPU; on a GPU more of them, and large images one batch at a time on both."""
    data = make_data(count=4, size=size)
    assert pipeline_module.joined_batches(data, batch, torch.device("cpu")) == joined
    on_gpu = pipeline_module.joined_batches(data, batch, torch.device("cuda"))
    assert joined <= on_gpu <= pipeline_module.MOST_JOINED
