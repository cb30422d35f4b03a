"""Several tricks as one: what is refused, and in which order the rest act."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks, refuse_conflicts
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Conflict, EditStage, NotApplicable, ParamGroup, Trick
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay

EXAMPLE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Fussy(Trick):
    """Stands no `WeightDecay` above `most`."""

    most: float = 1e-4

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, WeightDecay) and other.value > self.most:
            return f"{other.value} is too much"
        return None


@dataclass(frozen=True)
class Noted(Trick):
    """Writes down when it edits."""

    stage: EditStage
    order: list[EditStage] = field(default_factory=list)

    @property
    def edit_stage(self) -> EditStage:
        return self.stage

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        self.order.append(self.stage)
        return model


@pytest.mark.parametrize("names", [("fussy", "weight_decay"), ("weight_decay", "fussy")])
def test_a_conflict_is_refused_with_its_reason(names: tuple[str, str]) -> None:
    """Whichever comes first; the row it becomes is `not_applicable`, not a failure."""
    have = {"fussy": Fussy(), "weight_decay": WeightDecay(1e-3)}
    tricks = {name: have[name] for name in names}
    for refuse in (refuse_conflicts, lambda tricks: Hooks(tricks, 0)):
        with pytest.raises(Conflict, match=r"fussy conflicts .* weight_decay: 0\.001"):
            refuse(tricks)
    assert issubclass(Conflict, NotApplicable)


def test_what_conflicts_is_the_option_and_not_the_trick() -> None:
    """Another value, or the trick beside itself, is no conflict."""
    refuse_conflicts({"fussy": Fussy(), "weight_decay": WeightDecay(1e-5)})
    refuse_conflicts({"fussy": Fussy(), "off": Trick()})


def test_edits_run_by_stage_and_then_as_configured() -> None:
    """The order of the configuration decides nothing across stages."""
    order: list[EditStage] = []
    tricks = {stage.name: Noted(stage, order) for stage in reversed(EditStage)}
    tricks["again"] = Noted(EditStage.SIZE, order)
    Hooks(tricks, 0).edit_model(SmallResNet(8), EXAMPLE)
    assert order == sorted(order)
    assert order.count(EditStage.SIZE) == 2


def test_lr_scale_multiplies_a_groups_lr_all_along() -> None:
    """Also under a schedule; a group without it has the recipe's lr."""

    class Slower(Trick):
        def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
            return [{**groups[0], "lr_scale": 0.1}, *groups[1:]]

    class Half(Trick):
        def lr_factor(self, progress: float) -> float:
            return 0.5

    hooks = Hooks({"slower": Slower(), "half": Half(), "optimizer": Sgd(lr=0.2)}, 0)
    optimizer = hooks.build_optimizer(SmallResNet(8))
    hooks.schedule(optimizer, 0.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.1])
