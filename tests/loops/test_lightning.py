"""A recipe's tricks in a real Lightning `Trainer`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

import darkmagic as dm
from darkmagic.trainers.models import SmallResNet
from darkmagic.trainers.tricks import (
    Adam,
    CosinePowerCycles,
    EarlyStopping,
    Ema,
    GradientClipping,
    LabelSmoothing,
    Mixup,
    SqueezeExcite,
    TrivialAugment,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Lightning's own imports
    pl = pytest.importorskip("lightning.pytorch")
    from darkmagic.loops.lightning import RecipeCallback

pytestmark = [
    pytest.mark.weekly,  # its imports take ten seconds
    pytest.mark.filterwarnings("ignore"),  # Lightning's advice on workers and loggers
]


class Module(pl.LightningModule):  # type: ignore[name-defined, misc]
    """A module as one has it before any recipe."""

    def __init__(self, *, asks: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = SmallResNet(depth=8, width=4, in_channels=1)
        self.asks = asks
        self.targets: list[torch.Size] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        images, targets = batch
        self.targets.append(targets.shape)
        logits = self.model(images)
        return self.recipe.loss(logits, targets) if self.asks else F.cross_entropy(logits, targets)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", F.cross_entropy(self.model(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=0.1)


def _batches() -> DataLoader[Any]:
    rng = torch.Generator().manual_seed(0)
    images, classes = torch.rand(64, 1, 8, 8, generator=rng), torch.arange(64) % 10
    return DataLoader(TensorDataset(images, classes), batch_size=16)


def _fit(
    module: Module, folder: Path, tricks: dict[str, Any], *, epochs: int = 2, **options: Any
) -> tuple[Any, Any]:
    callback = RecipeCallback(dm.Recipe.of(tricks), num_classes=10)
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, _batches(), _batches(), **options)
    return trainer, callback


def test_callback_applies_every_trick(tmp_path: Path) -> None:
    """The network is edited, batches are mixed, rates, gradients and the average move."""
    module = Module(asks=True)
    tricks = {
        "mixup": Mixup(1.0),
        "label_smoothing": LabelSmoothing(0.1),
        "squeeze_excite": SqueezeExcite(4),
        "clipping": GradientClipping(1e-9),
        "lr_regime": CosinePowerCycles(),
        "ema": Ema(decay=0.5),
    }
    trainer, callback = _fit(module, tmp_path, tricks)
    assert callback.loop.edits == {"squeeze_excite": "3 places"}
    assert any("se" in name for name, _ in module.model.named_modules())
    assert module.targets == [torch.Size([16, 10])] * 8
    assert callback.loop.steps == trainer.global_step == 8
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-9)
    assert module.model is callback.loop.average


def test_optimizer_of_the_recipe_takes_the_place_of_the_modules(tmp_path: Path) -> None:
    """It trains the network, and its rates are the recipe's."""
    module = Module()
    before = module.model.head.weight.detach().clone()
    trainer, _ = _fit(module, tmp_path, {"optimizer": Adam(lr=0.01), "mixup": Mixup()})
    assert isinstance(trainer.optimizers[0], torch.optim.Adam)
    assert not torch.equal(module.model.head.weight, before)


class Rising(Module):
    """A module whose validation loss rises from epoch to epoch."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", torch.tensor(float(self.trainer.current_epoch)))


def test_early_stopping_goes_by_the_logged_loss(tmp_path: Path) -> None:
    """The first epoch was the best one, and training ends after the patience that follows."""
    trainer, _ = _fit(Rising(), tmp_path, {"early": EarlyStopping(2)}, epochs=9)
    assert trainer.current_epoch == 3


@pytest.mark.parametrize(
    ("tricks", "says"),
    [
        ({"smooth": LabelSmoothing()}, r"smooth has no place in this loop: .* loop\.loss"),
        ({"augmentation": TrivialAugment()}, "augmentation has no place in this loop"),
    ],
    ids=str,
)
def test_trick_that_the_module_leaves_out_is_found(
    tmp_path: Path, tricks: dict[str, Any], says: str
) -> None:
    """The first step raises, and says what to write."""
    with pytest.raises(ValueError, match=says):
        _fit(Module(), tmp_path, tricks)


def test_module_without_the_network_names_those_it_has() -> None:
    """The attribute is an argument of the callback."""
    callback = RecipeCallback(dm.Recipe.of({"mixup": Mixup()}), network="net")
    with pytest.raises(ValueError, match=r"has no network 'net'; .*, of: model"):
        callback.setup(pl.Trainer(logger=False, accelerator="cpu"), Module(), "fit")
