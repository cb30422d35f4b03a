"""torchvision's and timm's networks, with stems that suit small images."""

import sys

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier

SMALL, LARGE = (32, 32), (224, 224)


def test_resnet18_gets_the_stem_of_small_images() -> None:
    """A 3x3 convolution of stride 1 and no pooling; nothing else differs."""
    network = torchvision_classifier("resnet18", 10, SMALL)
    assert isinstance(network.maxpool, nn.Identity)
    conv = network.conv1
    assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))
    assert conv.bias is None
    assert network.layer1(torch.zeros(1, 64, 32, 32)).shape == (1, 64, 32, 32)
    assert network.fc.out_features == 10
    assert network.layer2[0].conv1.stride == (2, 2)


def test_large_images_keep_the_stem() -> None:
    """From 96 pixels on the network is torchvision's own."""
    network = torchvision_classifier("resnet18", 10, (96, 128))
    assert network.conv1.kernel_size == (7, 7)
    assert isinstance(network.maxpool, nn.MaxPool2d)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet18", 32),
        ("mobilenet_v3_small", 16),
        ("efficientnet_b0", 16),
        ("vgg11_bn", 16),
        ("densenet121", 16),
        ("regnet_y_400mf", 16),
        ("convnext_tiny", 16),
        ("shufflenet_v2_x0_5", 16),
        ("googlenet", 32),
        ("squeezenet1_1", 32),
    ],
)
def test_stem_keeps_the_resolution(name: str, side: int) -> None:
    """The second convolution of 32 pixels gets all of them; logits keep their shape."""
    network = torchvision_classifier(name, 10, SMALL).eval()
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *SMALL)).shape == (2, 10)
    assert seen[:2] == [32, 32]
    assert side <= [width for width in seen if width > 1][2]  # a gate's are of one pixel


def test_a_transformer_keeps_its_patches() -> None:
    """Its one convolution is no stem; its position embedding has the images' size."""
    network = torchvision_classifier("vit_b_16", 10, SMALL).eval()
    assert network.conv_proj.stride == (16, 16)
    assert network(torch.zeros(2, 3, *SMALL)).shape == (2, 10)


def test_builders_get_the_rest() -> None:
    """As `dropout` of MobileNetV3."""
    network = torchvision_classifier("mobilenet_v3_small", 10, LARGE, dropout=0.7)
    assert network.classifier[2].p == 0.7


def test_googlenet_gives_one_output_in_training() -> None:
    """Its auxiliary classifiers, on by default, would give three."""
    network = torchvision_classifier("googlenet", 10, SMALL)
    assert network(torch.randn(2, 3, *SMALL)).shape == (2, 10)


def test_unknown_names_are_answered_with_near_ones() -> None:
    """In one line, for both libraries."""
    with pytest.raises(ValueError, match=r"no .*'resnet19'; did you mean .*resnet1") as failure:
        torchvision_classifier("resnet19", 10, SMALL)
    assert "\n" not in str(failure.value)
    with pytest.raises(ValueError, match="timm has no model 'resnet19'; did you mean"):
        timm_classifier("resnet19", 10, 3, SMALL)


def test_timm_takes_channels_and_small_images() -> None:
    """The stem is found in timm's networks too, a deep one of three convolutions as well."""
    for name in ("resnet18", "resnet18d"):
        network = timm_classifier(name, 10, 1, SMALL).eval()
        assert network.layer1(torch.zeros(1, 64, 32, 32)).shape[2:] == (32, 32)
        assert network(torch.zeros(2, 1, *SMALL)).shape == (2, 10)
    assert isinstance(timm_classifier("resnet18", 10, 1, SMALL).maxpool, nn.Identity)


def test_missing_timm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"pip install darkmagic\[timm\]"):
        timm_classifier("resnet18", 10, 3, SMALL)
