"""normalization: another normalisation of feature maps in the whole network, or none.

What: replaces every norm of feature maps by `batch` (statistics of a channel over the batch
and the image), `instance` (of a channel over one image), `group` (of a group of channels over
one image), `layer` (of all channels over one image) or `none`. Groups are at most `groups`,
of at least two channels: with one each it would be instance norm. With `none`, a batch norm is
folded into the plain convolution before it where nothing else reads that, and becomes a scale
and a shift of each channel elsewhere (after a sum, standardised weights, a shared, tied or
transposed convolution), so that a trained network computes the same until training goes on.
Other norms leave their scale and shift alone, which is another function: an image's statistics
cannot be folded. Norms of vectors stay. A network without norms is left as it is by `batch`;
the others do not apply to it. `own` leaves every network as it is.
Why: batch norm lets deep networks train at high rates, but its statistics are the batch's.
When it helps: batch for classification with 16 images a device or more; group where batches
are smaller; instance for image-to-image networks and style transfer, as it takes away the
contrast of an image, which classification needs; layer for networks that mix tokens. None
shows what normalisation does: high learning rates diverge.
Places: norms of feature maps that are not so already. A norm of one's own class, or a call of
`F.batch_norm`, is found and stays.
Conflicts: scales and shifts of pretrained weights are kept, but were trained with the
statistics that they had. `pooling=lrn` normalises in the same place.
Source: Ioffe & Szegedy 2015 (arXiv 1502.03167); Ulyanov et al. 2016 (arXiv 1607.08022)
instance; Wu & He 2018 (arXiv 1803.08494) group, and layer as one group; Ba et al. 2016 (arXiv
1607.06450) layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from darkmagic.trainers.fields import choice, whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Call, Trace, evaluating, trace_model
from darkmagic.trainers.models.places import count_other_norms, sole_layer
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.weights import is_plain
from darkmagic.trainers.trick import EditStage, NotApplicable, Trick

__all__ = [
    "ChannelAffine",
    "Normalization",
    "NormalizationName",
    "count_groups",
    "replace_norms",
]

NormalizationName = Literal["batch", "instance", "group", "layer", "none"]
MAX_ERROR = 0.01
"""Of the logits, relative: more than rounding in a folded network of a hundred layers."""
_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


def count_groups(channels: int, most: int) -> int:
    """Return the largest number of groups up to `most` that divides `channels` in twos or more.

    >>> count_groups(64, 32), count_groups(20, 32), count_groups(7, 32)
    (32, 10, 1)
    """
    fitting = (n for n in range(min(most, channels // 2), 1, -1) if channels % n == 0)
    return next(fitting, 1)


def replace_norms(
    model: nn.Module, example: Tensor, normalization: NormalizationName, groups: int
) -> nn.Module:
    """Return `model`, edited in place, with `normalization` of its feature maps.

    `example` (B, C, H, W) is what the model takes. What is the right norm already stays.
    Raises `NotApplicable` where there is a norm that cannot be replaced, or none (but for
    batch, the default).

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    >>> type(replace_norms(net, torch.zeros(2, 3, 8, 8), "instance", groups=32)[1])
    <class 'torch.nn.modules.instancenorm.InstanceNorm2d'>
    """
    trace = trace_model(model, example)
    calls = [call for call in trace.calls if isinstance(call.module, _NORMS)]
    if any(_is_of_tokens(call) for call in calls):
        raise NotApplicable(
            "normalization replaces norms of feature maps (B, C, H, W), and the model normalises "
            "tokens, or maps with their channels last"
        )
    calls = [call for call in calls if call.input is not None and len(call.input.shape) == 4]
    others = count_other_norms(trace, (*_NORMS, nn.LocalResponseNorm))
    if not calls and normalization == "batch":
        if others:
            count_places(0, others)
        return model
    if not calls:
        raise NotApplicable("normalization finds no norm of feature maps in the model")
    if normalization == "instance" and any(_pixels(call) == 1 for call in calls):
        raise NotApplicable("instance norm of maps of one pixel would be zero everywhere")
    if normalization == "batch":
        calls = [call for call in calls if not isinstance(call.module, nn.BatchNorm2d)]
    if calls or others:
        count_places(len(calls), len(calls) + others)
    if normalization == "none":
        return _without_norms(model, example, trace, calls)
    return replace_calls(
        model,
        trace,
        {call: _with_rest(call.module, _norm_like(call, normalization, groups)) for call in calls},
    )


def _is_of_tokens(call: Call) -> bool:
    norm = call.module
    if not isinstance(norm, nn.LayerNorm) or call.input is None or len(norm.normalized_shape) > 1:
        return False
    shape, (channels,) = call.input.shape, norm.normalized_shape
    # A subclass may take channels first, as ConvNeXt's does.
    first = type(norm) is not nn.LayerNorm and shape[1] == channels
    return len(shape) == 3 or (len(shape) == 4 and not first)


def _pixels(call: Call) -> int:
    assert call.input is not None
    return math.prod(call.input.shape[2:])


def _norm_like(call: Call, normalization: NormalizationName, groups: int) -> nn.Module:
    """Return a norm in the place of that of `call`, with its scale and shift."""
    old = call.module
    assert call.input is not None
    channels = call.input.shape[1]
    new = _norm(normalization, channels, groups, float(getattr(old, "eps", 1e-5)))
    for name in ("weight", "bias"):
        parameter = getattr(old, name, None)
        if parameter is not None and parameter.shape == (channels,):
            setattr(new, name, parameter)
    return new


def _with_rest(old: nn.Module, new: nn.Module) -> nn.Module:
    """Return `new` with what `old` does beside normalising: timm has norms that also activate."""
    rest = [m for n in ("drop", "act") if isinstance(m := getattr(old, n, None), nn.Module)]
    return nn.Sequential(new, *rest) if rest else new


def _without_norms(model: nn.Module, example: Tensor, trace: Trace, calls: list[Call]) -> nn.Module:
    """Return `model`, edited in place, without the norms of `calls`: folded, or affine.

    Raises `NotApplicable` where that changes what batch norms alone would keep.
    """
    keeps = all(_holds_statistics(call.module) for call in calls)
    before = _output(model, example) if keeps else None
    new = {call: _with_rest(call.module, _folded(model, trace, call)) for call in calls}
    model = replace_calls(model, trace, new)
    if before is not None:
        error = (_output(model, example) - before).norm() / before.norm().clamp_min(1e-12)
        if not error < MAX_ERROR:
            raise NotApplicable(
                f"normalization=none would change what the model computes by {error:.0%}: its "
                "batch norms are read in a way that its modules do not show"
            )
    return model


def _output(model: nn.Module, example: Tensor) -> Tensor:
    with evaluating(model):
        logits: Tensor = model(example.clone())
    return logits.double()


def _holds_statistics(norm: nn.Module) -> bool:
    return isinstance(norm, _BatchNorm) and norm.running_mean is not None


def _folded(model: nn.Module, trace: Trace, call: Call) -> nn.Module:
    """Return what is left of the norm of `call` when it is folded as far as it can be."""
    assert call.input is not None
    norm: Any = call.module
    channels = call.input.shape[1]
    scale, shift = _affine(norm, channels)
    layer = sole_layer(trace, call.input)
    alone = len(trace.calls_of(norm)) == 1 and _holds_statistics(norm)
    if alone and isinstance(layer, nn.Conv2d) and is_plain(layer) and not _is_tied(model, layer):
        _fold(layer, scale, shift)
        return nn.Identity()
    return ChannelAffine(scale, shift)


def _is_tied(model: nn.Module, layer: nn.Module) -> bool:
    """Whether another module has a parameter of `layer` too."""
    own = {id(parameter) for parameter in layer.parameters()}
    return any(
        id(parameter) in own
        for module in model.modules()
        if module is not layer
        for parameter in module.parameters(recurse=False)
    )


@torch.no_grad()
def _affine(norm: Any, channels: int) -> tuple[Tensor, Tensor]:
    """Return the scale and the shift (channels,) that `norm` applies, with fixed statistics."""
    scale, shift = torch.ones(channels), torch.zeros(channels)
    if getattr(norm, "weight", None) is not None and norm.weight.shape == (channels,):
        scale, shift = norm.weight.clone(), torch.zeros_like(norm.weight)
        if norm.bias is not None:
            shift = norm.bias.clone()
    if _holds_statistics(norm):
        scale = scale * (norm.running_var + norm.eps).rsqrt()
        shift = shift - norm.running_mean * scale
    return scale, shift


class ChannelAffine(nn.Module):
    """A scale and a shift of each channel: what a norm does without statistics.

    >>> ChannelAffine(torch.tensor([2.0]), torch.tensor([1.0]))(torch.ones(1, 1, 1, 2))
    tensor([[[[3., 3.]]]], grad_fn=<AddBackward0>)
    """

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(scale), nn.Parameter(shift)

    def forward(self, maps: Tensor) -> Tensor:
        """Return `maps` (B, C, H, W), each channel scaled and shifted."""
        return maps * self.weight[:, None, None] + self.bias[:, None, None]

    def extra_repr(self) -> str:
        """Return the number of channels."""
        return str(len(self.weight))


def _norm(name: NormalizationName, channels: int, groups: int, eps: float) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(channels, eps)
    if name == "instance":
        return nn.InstanceNorm2d(channels, eps, affine=True)
    return nn.GroupNorm(count_groups(channels, groups) if name == "group" else 1, channels, eps)


@torch.no_grad()
def _fold(layer: nn.Conv2d, scale: Tensor, shift: Tensor) -> None:
    """Let `layer` scale and shift its result by itself, in place."""
    bias = layer.bias * scale + shift if layer.bias is not None else shift
    layer.weight.mul_(scale[:, None, None, None])
    layer.bias = nn.Parameter(bias.clone())


@dataclass(frozen=True)
class Normalization(Trick):
    """`normalization` of all feature maps; `groups` at most, of group norm.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    >>> norm = Normalization("group", groups=2).edit_model(net, torch.zeros(2, 3, 8, 8))[1]
    >>> norm.num_groups, norm.num_channels
    (2, 4)
    """

    normalization: NormalizationName = choice("batch", NormalizationName)
    groups: int = whole(32, at_least=1)

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.KINDS

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return replace_norms(model, example, self.normalization, self.groups)
