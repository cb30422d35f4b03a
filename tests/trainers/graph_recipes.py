"""Recipes whose steps can be captured as CUDA graphs."""

from __future__ import annotations

import dataclasses
from functools import partial

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.auxiliary_loss import AuxiliaryLoss
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.gradient_centralization import GradientCentralization
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import (
    Adam,
    AdamW,
    Lion,
    Muon,
    Sam,
    ScheduleFree,
    Sgd,
)
from darkmagic.trainers.tricks.scheduled_weight_decay import LinearWeightDecay
from darkmagic.trainers.tricks.swa import Swa
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from training import AMP

__all__ = ["CAPTURABLE", "HOOKS", "RECIPE", "graph_recipe"]

RECIPE = Recipe(
    dataset=Shapes(count=160),
    build=partial(SmallResNet, depth=8, width=4),
    tricks={"ema": Ema(0.9, warmup=False)},
    epochs=2,
    batch_size=32,
    device="cpu",
    amp=AMP,
)
HOOKS: dict[str, dict[str, Trick]] = {
    "clipping": {"gradient_clipping": GradientClipping(0.5)},
    "centralization": {"gradient_centralization": GradientCentralization()},
    "SWA": {"ema": Trick(), "swa": Swa(start=0.2, period=0.4)},
    "no average": {"ema": Trick()},
    "auxiliary loss": {"auxiliary_loss": AuxiliaryLoss()},
    "clipping, SWA, auxiliary loss": {
        "gradient_clipping": GradientClipping(0.5),
        "ema": Trick(),
        "swa": Swa(start=0.2, period=0.4),
        "auxiliary_loss": AuxiliaryLoss(),
    },
}
"""Tricks with hooks inside a step, all of which can be captured."""
CAPTURABLE = [
    Sgd(0.05, nesterov=True),
    Adam(),
    AdamW(),
    Lion(),
    Sam(0.05),
    Muon(),
    ScheduleFree(lr=0.5),
]


def graph_recipe(optimizer: Trick, *, moves: bool = False, device: str = "cpu") -> Recipe:
    tricks = {**RECIPE.tricks, "optimizer": optimizer, "lr_regime": Cosine()}
    tricks["weight_decay"] = WeightDecay(1e-2)
    if moves:
        tricks["scheduled_weight_decay"] = LinearWeightDecay()
    return dataclasses.replace(RECIPE, tricks=tricks, device=device)
