"""squeeze_excite and stem_activation in one network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.stem_activation import StemActivation

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("small", "swish"),
        ("sequential", "leaky_relu"),
        ("timm", "leaky_relu"),
        ("resnet18", "leaky_relu"),
        ("resnet18", "swish"),
        ("resnet50", "swish"),
        ("vgg11_bn", "leaky_relu"),
        ("mobilenet_v2", "leaky_relu"),
        ("mobilenet_v3_small", "swish"),
        ("regnet_x_400mf", "leaky_relu"),
        ("densenet121", "swish"),
        ("shufflenet_v2_x0_5", "leaky_relu"),
    ],
)
def test_both_edits_train(name: str, activation: str) -> None:
    """A step of any of these networks, edited twice, is finite, under channels_last as well."""
    torch.manual_seed(0)
    if name == "timm":
        model = timm_classifier("resnet18", 10, 3, (32, 32))
    elif name == "small":
        model = SmallResNet(8)
    elif name == "sequential":
        model = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
        )
    else:
        model = torchvision_classifier(name, 10, (32, 32))
    model = SqueezeExcite().edit_model(model, EXAMPLE)
    model = StemActivation(activation).edit_model(model, EXAMPLE)
    model = model.to(memory_format=torch.channels_last)
    for _ in range(2):
        logits = model(EXAMPLE.to(memory_format=torch.channels_last))
        assert logits.shape == (2, 10)
        logits.logsumexp(1).sum().backward()
    for name_, parameter in model.named_parameters():
        assert parameter.grad is not None, name_
        assert parameter.grad.isfinite().all(), name_
