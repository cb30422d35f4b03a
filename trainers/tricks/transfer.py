"""transfer: how much of the pretrained weights is trained further.

What: `all` trains everything. `freeze_first_stage` keeps the pretrained weights of the stem and
of the first stage as they are (up to the first loss of resolution after a residual block, or
in a network without any, the first loss at all); `freeze_all_but_head` all but the last
layer's; both keep their batch norms' statistics too. `lower_lr` trains what was pretrained at
`factor` times the lr. Weights that no pretraining gave, such as a new head, train at the lr.
Why: with few data, training everything at once forgets more than it learns; early layers need
the least change.
When it helps: freezing where data are few and like the upstream ones, and for time and memory;
a lower lr where they differ more; with many data, training all is best.
Conflicts: without pretrained weights there is nothing to transfer, and it does not apply.
Source: Yosinski et al. 2014 (arXiv 1411.1792); Howard & Ruder 2018 (arXiv 1801.06146),
section 3.2, for lower rates below; Kornblith et al. 2019 (arXiv 1805.08974) for the comparison.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.places import classifier
from darkmagic.trainers.models.stages import find_stages
from darkmagic.trainers.models.structure import find_residuals
from darkmagic.trainers.trick import EditStage, NotApplicable, ParamGroup, Trick
from darkmagic.trainers.tricks.pretrain import loaded_tensors

__all__ = [
    "FreezeAllButHead",
    "FreezeFirstStage",
    "LowerLr",
    "all_but_head",
    "first_stage",
    "freeze",
]

_SLOWER_ATTRIBUTE = "darkmagic_pretrained"  # marks a parameter that trains at the lower rate


def first_stage(model: nn.Module, example: Tensor) -> list[nn.Module]:
    """Return the modules that have done all their work by the end of the first stage.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> early = first_stage(net, torch.zeros(2, 3, 8, 8))
    >>> net.stem[0] in early, net.head in early
    (True, False)
    """
    trace = trace_model(model, example)
    blocks = [block.add.index for block in find_residuals(trace) if block.convolutional]
    begun = blocks[0] if blocks else 0
    ends = (stage.result for stage in find_stages(trace))
    end = next((op for op in ends if op is not None and op.index >= begun), None)
    if end is None:
        raise NotApplicable("transfer finds no stage after which the model loses resolution")
    late = {c.module for c in trace.calls if c.output is None or c.output.index > end.index}
    return [module for module in {c.module: None for c in trace.calls} if module not in late]


def all_but_head(model: nn.Module, example: Tensor) -> list[nn.Module]:
    """Return every module but the one that computes the last convolution or matrix product.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> [type(part).__name__ for part in all_but_head(net, torch.zeros(2, 3, 8, 8))]
    ['Sequential', 'Conv2d', 'ReLU', 'Flatten']
    """
    last = classifier(trace_model(model, example))
    head = last.call.module if last is not None and last.call is not None else None
    return [module for module in model.modules() if module is not head]


def freeze(modules: list[nn.Module], tensors: Collection[int]) -> int:
    """Let the parameters of `modules` themselves whose `id` is among `tensors` train no more.

    Norms whose statistics are among them use those, and leave them as they are. Returns how
    many parameters that were.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> freeze([net[0]], {id(p) for p in net.parameters()})
    2
    """
    frozen = 0
    for module in modules:
        for parameter in module.parameters(recurse=False):
            if id(parameter) in tensors:
                parameter.requires_grad_(False)
                frozen += 1
        if any(id(buffer) in tensors for buffer in module.buffers(recurse=False)):
            module.register_forward_pre_hook(_hold_in_eval)
    return frozen


def _hold_in_eval(module: nn.Module, inputs: Any) -> None:
    del inputs
    module.eval()  # whatever the network's mode has been set to meanwhile


def _pretrained(model: nn.Module) -> set[int]:
    loaded = loaded_tensors(model)
    if loaded is None:
        raise NotApplicable(
            "transfer is about pretrained weights, and the recipe has none (trick/pretrain)"
        )
    return {id(tensor) for tensor in loaded.tensors}


class _Transfer(Trick):
    """What the options have in common: they look at what was loaded, last of all."""

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.TRANSFER


@dataclass(frozen=True)
class FreezeFirstStage(_Transfer):
    """Train no pretrained weights up to the end of the first stage.

    >>> from darkmagic.trainers.tricks import Pretrain
    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrain("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> net = FreezeFirstStage().edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> net.stem[0].weight.requires_grad, net.head.weight.requires_grad
    (False, True)
    """

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        tensors = _pretrained(model)
        if not freeze(first_stage(model, example), tensors):
            raise NotApplicable("no pretrained weights are left in the model's first stage")
        return model


@dataclass(frozen=True)
class FreezeAllButHead(_Transfer):
    """Train the last layer, and what was not pretrained.

    >>> from darkmagic.trainers.tricks import Pretrain
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrain("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> net = FreezeAllButHead().edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> [name for name, p in net.named_parameters() if p.requires_grad]
    ['3.weight', '3.bias']
    """

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        tensors = _pretrained(model)
        if not freeze(all_but_head(model, example), tensors):
            raise NotApplicable("no pretrained weights are left in the model below its head")
        return model


@dataclass(frozen=True)
class LowerLr(_Transfer):
    """Train pretrained weights at `factor` times the lr.

    >>> from darkmagic.trainers.tricks import Pretrain
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrain("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> trick = LowerLr(factor=0.1)
    >>> net = trick.edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> groups = trick.edit_param_groups([{"params": list(net.parameters())}])
    >>> [(len(group["params"]), group.get("lr_scale", 1.0)) for group in groups]
    [(0, 1.0), (4, 0.1)]
    """

    factor: float = number(0.1, above=0, below=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        del example
        tensors = _pretrained(model)
        for parameter in model.parameters():
            if id(parameter) in tensors:
                setattr(parameter, _SLOWER_ATTRIBUTE, True)
        return model

    def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        fresh = [{**g, "params": [p for p in g["params"] if not _is_slower(p)]} for g in groups]
        slower = [{**g, "params": [p for p in g["params"] if _is_slower(p)]} for g in groups]
        # The fresh first: the lr of the first group is the one that is logged.
        return [*fresh, *({**g, "lr_scale": self.factor} for g in slower)]


def _is_slower(parameter: Tensor) -> bool:
    return bool(getattr(parameter, _SLOWER_ATTRIBUTE, False))
