"""normalization: each kind against its formula, and what stays."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torchvision
from timm.layers import StdConv2d
from torch import Tensor, nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.normalization import ChannelAffine, Normalization, count_groups
from darkmagic.trainers.tricks.zero_init_residual import ZeroInitResidual

CONTRACT = {"changes": ["network", "loss", "update"], "same": ["batch"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
AXES = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}


def trained(model: nn.Module) -> nn.Module:
    """Give every batch norm statistics, scales and shifts of its own."""
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        for values in (norm.weight, norm.bias, norm.running_mean):
            nn.init.normal_(values, mean=0.5, std=0.3)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    return model.eval()


def normalised(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + 1e-5).sqrt()


@pytest.mark.parametrize("name", AXES)
def test_statistics_are_over_the_right_axes(name: str) -> None:
    """In training, then the scale and shift that were there."""
    torch.manual_seed(0)
    model = trained(nn.Sequential(nn.Conv2d(3, 6, 3), nn.GroupNorm(3, 6)))
    nn.init.normal_(model[1].weight)
    nn.init.normal_(model[1].bias)
    weight, bias = model[1].weight[:, None, None], model[1].bias[:, None, None]
    expected = normalised(model[0](EXAMPLE), AXES[name]) * weight + bias
    edited = Normalization(name).edit_model(model, EXAMPLE).train()
    torch.testing.assert_close(edited(EXAMPLE), expected, rtol=1e-4, atol=1e-4)


def test_groups_are_normalised_apart() -> None:
    """Wu & He's equation 7, on two groups."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    maps = model[0](EXAMPLE)
    expected = torch.cat([normalised(part, (1, 2, 3)) for part in maps.chunk(2, 1)], 1)
    edited = Normalization("group", groups=2).edit_model(model, EXAMPLE)
    torch.testing.assert_close(edited(EXAMPLE), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "groups"), [(64, 32), (256, 32), (16, 8), (48, 24), (40, 20), (4, 2), (3, 1)]
)
def test_groups_divide_the_channels_in_twos_or_more(channels: int, groups: int) -> None:
    """The paper's 32 where there are channels enough."""
    assert count_groups(channels, 32) == groups


@pytest.mark.parametrize("name", ["instance", "group", "layer"])
@pytest.mark.parametrize("build", [SmallResNet, torchvision.models.resnet18])
def test_all_norms_go_and_their_weights_stay(build: type[nn.Module], name: str) -> None:
    """The same objects under the same names, running statistics apart."""
    model = build()
    before = dict(model.named_parameters())
    edited = Normalization(name).edit_model(
        model, torch.cat([EXAMPLE, EXAMPLE], 3).repeat(1, 1, 2, 1)
    )
    assert not any(isinstance(m, nn.BatchNorm2d) for m in edited.modules())
    after = dict(edited.named_parameters())
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


@pytest.mark.parametrize(
    "build", [SmallResNet, lambda: torchvision.models.resnet18(num_classes=10)]
)
def test_none_folds_batch_norm_into_the_convolution(build: type[nn.Module]) -> None:
    """A trained network computes the same without its norms."""
    torch.manual_seed(0)
    model = trained(build())
    expected = model(EXAMPLE)
    edited = Normalization("none").edit_model(copy.deepcopy(model), EXAMPLE)
    assert not any("Norm" in type(m).__name__ for m in edited.modules())
    torch.testing.assert_close(edited(EXAMPLE), expected, rtol=1e-3, atol=1e-4)
    assert all(m.bias is not None for m in edited.modules() if isinstance(m, nn.Conv2d))


class _Wired(nn.Module):
    """Two convolutions and two norms, run as `wiring` has it."""

    def __init__(self, wiring: str) -> None:
        super().__init__()
        self.wiring = wiring
        self.one, self.two = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.norm, self.other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        if wiring == "tied":
            self.two.weight = self.one.weight
        if wiring == "standardised":
            self.one = StdConv2d(3, 3, 3, padding=1)
        if wiring == "transposed":
            self.two = nn.ConvTranspose2d(3, 3, 3)
        if wiring == "grouped":
            self.one = nn.Conv2d(3, 3, 3, padding=2, groups=3, dilation=2, bias=False)
        if wiring == "weight norm":
            nn.utils.parametrizations.weight_norm(self.one)
        if wiring == "without scale":
            self.norm = nn.BatchNorm2d(3, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.wiring == "norm first":
            return self.two(self.norm(self.one(self.other(x)).relu()))
        if self.wiring == "read twice":
            y = self.one(x)
            return self.other(self.two(self.norm(y).relu())) + y
        if self.wiring == "shared norm":
            return self.norm(self.two(self.norm(self.one(x)).relu()))
        if self.wiring == "shared block":
            x = self.norm(self.one(x)).relu()
            return self.other(self.two(self.norm(self.one(x)).relu()))
        if self.wiring == "sum":
            return self.other(self.norm(self.one(x)) + self.two(x))
        return self.other(self.two(self.norm(self.one(x)).relu()))


WIRINGS = (
    *("plain", "tied", "standardised", "transposed", "grouped", "weight norm", "without scale"),
    *("norm first", "read twice", "shared norm", "shared block", "sum"),
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("wiring", WIRINGS)
def test_none_keeps_the_function_however_convolutions_and_norms_meet(
    wiring: str, seed: int
) -> None:
    """What cannot be folded stays as a scale and a shift, and nothing normalises any more."""
    torch.manual_seed(seed)
    model = _Wired(wiring)
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.running_var, 0.1, 3)
        nn.init.normal_(norm.running_mean)
        if norm.affine:
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    expected = model.eval()(EXAMPLE)
    edited = Normalization("none").edit_model(model, EXAMPLE)
    norms = [edited.norm] if wiring == "shared norm" else [edited.norm, edited.other]
    assert not any(isinstance(m, nn.BatchNorm2d) for norm in norms for m in norm.modules())
    torch.testing.assert_close(edited(EXAMPLE), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("build", [torchvision.models.densenet121, torchvision.models.mobilenet_v2])
def test_none_keeps_what_trained_networks_compute(build: Callable[..., nn.Module]) -> None:
    """Norms before convolutions, and depthwise ones."""
    torch.manual_seed(0)
    model = trained(build(num_classes=10))
    expected = model(EXAMPLE)
    edited = Normalization("none").edit_model(model, EXAMPLE)
    error = (edited(EXAMPLE) - expected).norm() / expected.norm()
    assert error < 1e-3


def test_none_refuses_to_change_what_it_says_that_it_keeps() -> None:
    """A network that reads its norm's statistics by itself computes something else without."""

    class Reads(_Wired):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 if isinstance(self.norm, nn.BatchNorm2d) else 3)

    with pytest.raises(NotApplicable, match="would change what the model computes by 200%"):
        Normalization("none").edit_model(trained(Reads("plain")), EXAMPLE)


def test_scale_that_is_left_of_a_norm_can_start_a_branch_at_zero() -> None:
    """Zero-init finds it at a branch's end."""
    model = SmallResNet(8)
    nn.utils.parametrizations.weight_norm(model.blocks[0].conv2)
    model = Normalization("none").edit_model(trained(model), EXAMPLE)
    assert isinstance(model.blocks[0].bn2, ChannelAffine)
    edited = ZeroInitResidual().edit_model(model, EXAMPLE).eval()
    x = torch.rand(2, 16, 8, 8)
    assert torch.equal(edited.blocks[0](x), x)


def test_batch_changes_what_is_not_batch_norm() -> None:
    """And nothing of a network that has it, or has none."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8))
    assert isinstance(Normalization("batch").edit_model(model, EXAMPLE)[1], nn.BatchNorm2d)
    for same in (SmallResNet(8), torchvision.models.squeezenet1_1()):
        kinds = [type(m) for m in same.modules()]
        assert [type(m) for m in Normalization().edit_model(same, EXAMPLE).modules()] == kinds


def test_layer_norms_of_channels_are_replaced() -> None:
    """ConvNeXt's, where all its maps have their channels first."""
    model = timm_classifier("convnext_atto", 10, 3)
    weights = [m.weight for m in model.modules() if isinstance(m, nn.LayerNorm)]
    edited = Normalization("batch").edit_model(model, EXAMPLE)
    norms = [m for m in edited.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == len(weights) == 17
    assert all(norm.weight is weight for norm, weight in zip(norms, weights, strict=True))


def test_a_layer_norm_with_a_scale_for_each_pixel_loses_it() -> None:
    """Its scale has the map's shape, and another norm's has the channels'."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.LayerNorm((8, 30, 30)))
    edited = Normalization("batch").edit_model(model, EXAMPLE)
    assert isinstance(edited[1], nn.BatchNorm2d)
    assert edited[1].weight.shape == (8,)
    assert edited(EXAMPLE).shape == (2, 8, 30, 30)


def test_norms_that_also_activate_still_do() -> None:
    """As timm's."""
    model = timm_classifier("efficientnet_lite0", 10, 3)
    acts = sum(isinstance(m, nn.ReLU6) for m in model.modules())
    edited = Normalization("group").edit_model(model, EXAMPLE)
    assert sum(isinstance(m, nn.GroupNorm) for m in edited.modules()) == 49
    assert sum(isinstance(m, nn.ReLU6) for m in edited.modules()) == acts
    edited(EXAMPLE).sum().backward()


@pytest.mark.parametrize(
    ("build", "name", "reason"),
    [
        (torchvision.models.squeezenet1_1, "layer", "finds no norm"),
        (torchvision.models.convnext_tiny, "batch", "channels last"),
        (lambda: timm_classifier("convnext_atto", 10, 3, conv_mlp=False), "group", "channels last"),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 32), nn.BatchNorm2d(4)), "instance", "one pixel"),
    ],
    ids=["none", "tokens", "timm", "pixel"],
)
def test_where_it_does_not_apply_it_says_why(build: type, name: str, reason: str) -> None:
    """No half-edited networks."""
    with pytest.raises(NotApplicable, match=reason):
        Normalization(name).edit_model(build(), EXAMPLE)


def test_fields_have_ranges() -> None:
    """One line each."""
    with pytest.raises(ValueError, match=r"weight.*choose from batch"):
        Normalization("weight")
    with pytest.raises(ValueError, match="groups=0"):
        Normalization("group", 0)
