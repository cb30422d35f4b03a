"""convolution: depthwise separable convolutions in place of plain ones.

What: splits a kh x kw convolution of fi to fo channels into one of each channel for itself and
a 1 x 1 convolution that mixes them, with nothing in between. Its weights number kh kw fi + fi
fo instead of kh kw fi fo: a 3 x 3 convolution of 128 to 256 channels has 33,920 of them (1,152
+ 32,768) instead of 294,912. (One post prints 99,456 for that example, which is wrong.) A
layer that this would not make smaller stays: 1 x 1 kernels, grouped convolutions, and ones of
few output channels. So does the first convolution, as in the papers: it has few channels to
mix, and one channel's kernels would be all that it sees.
Why: most of a plain convolution's weights mix channels, again at every place of the kernel.
When it helps: on phones and in small models; on a GPU the fewer operations are often no
faster, as depthwise convolutions wait for memory. Accuracy of the same network falls; the
trick pays where the saving goes into width.
Places: layers that it makes smaller; one whose weights another module reads stays.
Conflicts: pretrained weights of the layers it replaces are lost.
Source: Sifre 2014 (thesis, section 6.2); Chollet 2017 (arXiv 1610.02357), whose section 4.7
finds nothing in between best; Howard et al. 2017 (arXiv 1704.04861), section 3.1, for the count.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Trace, trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.separable import parameters_saved
from darkmagic.trainers.models.weights import is_plain
from darkmagic.trainers.trick import EditStage, NotApplicable, Trick

__all__ = [
    "Convolution",
    "DepthwiseSeparable",
    "SeparableConv2d",
    "savings",
    "separate_convolutions",
]


class SeparableConv2d(nn.Sequential):
    """A convolution of each channel for itself, then a 1 x 1 one, in the form of a plain one.

    >>> layer = SeparableConv2d(nn.Conv2d(8, 16, 3, padding=1, bias=False))
    >>> sum(p.numel() for p in layer.parameters()), 16 * 8 * 3 * 3
    (200, 1152)
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        depthwise = nn.Conv2d(
            plain.in_channels,
            plain.in_channels,
            plain.kernel_size,  # type: ignore[arg-type]  # of two numbers here
            plain.stride,  # type: ignore[arg-type]
            plain.padding,  # type: ignore[arg-type]
            plain.dilation,  # type: ignore[arg-type]
            groups=plain.in_channels,
            bias=False,
            padding_mode=plain.padding_mode,
        )
        pointwise = nn.Conv2d(plain.in_channels, plain.out_channels, 1, bias=plain.bias is not None)
        # Nothing rectifies in between, so the first of them keeps the variance as it is.
        nn.init.kaiming_normal_(depthwise.weight, nonlinearity="linear")
        nn.init.kaiming_normal_(pointwise.weight, nonlinearity="relu")
        if pointwise.bias is not None:
            nn.init.zeros_(pointwise.bias)
        super().__init__(depthwise, pointwise)


def savings(model: nn.Module, example: Tensor) -> dict[str, int]:
    """Return the weights that separating saves by name of the layers that would be replaced.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Flatten(), nn.Linear(256, 2)
    ... )
    >>> savings(net, torch.zeros(2, 3, 8, 8))
    {'1': 952}
    """
    found = _separable(trace_model(model, example))
    return {
        name: parameters_saved(*_size(module))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module in found
    }


def separate_convolutions(model: nn.Module, example: Tensor) -> nn.Module:
    """Return `model`, edited in place, with `SeparableConv2d` wherever that is smaller.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where it is nowhere.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Flatten(), nn.Linear(256, 2)
    ... )
    >>> separate_convolutions(net, torch.zeros(2, 3, 8, 8))[1]
    SeparableConv2d(
      (0): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), groups=8, bias=False)
      (1): Conv2d(8, 16, kernel_size=(1, 1), stride=(1, 1))
    )
    """
    trace = trace_model(model, example)
    found = _separable(trace)
    if not found:
        raise NotApplicable(
            "no convolution of the model would be smaller as a depthwise separable one"
        )
    count_places(len(found), len(found))
    new: dict[nn.Module, nn.Module] = {module: SeparableConv2d(module) for module in found}
    return replace_calls(
        model, trace, {call: new[call.module] for call in trace.calls if call.module in new}
    )


def _separable(trace: Trace) -> list[nn.Conv2d]:
    called = dict.fromkeys(
        c.module for c in trace.calls if isinstance(c.module, nn.Conv2d) and c.registered
    )
    return [
        module
        for module in list(called)[1:]
        if is_plain(module) and module.groups == 1 and parameters_saved(*_size(module)) > 0
    ]


def _size(module: nn.Conv2d) -> tuple[tuple[int, int], int, int]:
    height, width = module.kernel_size
    return (height, width), module.in_channels, module.out_channels


@dataclass(frozen=True)
class Convolution(Trick):
    """Depthwise separable convolutions wherever they make a layer smaller.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Flatten(), nn.Linear(256, 2)
    ... )
    >>> Convolution().edit_model(net, torch.zeros(2, 3, 8, 8))[1]
    SeparableConv2d(
      (0): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), groups=8, bias=False)
      (1): Conv2d(8, 16, kernel_size=(1, 1), stride=(1, 1))
    )
    """

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.KINDS

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return separate_convolutions(model, example)


DepthwiseSeparable = Convolution
"""Its name in configurations that were written before."""
