"""squeeze_excite: what it computes, how large it is, and where it goes."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite, SqueezeExciteBlock
from darkmagic.trainers.tricks.stem_activation import StemActivation

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def cost(width: int, ratio: int = 16) -> int:
    return 2 * width**2 // ratio + width // ratio + width


def blocks(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, SqueezeExciteBlock)]


@pytest.mark.parametrize(("width", "ratio"), [(16, 16), (64, 16), (64, 4), (512, 16), (32, 1)])
def test_size_of_a_block(width: int, ratio: int) -> None:
    """2 C^2 / r + C / r + C, as two layers with biases have."""
    assert parameters(SqueezeExciteBlock(width, ratio)) == cost(width, ratio)


def test_a_narrow_block_has_one_hidden_unit() -> None:
    """Below the ratio: 2 C + 1 + C parameters."""
    assert parameters(SqueezeExciteBlock(8, 16)) == 2 * 8 + 1 + 8


def test_block_computes_the_papers_formula() -> None:
    """Equations 2 to 4 of Hu et al., channel by channel."""
    torch.manual_seed(0)
    block = SqueezeExciteBlock(6, 3)
    w1, b1, w2, b2 = block.parameters()
    x = torch.randn(2, 6, 4, 5)
    expected = torch.empty_like(x)
    for image in range(2):
        z = torch.stack([x[image, c].sum() / 20 for c in range(6)])
        s = 1 / (1 + torch.exp(-(w2 @ torch.clamp(w1 @ z + b1, min=0) + b2)))
        for c in range(6):
            expected[image, c] = x[image, c] * s[c]
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("build", "widths"),
    [
        (lambda: SmallResNet(20), [16] * 3 + [32] * 3 + [64] * 3),
        (torchvision.models.resnet18, [64] * 2 + [128] * 2 + [256] * 2 + [512] * 2),
        (torchvision.models.resnet50, [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3),
        (torchvision.models.vgg11_bn, [64, 128, 256, 512, 512]),
    ],
    ids=["small", "resnet18", "resnet50", "vgg11_bn"],
)
def test_size_over_the_network(build: Callable[[], nn.Module], widths: list[int]) -> None:
    """One block for each residual block, or each stage of a network without any."""
    model = build()
    before = parameters(model)
    edited = SqueezeExcite(16).edit_model(model, EXAMPLE)
    assert len(blocks(edited)) == len(widths)
    assert parameters(edited) - before == sum(cost(width) for width in widths)


def close_gates(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, SqueezeExciteBlock):
            *_, last = [m for m in module.modules() if isinstance(m, nn.Linear)]
            nn.init.zeros_(last.weight)
            nn.init.constant_(last.bias, -1e9)


@pytest.mark.parametrize("name", ["small", "resnet18", "timm"])
def test_it_stands_before_the_addition(name: str) -> None:
    """With every gate shut, a block returns its rectified shortcut and nothing else."""
    torch.manual_seed(0)
    if name == "small":
        model: nn.Module = SmallResNet(20)
        model = SqueezeExcite().edit_model(model, EXAMPLE).eval()
        pairs = [(block, block.shortcut) for block in model.blocks]
        x = torch.randn(2, 16, 8, 8)
    else:
        model = (
            torchvision.models.resnet18()
            if name == "resnet18"
            else timm_classifier("resnet18", 10, 3)
        )
        model = SqueezeExcite().edit_model(model, EXAMPLE).eval()
        layers = [*model.layer1, *model.layer2, *model.layer3, *model.layer4]
        pairs = [(block, block.downsample or nn.Identity()) for block in layers]
        x = torch.randn(2, 64, 8, 8)
    close_gates(model)
    for block, shortcut in pairs:
        subsample = getattr(block, "subsample", ...)
        expected = shortcut(x[subsample]).relu()
        x = block(x.clone())
        torch.testing.assert_close(x, expected, rtol=0, atol=0)


def test_in_a_plain_network_it_follows_the_norm_of_each_stages_last_convolution() -> None:
    """Before the activation; unpadded convolutions and functional pooling change nothing."""

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16)
            self.conv2, self.norm2 = nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16)
            self.conv3 = nn.Conv2d(16, 32, 3)
            self.head = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.norm1(self.conv1(x)).relu()
            x = self.norm2(self.conv2(x)).relu()
            x = nn.functional.max_pool2d(x, 2)
            return self.head(self.conv3(x).relu().mean((2, 3)))

    edited = SqueezeExcite().edit_model(Plain(), EXAMPLE)
    assert [name.split(".")[0] for name in blocks(edited)] == ["norm2", "conv3"]


def test_gated_blocks_keep_their_own_gate_alone() -> None:
    """One residual block of MobileNetV3 small has none: it gets one, the others do not."""
    edited = SqueezeExcite().edit_model(
        torchvision.models.mobilenet_v3_small(num_classes=10), EXAMPLE
    )
    assert [name.rpartition(".block")[0] for name in blocks(edited)] == ["features.3"]


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (torchvision.models.efficientnet_b0, "already"),
        (torchvision.models.regnet_y_400mf, "already"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), "no convolution"),
    ],
    ids=["efficientnet_b0", "regnet_y_400mf", "linear"],
)
def test_where_it_does_not_apply_it_says_why(build: Callable[[], nn.Module], reason: str) -> None:
    """And leaves the network as it was."""
    model = build()
    before = list(model.state_dict())
    with pytest.raises(NotApplicable, match=reason):
        SqueezeExcite().edit_model(model, EXAMPLE)
    assert list(model.state_dict()) == before


def test_it_does_not_apply_to_transformers() -> None:
    """Neither to tokens nor to windows, though both have residual blocks and a convolution."""
    vit = torchvision.models.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=10)
    swin = torchvision.models.SwinTransformer([4, 4], 24, [1, 1], [2, 2], [4, 4], num_classes=10)
    for model in (vit, swin):
        with pytest.raises(NotApplicable, match="do not convolve"):
            SqueezeExcite().edit_model(model, EXAMPLE)


def test_state_dicts_load_from_before_and_after() -> None:
    """Every tensor keeps its name; the new ones are the only ones missing."""
    torch.manual_seed(0)
    plain = torchvision.models.resnet18(num_classes=10)
    edited = SqueezeExcite().edit_model(copy.deepcopy(plain), EXAMPLE)
    new = set(edited.state_dict()) - set(plain.state_dict())
    assert set(plain.state_dict()) < set(edited.state_dict())
    assert len(new) == 8 * 4

    other = SqueezeExcite().edit_model(torchvision.models.resnet18(num_classes=10), EXAMPLE)
    missing, unexpected = other.load_state_dict(plain.state_dict(), strict=False)
    assert (len(missing), unexpected) == (8 * 4, [])
    other.load_state_dict(edited.state_dict())
    assert torch.equal(other.eval()(EXAMPLE), edited.eval()(EXAMPLE))


def test_a_copy_and_a_saved_model_compute_the_same() -> None:
    """Deep copies (as of an EMA) and whole pickles."""
    edited = SqueezeExcite().edit_model(SmallResNet(8), EXAMPLE).eval()
    buffer = io.BytesIO()
    torch.save(edited, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(edited), torch.load(buffer, weights_only=False)):
        assert torch.equal(other(EXAMPLE), edited(EXAMPLE))
        assert list(other.state_dict()) == list(edited.state_dict())


def test_weights_do_not_depend_on_the_edit_order() -> None:
    """The same places are found before and after the other architecture trick."""
    names = []
    for tricks in ([SqueezeExcite(), StemActivation()], [StemActivation(), SqueezeExcite()]):
        model: nn.Module = torchvision.models.resnet18()
        for trick in tricks:
            model = trick.edit_model(model, EXAMPLE)
        names.append(blocks(model))
    assert names[0] == names[1]


def test_ratio_has_a_range() -> None:
    """Below 1 is no ratio."""
    with pytest.raises(ValueError, match="ratio=0"):
        SqueezeExcite(0)
