"""Edits of a network: each returns the network, edited in place or replaced.

`example` is a batch of images (2, C, H, W) that the network takes; without one, a size is tried.
Weights that are put in are drawn from torch's global generator, and pretrained ones stay where they
can. Every edited network is run once, in training and in evaluation: each function raises
`NotApplicable`, with the reason, where there is nothing to edit or the edit would not act. What a
trick does, when it helps and what it conflicts with is on its card: `darkmagic tricks NAME`.
"""

from __future__ import annotations

from torch import Tensor, nn

from darkmagic.trainers.tricks.activation import Activation, ActivationName
from darkmagic.trainers.tricks.activation_order import ActivationOrder, Order
from darkmagic.trainers.tricks.attention_dropout import AttentionDropout
from darkmagic.trainers.tricks.attention_pooling import AttentionPooling
from darkmagic.trainers.tricks.blurpool import BlurPool
from darkmagic.trainers.tricks.convolution import Convolution
from darkmagic.trainers.tricks.drop_path import DropPath
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.layer_scale import LayerScale
from darkmagic.trainers.tricks.model_size import ModelSize
from darkmagic.trainers.tricks.normalization import Normalization, NormalizationName
from darkmagic.trainers.tricks.patch_stem import PatchStem
from darkmagic.trainers.tricks.pooling import Pooling, PoolingName
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.stem_activation import (
    Activation as StemActivationName,
)
from darkmagic.trainers.tricks.stem_activation import (
    StemActivation,
)
from darkmagic.trainers.tricks.transfer import all_but_head, first_stage, freeze
from darkmagic.trainers.tricks.weight_init import Scheme, WeightInit
from darkmagic.trainers.tricks.zero_init_residual import ZeroInitResidual
from darkmagic.tricks.editing import edit, freeze_tensors

__all__ = [
    "add_attention_pooling",
    "add_blur",
    "add_drop_path",
    "add_dropout",
    "add_layer_scale",
    "add_squeeze_excite",
    "drop_attention",
    "freeze_all_but_head",
    "freeze_first_stage",
    "initialize",
    "reorder_activations",
    "replace_activations",
    "replace_norms",
    "replace_patches",
    "replace_poolings",
    "replace_stem_activations",
    "scale_channels",
    "separate_convolutions",
    "zero_last_layers",
]


def add_attention_pooling(
    model: nn.Module, heads: int = 1, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` whose global average is weighed, by `heads` shares of the channels.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_attention_pooling(net)
    >>> sum(type(part).__name__ == "PositionWeights" for part in edited.modules())
    1
    """
    return edit(model, AttentionPooling(heads), example)


def add_blur(model: nn.Module, size: int = 3, *, example: Tensor | None = None) -> nn.Module:
    """Return `model` that blurs by `size` pixels wherever it subsamples.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_blur(net)
    >>> sum(type(part).__name__ == "BlurPool2d" for part in edited.modules())
    2
    """
    return edit(model, BlurPool(size), example)


def add_drop_path(
    model: nn.Module, rate: float = 0.1, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` that skips the branch of its last residual block with `rate`, earlier less.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_drop_path(net)
    >>> sum(type(part).__name__ == "DropPathLayer" for part in edited.modules())
    3
    """
    return edit(model, DropPath(rate), example)


def add_dropout(
    model: nn.Module, rate: float = 0.2, wider_than: int = 256, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` with dropout of `rate` on vectors of more than `wider_than` units.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_dropout(net, wider_than=8)
    >>> sum(isinstance(part, nn.Dropout) for part in edited.modules())
    1
    """
    return edit(model, Dropout(rate, wider_than), example)


def add_layer_scale(
    model: nn.Module, initial: float = 0.1, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` that scales each residual branch of tokens, from `initial` on.

    >>> from torchvision.models import VisionTransformer
    >>> net = VisionTransformer(32, 8, 2, 2, hidden_dim=16, mlp_dim=32)
    >>> edited = add_layer_scale(net)
    >>> sum(type(part).__name__ == "ChannelScale" for part in edited.modules())
    4
    """
    return edit(model, LayerScale(initial), example)


def add_squeeze_excite(
    model: nn.Module, ratio: int = 16, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` with a gate of `ratio` at the end of each residual block, or of each stage.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_squeeze_excite(net, ratio=4)
    >>> sum(type(part).__name__ == "SqueezeExciteBlock" for part in edited.modules())
    3
    """
    return edit(model, SqueezeExcite(ratio), example)


def drop_attention(
    model: nn.Module, rate: float = 0.1, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` whose attention maps drop out with `rate`.

    >>> from torchvision.models import VisionTransformer
    >>> net = VisionTransformer(32, 8, 2, 2, hidden_dim=16, mlp_dim=32)
    >>> edited = drop_attention(net)
    >>> edited.encoder.layers[0].self_attention.dropout
    0.1
    """
    return edit(model, AttentionDropout(rate), example)


def freeze_all_but_head(model: nn.Module, *, example: Tensor | None = None) -> nn.Module:
    """Return `model`, edited in place, of which the last layer alone trains.

    Norms there keep their statistics.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> net = freeze_all_but_head(net)
    >>> [name for name, p in net.named_parameters() if p.requires_grad]
    ['head.weight', 'head.bias']
    """
    return freeze_tensors(model, all_but_head, freeze, example)


def freeze_first_stage(model: nn.Module, *, example: Tensor | None = None) -> nn.Module:
    """Return `model`, edited in place, whose first stage does not train.

    Norms there keep their statistics.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> net = freeze_first_stage(net)
    >>> net.stem[0].weight.requires_grad, net.head.weight.requires_grad
    (False, True)
    """
    return freeze_tensors(model, first_stage, freeze, example)


def initialize(
    model: nn.Module,
    scheme: Scheme = "he",
    std: float = 0.01,
    value: float = 0.01,
    *,
    example: Tensor | None = None,
) -> nn.Module:
    """Return `model` with new first weights.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = initialize(net, "small_gaussian")
    >>> edited.stem[0].weight.std() < 0.02
    tensor(True)
    """
    return edit(model, WeightInit(scheme, std, value), example)


def reorder_activations(
    model: nn.Module, order: Order = "before", *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` that activates `order` max pooling.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
    >>> edited = reorder_activations(net, order="after")
    >>> print(edited)
    Sequential(
      (0): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): After(
        (layer): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
        (activation): ReLU()
      )
      (3): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1))
    )
    """
    return edit(model, ActivationOrder(order), example)


def replace_activations(
    model: nn.Module,
    activation: ActivationName = "relu",
    slope: float = 0.01,
    pieces: int = 2,
    *,
    example: Tensor | None = None,
) -> nn.Module:
    """Return `model` with `activation` in place of every activation.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = replace_activations(net, activation="swish")
    >>> sum(isinstance(part, nn.SiLU) for part in edited.modules())
    7
    """
    return edit(model, Activation(activation, slope, pieces), example)


def replace_norms(
    model: nn.Module,
    normalization: NormalizationName = "batch",
    groups: int = 32,
    *,
    example: Tensor | None = None,
) -> nn.Module:
    """Return `model` with norms of another kind.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = replace_norms(net, normalization="group")
    >>> sum(isinstance(part, nn.GroupNorm) for part in edited.modules())
    9
    """
    return edit(model, Normalization(normalization, groups), example)


def replace_patches(model: nn.Module, *, example: Tensor | None = None) -> nn.Module:
    """Return `model` whose patches are cut by convolutions of stride 2.

    >>> from torchvision.models import VisionTransformer
    >>> net = VisionTransformer(32, 8, 2, 2, hidden_dim=16, mlp_dim=32)
    >>> edited = replace_patches(net)
    >>> sum(isinstance(part, nn.Conv2d) for part in edited.modules())
    4
    """
    return edit(model, PatchStem(), example)


def replace_poolings(
    model: nn.Module, pooling: PoolingName = "max", size: int = 5, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` with poolings of another kind.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
    >>> edited = replace_poolings(net, pooling="average")
    >>> type(edited[1]).__name__
    'AvgPool2d'
    """
    return edit(model, Pooling(pooling, size), example)


def replace_stem_activations(
    model: nn.Module,
    activation: StemActivationName = "leaky_relu",
    negative_slope: float = 0.01,
    *,
    example: Tensor | None = None,
) -> nn.Module:
    """Return `model` with `activation` in the stem and where it downscales.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = replace_stem_activations(net)
    >>> sum(isinstance(part, nn.LeakyReLU) for part in edited.modules())
    3
    """
    return edit(model, StemActivation(activation, negative_slope), example)


def scale_channels(
    model: nn.Module, factor: float = 2.0, *, example: Tensor | None = None
) -> nn.Module:
    """Return `model` with `factor` times as many channels in every layer.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = scale_channels(net, factor=2)
    >>> edited.head.in_features
    32
    """
    return edit(model, ModelSize(factor), example)


def separate_convolutions(model: nn.Module, *, example: Tensor | None = None) -> nn.Module:
    """Return `model` with depthwise separable convolutions wherever they make a layer smaller.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=16)
    >>> edited = separate_convolutions(net)
    >>> sum(type(part).__name__ == "SeparableConv2d" for part in edited.modules())
    6
    """
    return edit(model, Convolution(), example)


def zero_last_layers(model: nn.Module, *, example: Tensor | None = None) -> nn.Module:
    """Return `model` whose residual branches begin at zero.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = zero_last_layers(net)
    >>> [block.bn2.weight.abs().sum().item() for block in edited.blocks]
    [0.0, 0.0, 0.0]
    """
    return edit(model, ZeroInitResidual(), example)
