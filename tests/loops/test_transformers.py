"""A recipe's tricks in Hugging Face's real `Trainer`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import darkmagic as dm
from darkmagic.trainers.tricks import (
    AdamW,
    CosinePowerCycles,
    Dropout,
    Ema,
    GradientClipping,
    LabelSmoothing,
    Mixup,
    SqueezeExcite,
    TrivialAugment,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from darkmagic.loops.transformers import RecipeCallback

pytestmark = [pytest.mark.weekly, pytest.mark.filterwarnings("ignore")]


def _model() -> Any:
    config = transformers.ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
        num_labels=10, image_size=32,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.ResNetForImageClassification(config)


class Images(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """A few images, as a processor leaves them."""

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = torch.Generator().manual_seed(index)
        return {
            "pixel_values": torch.rand(1, 32, 32, generator=rng),
            "labels": torch.tensor(index % 10),
        }


def _train(folder: Path, tricks: dict[str, Any], **others: Any) -> tuple[Any, Any]:
    callback = RecipeCallback(dm.Recipe.of(tricks), _model())
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), num_train_epochs=2, per_device_train_batch_size=8, use_cpu=True,
        report_to=[], save_strategy="no", disable_tqdm=True, learning_rate=0.1,
        remove_unused_columns=False, logging_strategy="no",
    )  # fmt: skip
    given = {**callback.arguments(), **others}
    trainer = transformers.Trainer(
        args=arguments, train_dataset=Images(), eval_dataset=Images(), **given
    )
    trainer.train()
    return trainer, callback


def test_callback_applies_every_trick(tmp_path: Path) -> None:
    """The model is edited, batches and labels are mixed, rates, gradients and the average move."""
    tricks = {
        "mixup": Mixup(1.0),
        "label_smoothing": LabelSmoothing(0.1),
        "squeeze_excite": SqueezeExcite(4),
        "clipping": GradientClipping(1e-9),
        "lr_regime": CosinePowerCycles(),
        "ema": Ema(decay=0.5),
    }
    trainer, callback = _train(tmp_path, tricks)
    assert callback.loop.edits["squeeze_excite"].endswith("places")
    assert callback.loop.steps == trainer.state.global_step == 8
    assert callback.loop.optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-9)
    average = callback.loop.average.state_dict()
    assert all(torch.equal(t, average[n]) for n, t in trainer.model.state_dict().items())
    assert trainer.evaluate()["eval_loss"] > 0


def test_optimizer_of_the_recipe_is_the_trainers(tmp_path: Path) -> None:
    """Its rate is the recipe's, and the trainer's own schedule does not move it."""
    trainer, callback = _train(tmp_path, {"optimizer": AdamW(lr=0.01), "dropout": Dropout(0.1, 8)})
    assert isinstance(callback.loop.optimizer, torch.optim.AdamW)
    assert callback.loop.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    assert trainer.state.global_step == 8


def test_labels_are_mixed_as_their_images_were() -> None:
    """The matrix that mixed the images mixes the labels: a blend of two has both halves."""
    callback = RecipeCallback(dm.Recipe.of({"mixup": Mixup(1.0)}), _model())
    seen: dict[str, torch.Tensor] = {}
    callback.model.register_forward_pre_hook(
        lambda _module, _args, given: seen.update(given), with_kwargs=True
    )
    callback.loop.total_steps = 1
    labels = torch.arange(8)
    flat = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 1, 32, 32)
    callback.model.train()
    outputs = callback.model(pixel_values=flat)
    loss = callback.compute_loss(outputs, labels)
    mixed = seen["pixel_values"].mean((1, 2, 3))
    assert not torch.equal(mixed, torch.arange(8.0))
    targets = _targets(callback, flat, labels)
    assert torch.allclose((targets * torch.arange(10.0)).sum(1), targets @ torch.arange(10.0))
    assert loss.isfinite()


def _targets(callback: Any, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    mixed, matrix = callback.loop.batch(images, torch.eye(len(images)))
    targets: torch.Tensor = matrix @ nn.functional.one_hot(labels, 10).float()
    assert torch.allclose(targets @ torch.arange(10.0), mixed.mean((1, 2, 3)), atol=1e-4)
    return targets


@pytest.mark.parametrize(
    ("tricks", "leave_out", "says"),
    [
        ({"smooth": LabelSmoothing()}, {"compute_loss_func": None}, "smooth has no place"),
        ({"augmentation": TrivialAugment()}, {}, "augmentation has no place"),
    ],
    ids=str,
)
def test_trick_that_the_trainer_leaves_out_is_found(
    tmp_path: Path, tricks: dict[str, Any], leave_out: dict[str, Any], says: str
) -> None:
    """The first step raises, and says what to write."""
    with pytest.raises(ValueError, match=says):
        _train(tmp_path, tricks, **leave_out)
