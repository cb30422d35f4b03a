"""Networks of torchvision and timm, with stems for small images."""

import sys

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier

SMALL, LARGE = (32, 32), (224, 224)


def test_resnet18_gets_a_stem_for_small_images() -> None:
    """The stem is a 3x3 convolution of stride 1 without pooling, and nothing else changes."""
    network = torchvision_classifier("resnet18", 10, SMALL)
    assert isinstance(network.maxpool, nn.Identity)
    conv = network.conv1
    assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))
    assert conv.bias is None
    assert network.layer1(torch.zeros(1, 64, 32, 32)).shape == (1, 64, 32, 32)
    assert network.fc.out_features == 10
    assert network.layer2[0].conv1.stride == (2, 2)


def test_large_images_keep_the_original_stem() -> None:
    """At 96 pixels and more the network is torchvision's own."""
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
def test_small_image_stem_keeps_the_resolution(name: str, side: int) -> None:
    """The second convolution gets all 32 pixels, and the logits keep their shape."""
    network = torchvision_classifier(name, 10, SMALL).eval()
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *SMALL)).shape == (2, 10)
    assert seen[:2] == [32, 32]
    assert side <= [width for width in seen if width > 1][2]  # a gate's are of one pixel


def test_vision_transformer_keeps_its_patch_convolution() -> None:
    """The patch convolution keeps its stride, and the position embedding has the images' size."""
    network = torchvision_classifier("vit_b_16", 10, SMALL).eval()
    assert network.conv_proj.stride == (16, 16)
    assert network(torch.zeros(2, 3, *SMALL)).shape == (2, 10)


def test_other_arguments_go_to_torchvision_builder() -> None:
    """`dropout` is handed on to torchvision's builder of MobileNetV3."""
    network = torchvision_classifier("mobilenet_v3_small", 10, LARGE, dropout=0.7)
    assert network.classifier[2].p == 0.7


def test_googlenet_has_no_auxiliary_outputs() -> None:
    """GoogLeNet in training mode gives one tensor of logits instead of three."""
    network = torchvision_classifier("googlenet", 10, SMALL)
    assert network(torch.randn(2, 3, *SMALL)).shape == (2, 10)


def test_unknown_model_name_suggests_similar_names() -> None:
    """An unknown name is a one-line error with similar names, for both libraries."""
    with pytest.raises(ValueError, match=r"no .*'resnet19'; did you mean .*resnet1") as failure:
        torchvision_classifier("resnet19", 10, SMALL)
    assert "\n" not in str(failure.value)
    with pytest.raises(ValueError, match="timm has no model 'resnet19'; did you mean"):
        timm_classifier("resnet19", 10, 3, SMALL)


def test_timm_network_takes_grey_small_images() -> None:
    """Timm's networks take one channel and get a stem for small images, deep stems included."""
    for name in ("resnet18", "resnet18d"):
        network = timm_classifier(name, 10, 1, SMALL).eval()
        assert network.layer1(torch.zeros(1, 64, 32, 32)).shape[2:] == (32, 32)
        assert network(torch.zeros(2, 1, *SMALL)).shape == (2, 10)
    assert isinstance(timm_classifier("resnet18", 10, 1, SMALL).maxpool, nn.Identity)


def test_error_without_timm_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without timm the error names the command that installs it."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"pip install 'darkmagic-checklist\[timm\]'"):
        timm_classifier("resnet18", 10, 3, SMALL)
