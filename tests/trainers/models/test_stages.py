"""Finding the stages of networks of many architectures."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.stages import find_stages
from darkmagic.trainers.models.structure import find_residuals

EXAMPLE = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def _build(name: str) -> nn.Module:
    if name.startswith("small"):
        return SmallResNet(int(name.removeprefix("small")))
    if name.startswith("timm:"):
        return timm_classifier(name.removeprefix("timm:"), 10, 3)
    return torchvision.models.get_model(name, num_classes=10)


def _results(model: nn.Module) -> list[tuple[int, int]]:
    """Return the channels and height of the result of each stage but the last."""
    results = [stage.result for stage in find_stages(trace_model(model, EXAMPLE))]
    assert results.pop() is None
    return [(op.shape[1], op.shape[2]) for op in results if op is not None]


def _ends(model: nn.Module, size: int) -> list[str]:
    names = {module: name for name, module in model.named_modules()}
    stages = find_stages(trace_model(model, torch.zeros(2, 3, size, size)))
    return [names[stage.end.module] for stage in stages if stage.end is not None]


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("small20", [(16, 128), (32, 64)]),
        ("small8", [(16, 128), (32, 64)]),  # its only shortcut at a stage's end is a slice
        ("resnet50", [(64, 64), (256, 32), (512, 16), (1024, 8)]),  # not 128 inside a block
        ("densenet121", [(64, 64), (128, 32), (256, 16), (512, 8)]),
        ("shufflenet_v2_x0_5", [(24, 64), (24, 32), (48, 16), (96, 8)]),  # parallel branches
        ("alexnet", [(64, 31), (192, 15)]),
        ("timm:resnet26d", [(64, 64), (256, 32), (512, 16), (1024, 8)]),
        ("timm:resnetv2_50", [(64, 64), (256, 32), (512, 16), (1024, 8)]),
    ],
)
def test_stage_results_have_the_known_shapes(name: str, stages: list[tuple[int, int]]) -> None:
    """The result of every stage but the last has the known channels and height."""
    assert _results(_build(name)) == stages


def _plain(padding: int) -> nn.Sequential:
    def layer(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, 1, padding), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *(*layer(3, 4), *layer(4, 4), nn.MaxPool2d(2)),
        *(*layer(4, 8), *layer(8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(8, 5),
    )


@pytest.mark.parametrize("padding", [1, 0])
def test_convolution_without_padding_ends_no_stage(padding: int) -> None:
    """Stages end at strides, in a norm, and not where a missing padding shrinks the map."""
    model = _plain(padding)
    assert find_residuals(trace_model(model, torch.zeros(2, 3, 20, 20))) == []
    assert _ends(model, 20) == ["4", "11"]
    assert [channels for channels, _ in _results(model)] == [4]


def test_classifier_convolution_is_outside_the_last_stage() -> None:
    """A convolution that classifies comes after the end of the last stage."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.AdaptiveAvgPool2d(1)
    )
    assert _ends(model, 8) == ["0"]


class _Gated(nn.Module):
    """A convolution whose maps are gated, with pooling by a kernel of the maps' size."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.pool = nn.Conv2d(3, 4, 3, 1, 1), nn.AvgPool2d(8)
        self.gate, self.head = nn.Conv2d(4, 4, 1), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maps(x)
        x = x * self.gate(self.pool(x)).sigmoid()
        logits: torch.Tensor = self.head(x.mean((2, 3)))
        return logits


def test_gate_convolution_belongs_to_no_stage() -> None:
    """The gate's convolution is in no stage, and the stage that it gates is marked as gated."""
    (stage,) = find_stages(trace_model(_Gated(), torch.zeros(2, 3, 8, 8)))
    assert stage.gated
    assert stage.result is None
    assert len(stage.convolutions) == 1
