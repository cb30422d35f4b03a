"""stem_activation: exactly which activations change."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.stem_activation import StemActivation

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
KINDS = {"leaky_relu": nn.LeakyReLU, "swish": nn.SiLU}


def changed(before: nn.Module, after: nn.Module) -> list[str]:
    """Return the names of modules that are of another type than before."""
    old = {name: type(module) for name, module in before.named_modules()}
    new = {name: type(module) for name, module in after.named_modules()}
    return [name for name in old if new.get(name) is not old[name]]


@pytest.mark.parametrize("activation", ["leaky_relu", "swish"])
def test_small_resnet(activation: str) -> None:
    """The stem's, and the first in each block of stride 2: three of nineteen."""
    before = SmallResNet(20)
    after = StemActivation(activation).edit_model(copy.deepcopy(before), EXAMPLE)
    names = ["stem.2", "blocks.3.act1", "blocks.6.act1"]
    assert changed(before, after) == names
    for name in names:
        new = after.get_submodule(name)
        assert type(new) is KINDS[activation]
        assert new.inplace
    assert list(before.state_dict()) == list(after.state_dict())


def reference_resnet18(model: nn.Module, x: Tensor, act: nn.Module) -> Tensor:
    """Write torchvision's resnet18 out, with `act` in stem and strided layers alone."""
    x = model.maxpool(act(model.bn1(model.conv1(x))))
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in layer:
            first = act if block.stride == 2 else torch.relu
            out = block.bn2(block.conv2(first(block.bn1(block.conv1(x)))))
            x = torch.relu(out + (block.downsample(x) if block.downsample else x))
    return model.fc(x.mean((2, 3)))


@pytest.mark.parametrize("activation", ["leaky_relu", "swish"])
def test_resnet18_whose_blocks_share_one_relu(activation: str) -> None:
    """The place after the strided convolution changes, the one after the addition does not."""
    torch.manual_seed(0)
    before = torchvision.models.resnet18(num_classes=10).eval()
    act = nn.LeakyReLU(0.3) if activation == "leaky_relu" else nn.SiLU()
    expected = reference_resnet18(before, EXAMPLE, act)
    after = StemActivation(activation, 0.3).edit_model(copy.deepcopy(before), EXAMPLE)
    assert changed(before, after) == ["relu", *(f"layer{i}.0.relu" for i in (2, 3, 4))]
    buffer = io.BytesIO()
    torch.save(after, buffer)
    buffer.seek(0)
    for model in (after, copy.deepcopy(after), torch.load(buffer, weights_only=False)):
        for _ in range(2):
            torch.testing.assert_close(model(EXAMPLE), expected)
    assert (before(EXAMPLE) - expected).abs().max() > 1e-3  # the comparison can tell


def test_one_relu_for_a_whole_network() -> None:
    """A user's network may register one module and call it everywhere."""

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()
            self.convs = nn.ModuleList(
                [nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, 2), nn.Conv2d(8, 8, 3)]
            )
            self.head = nn.Linear(8, 10)

        def forward(self, x: Tensor, acts: list[nn.Module] | None = None) -> Tensor:
            for conv, act in zip(self.convs, acts or [self.act] * 3, strict=True):
                x = act(conv(x))
            return self.head(x.mean((2, 3)))

    model = Shared()
    leaky = nn.LeakyReLU(0.5)
    expected = model(EXAMPLE, [leaky, leaky, nn.ReLU()])
    edited = StemActivation("leaky_relu", 0.5).edit_model(model, EXAMPLE)
    for _ in range(2):
        torch.testing.assert_close(edited(EXAMPLE), expected)


def test_one_relu_shared_by_blocks_of_their_own() -> None:
    """Which block calls decides, not which name is found first."""

    class Layer(nn.Module):
        def __init__(self, inputs: int, stride: int, act: nn.Module) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(inputs, 8, 3, stride, 1), act

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.conv(x))

    act = nn.ReLU()
    strides = [1, 2, 1, 2, 1]
    body = nn.Sequential(*(Layer(8 if i else 3, s, act) for i, s in enumerate(strides)))
    x = EXAMPLE
    for layer, leaky in zip(body, [True, True, False, True, False], strict=True):
        x = nn.functional.leaky_relu(layer.conv(x), 0.5 if leaky else 0.0)
    edited = StemActivation("leaky_relu", 0.5).edit_model(body, EXAMPLE)
    for _ in range(2):
        torch.testing.assert_close(edited(EXAMPLE), x)


def test_plain_networks_have_a_stem_and_poolings() -> None:
    """VGG's first stage, and the activations that its poolings take; never its classifier."""
    before = torchvision.models.vgg11_bn(num_classes=10)
    after = StemActivation("swish").edit_model(copy.deepcopy(before), EXAMPLE)
    assert changed(before, after) == [f"features.{i}" for i in (2, 6, 13, 20)]


def test_unpadded_convolutions_are_no_downscaling() -> None:
    """Without strides they only lose the border."""
    before = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.ReLU()),
        *(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)),
    )
    after = StemActivation("swish").edit_model(copy.deepcopy(before), EXAMPLE)
    assert changed(before, after) == ["1", "3"]


@pytest.mark.parametrize("build", [SmallResNet, torchvision.models.resnet18])
def test_relu_for_relu_changes_nothing(build: Callable[[], nn.Module]) -> None:
    """Not a module, and not a bit."""
    model = build().eval()
    expected = model(EXAMPLE)
    edited = StemActivation("relu").edit_model(copy.deepcopy(model), EXAMPLE)
    assert changed(model, edited) == []
    assert torch.equal(edited(EXAMPLE), expected)


def test_gates_keep_their_activations() -> None:
    """MobileNetV3's first block has squeeze-and-excitation inside the stem."""
    before = torchvision.models.mobilenet_v3_small(num_classes=10)
    after = StemActivation("leaky_relu").edit_model(copy.deepcopy(before), EXAMPLE)
    assert "features.0.2" in changed(before, after)
    assert not any("activation" in name for name in changed(before, after))


def test_where_it_does_not_apply_it_says_why() -> None:
    """Linear networks, transformers."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, 10))
    vit = torchvision.models.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=10)
    for model in (linear, vit):
        with pytest.raises(NotApplicable, match="no activation in a stem"):
            StemActivation("relu").edit_model(model, EXAMPLE)


def test_fields_have_ranges() -> None:
    """The message lists what there is."""
    with pytest.raises(ValueError, match=r"gelu.*leaky_relu"):
        StemActivation("gelu")
    with pytest.raises(ValueError, match="negative_slope=-1"):
        StemActivation("leaky_relu", -1)
