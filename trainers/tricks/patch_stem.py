"""patch_stem: a few small convolutions in the place of the one that cuts patches.

What: replaces the first convolution, of p x p patches, by log2(p) convolutions of 3 x 3 with
stride 2, each with batch norm and ReLU, whose channels double up to the tokens' width, and one of
1 x 1. Tokens are as many and as wide as before. (The paper takes out one transformer block to make
up for the FLOPs; here all stay.)
Why: a stride of 16 on raw pixels is unlike anything that trains well in convolutional networks;
the paper finds that it makes transformers sensitive to optimizer, rate and decay.
When it helps: transformers on images, in short schedules and with SGD the most.
Places: the first convolution, where it cuts patches.
Conflicts: pretrained weights of the patch convolution are lost.
Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better" (arXiv 2106.14881),
section 4.
Published:
- on against off: +1 to +2; ViT of 1 to 36 GFLOPs; ImageNet; epochs not stated, one block less with
  the stem; Xiao et al. 2021, abstract
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import evaluating, trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.weights import is_plain
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["PatchStem", "convolutional_stem", "replace_patches"]

MIN_PATCH = 4
"""A patch of two pixels is one convolution of stride 2 already."""


def convolutional_stem(channels: int, width: int, patch: int) -> nn.Sequential:
    """Return the stem for images of `channels` and tokens of `width`, `patch` a power of two.

    >>> import torch
    >>> stem = convolutional_stem(3, width=16, patch=4)
    >>> stem(torch.zeros(1, 3, 8, 8)).shape, [m.out_channels for m in stem if hasattr(m, "stride")]
    (torch.Size([1, 16, 2, 2]), [8, 16, 16])
    """
    layers: list[nn.Module] = []
    halvings = patch.bit_length() - 1
    for left in reversed(range(halvings)):
        wider = max(1, width // 2**left)
        layers += [nn.Conv2d(channels, wider, 3, 2, 1, bias=False), nn.BatchNorm2d(wider)]
        layers.append(nn.ReLU(inplace=True))
        channels = wider
    return nn.Sequential(*layers, nn.Conv2d(channels, width, 1))


def replace_patches(model: nn.Module, example: Tensor) -> nn.Module:
    """Return `model`, edited in place, with `convolutional_stem` for its patch convolution.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where the first layer
    does not cut square patches of a power of two, 4 pixels or more.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.Flatten(), nn.Linear(64, 2))
    >>> len(replace_patches(net, torch.zeros(2, 3, 8, 8))[0])
    7
    """
    trace = trace_model(model, example)
    first = trace.convolutions[0].call if trace.convolutions else None
    if first is None or not _cuts_patches(first.module):
        raise NotApplicable(
            "patch_stem replaces a first convolution that cuts square patches of 4, 8, 16 or 32 "
            "pixels, and the model has none"
        )
    patches = first.module
    assert isinstance(patches, nn.Conv2d)
    assert first.output is not None
    stem = convolutional_stem(patches.in_channels, patches.out_channels, patches.kernel_size[0])
    with evaluating(stem):
        shape = stem(example).shape[1:]
    if shape != first.output.shape[1:]:
        raise NotApplicable("patch_stem needs images whose sides are multiples of the patch")
    count_places(1, 1)
    return replace_calls(model, trace, {first: stem})


def _cuts_patches(module: nn.Module) -> bool:
    if not is_plain(module) or not isinstance(module, nn.Conv2d) or module.groups > 1:
        return False
    side = module.kernel_size[0]
    form = (module.kernel_size, module.stride, module.padding)
    return (
        side >= MIN_PATCH and side & (side - 1) == 0 and form == ((side,) * 2, (side,) * 2, (0, 0))
    )


@dataclass(frozen=True)
class PatchStem(Trick):
    """Convolutions in the place of the patch convolution.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.Flatten(), nn.Linear(64, 2))
    >>> len(PatchStem().edit_model(net, torch.zeros(2, 3, 8, 8))[0])
    7
    """

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return replace_patches(model, example)
